/*
 * journal.h
 *		The server's log, as the launcher and the relays write it: a line for each change
 *		of state.
 *
 * With outbox.log_format = text an entry is its message, detail and hint.  With json it
 * is one JSON object on one line, in ASCII, whatever the format of the server's log is:
 * "change" says what has happened, "message" is the text, and the rest is there where it
 * applies.  No entry holds payloads or secrets.
 */
#ifndef OUTBOX_INTERFACE_JOURNAL_H
#define OUTBOX_INTERFACE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct OutboxJournalEntry
{
	const char *change; /* a word for programs, such as relay_connected */
	const char *message;
	const char *detail;
	const char *hint; /* as all of these: NULL or "", there is none */
	const char *database;
	const char *outbox; /* its uuid */
	const char *stream;
	const char *verdict;
	const char *cause; /* as in outbox.status */
	const char *reason;
	const char *trace; /* traceparent of the event */
	int code; /* 0 and less of these: there is none */
	int64_t event_id;
	uint64_t sequence; /* the last one known of the stream */
	uint32_t attempt;
	uint64_t count; /* of events that it concerns */
	uint64_t gone; /* of them lost for good */
} OutboxJournalEntry;

/* Is JSON asked for?  Then also changes are told that have no line of text. */
extern bool outbox_journal_is_structured(void);

/* LOG, or WARNING when it is grave. */
extern void outbox_journal_write(const OutboxJournalEntry *entry, bool grave);

#endif
