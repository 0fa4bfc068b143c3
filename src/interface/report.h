/*
 * report.h
 *		Puts the domain's faults into words and SQLSTATEs.
 */
#ifndef OUTBOX_INTERFACE_REPORT_H
#define OUTBOX_INTERFACE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/event.h"
#include "domain/fault.h"

/* What a fault is about, as far as it is known; see report.c for what is quoted. */
typedef struct OutboxReportFacts
{
	const OutboxEvent *event; /* UTF-8, may be incomplete; or NULL */
	const char *header; /* key of the header at fault, or NULL */
	size_t header_length;
	int64_t limit; /* bytes that a message may have */
	bool limit_assumed; /* the broker has not told its limit yet */
} OutboxReportFacts;

/* Raises the error of this fault; never called with OUTBOX_FAULT_NONE. */
extern void outbox_report_fault(OutboxFault fault, const OutboxReportFacts *facts)
	__attribute__((noreturn));

/* A sentence that says what the rule is; NULL for OUTBOX_FAULT_NONE. */
extern const char *outbox_report_explain(OutboxFault fault);

#endif
