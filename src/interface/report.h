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

/* What breaks a rule of an aggregate; in the server's encoding, NULL where it is not known. */
typedef struct OutboxReportBreach
{
	const char *aggregate;
	const char *aggregate_id;
	uint32_t table; /* Oid */
	const char *column; /* or NULL */
	const char *constraint;
	const char *message; /* the rule's own, or NULL */
	int64_t old_version; /* of the row */
	int64_t new_version; /* that was written */
	const char *old_state;
	const char *new_state;
	const char *allowed; /* what can follow, see outbox_lifecycle_list; may be "" */
	const char *guard; /* its text */
	const char *invariant; /* its name */
} OutboxReportBreach;

/* Raises the error of this fault; never called with OUTBOX_FAULT_NONE. */
extern void outbox_report_fault(OutboxFault fault, const OutboxReportFacts *facts)
	__attribute__((noreturn));

/*
 * The same of a breach, OUTBOX_FAULT_VERSION_STALE to OUTBOX_FAULT_ROOT_MISSING, with
 * schema, table, column and constraint as fields of the error; see breach.c.
 */
extern void outbox_report_breach(OutboxFault fault, const OutboxReportBreach *breach)
	__attribute__((noreturn));

/* A sentence that says what the rule is; NULL for OUTBOX_FAULT_NONE. */
extern const char *outbox_report_explain(OutboxFault fault);

/*
 * What a message may quote of a value in this encoding: its beginning, without control
 * characters.  Allocated.
 */
extern char *outbox_report_quote(const char *value, size_t length, int encoding);

#endif
