/*
 * page.h
 *		The live page: monitoring/page.html, built into the library.
 */
#ifndef OUTBOX_INTERFACE_PAGE_H
#define OUTBOX_INTERFACE_PAGE_H

#include <stddef.h>

/* Of the file that the Makefile makes of the page. */
extern const char outbox_page_html[];
extern const size_t outbox_page_length;

/*
 * Its Content-Security-Policy: it runs its own script and style, by their digests,
 * and asks nobody but the server that it came from.
 */
extern const char *outbox_page_policy(void);

#endif
