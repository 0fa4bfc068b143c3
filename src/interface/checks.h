/*
 * checks.h
 *		What outbox.doctor looks at.
 *
 * A check is a query for misfits: a row (status, finding, remedy) for each.  Its
 * arguments are what SQL cannot find out:
 *
 *	$1	version of the library
 *	$2	version of libnats
 *	$3	free bytes on the file system of the data directory, null: not known
 *	$4	and its size
 */
#ifndef OUTBOX_INTERFACE_CHECKS_H
#define OUTBOX_INTERFACE_CHECKS_H

#include <stdbool.h>

#define OUTBOX_CHECK_ARGUMENTS 4

typedef struct OutboxCheck
{
	const char *name;
	const char *fine; /* the finding when there is no misfit */
	bool of_stream; /* unknown unless the relay has seen the stream */
	const char *misfits;
} OutboxCheck;

/* Ends with one without a name. */
extern const OutboxCheck outbox_checks[];

#endif
