/*
 * monitor.h
 *		Names for what a relay tells of itself.
 */
#ifndef OUTBOX_INTERFACE_MONITOR_H
#define OUTBOX_INTERFACE_MONITOR_H

/* Of an OutboxVerdict. */
extern const char *outbox_monitor_verdict(int verdict);

#endif
