/*
 * trial.h
 *		Tries what may fail, and goes on.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_TRIAL_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_TRIAL_H

#include <stdbool.h>

/*
 * Does it go without an error?  In a subtransaction: what it writes and locks stays only
 * if it is to be kept; what it allocates in the current memory context stays.  A cancel
 * is no failure of it, and goes on as the error that it is.
 */
extern bool outbox_trial(void (*action)(void *), void *argument, bool kept);

#endif
