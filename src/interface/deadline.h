/*
 * deadline.h
 *		The timeout of a function that waits.
 */
#ifndef OUTBOX_INTERFACE_DEADLINE_H
#define OUTBOX_INTERFACE_DEADLINE_H

#include <stdint.h>

struct FunctionCallInfoBaseData;

/*
 * When an argument of type interval, the timeout, is over: TimestampTz.  A null or
 * negative one is an error.
 */
extern int64_t outbox_deadline_take(struct FunctionCallInfoBaseData *call, int argument);

#endif
