/*
 * prometheus.h
 *		The metrics of all databases, in the text format of Prometheus.
 */
#ifndef OUTBOX_INTERFACE_PROMETHEUS_H
#define OUTBOX_INTERFACE_PROMETHEUS_H

struct StringInfoData;

/* Appends the metrics of all outboxes of the server, from shared memory alone. */
extern void outbox_prometheus_write(struct StringInfoData *text);

#endif
