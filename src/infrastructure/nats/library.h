/*
 * library.h
 *		Which libnats is at work.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_LIBRARY_H
#define OUTBOX_INFRASTRUCTURE_NATS_LIBRARY_H

/* The version of the library that is loaded, as "3.4.1"; makes no thread. */
extern const char *outbox_library_version(void);

#endif
