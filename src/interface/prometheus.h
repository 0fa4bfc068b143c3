/*
 * prometheus.h
 *		The metrics of all databases in the text format of Prometheus.
 */
#ifndef OUTBOX_INTERFACE_PROMETHEUS_H
#define OUTBOX_INTERFACE_PROMETHEUS_H

struct StringInfoData;

/*
 * Appends the metrics (text format 0.0.4, UTF-8), read from shared memory alone: any process
 * with shared memory may call it, also without a database.  Allocates in the current
 * memory context, some 100 kB for each database while it runs.
 */
extern void outbox_prometheus_write(struct StringInfoData *text);

#endif
