/*
 * draft.h
 *		Random events and templates, from tame to hostile.
 *
 * The same seed gives the same sequence.
 */
#ifndef OUTBOX_TEST_CONTRACT_DRAFT_H
#define OUTBOX_TEST_CONTRACT_DRAFT_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "domain/event.h"
#include "domain/header.h"

#define DRAFT_PAYLOAD_MAX 21000

/* An event and the memory it points into. */
typedef struct Draft
{
	OutboxEvent event;
	char aggregate[160];
	char aggregate_id[400];
	char action[160];
	char headers[OUTBOX_HEADER_LINES_MAX + 64];
	char payload[DRAFT_PAYLOAD_MAX];
} Draft;

static uint64_t random_state;

static uint32_t
below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t) (random_state * UINT64_C(0x2545f4914f6cdd1d) >> 33) % bound;
}

/* Appends random pieces, from harmless to hostile, to at least length bytes. */
static void
make_text(char *text, size_t length, size_t size)
{
	static const char *const pieces[] = {"a",
										 "Z",
										 "9",
										 "_",
										 "-",
										 ".",
										 "..",
										 "*",
										 ">",
										 " ",
										 "%",
										 "%2E",
										 "$",
										 "\r\n",
										 "\r",
										 "\n",
										 "\t",
										 "\x7f",
										 "\x01",
										 ":",
										 ": ",
										 "/",
										 "\"",
										 "\\",
										 "{",
										 "}",
										 "\xc3\xa9",
										 "\xff",
										 "\xe2\x82",
										 "'",
										 "$JS",
										 "_INBOX",
										 "\xc2\x85",
										 "\xf0\x9f\x98\x80",
										 "\xe2\x80\xa8",
										 "PUB x 1",
										 "=",
										 ",",
										 "@",
										 "\xef\xbf\xbf"};
	size_t at = 0;

	while (at < length)
	{
		const char *piece = pieces[below(sizeof(pieces) / sizeof(pieces[0]))];

		if (at + strlen(piece) >= size)
			break;
		memcpy(text + at, piece, strlen(piece));
		at += strlen(piece);
	}
	text[at] = '\0';
}

static void
make_token(char *token, size_t length)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	for (size_t i = 0; i < length; i++)
		token[i] = plain[below(sizeof(plain) - 1)];
	token[length] = '\0';
}

/* UTF-8 without control characters, of any planes. */
static void
make_characters(char *text, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++)
	{
		uint32_t point = below(3) == 0 ? 0xa0 + below(0xd000) : ' ' + below(95);

		if (point < 0x80)
			text[at++] = (char) point;
		else if (point < 0x800)
		{
			text[at++] = (char) (0xc0 | point >> 6);
			text[at++] = (char) (0x80 | (point & 63));
		}
		else
		{
			text[at++] = (char) (0xe0 | point >> 12);
			text[at++] = (char) (0x80 | (point >> 6 & 63));
			text[at++] = (char) (0x80 | (point & 63));
		}
	}
	text[at] = '\0';
}

/* A name: mostly legal. */
static void
make_name(char *name, size_t size)
{
	if (below(10) == 0)
		make_text(name, below(12), size);
	else
		make_token(name, 1 + (below(40) == 0 ? below(120) : below(20)));
}

static void
make_headers(Draft *target)
{
	OutboxHeaderLines lines;
	char key[64];
	char value[400];

	outbox_header_begin(&lines, target->headers, OUTBOX_HEADER_LINES_MAX + 1);
	for (uint32_t i = below(6); i > 0; i--)
	{
		OutboxFault fault;

		if (below(3) == 0)
			make_text(key, 1 + below(6), sizeof(key));
		else
			make_token(key, 1 + below(12));
		if (below(3) == 0)
			make_text(value, below(20), sizeof(value));
		else
			make_characters(value, 1 + below(100));
		fault = outbox_header_check(key, strlen(key), value, strlen(value));
		if (fault == OUTBOX_FAULT_NONE)
			fault = outbox_header_append(&lines, key, strlen(key), value, strlen(value));
	}
	if (below(50) == 0)
		make_text(target->headers + lines.length, below(20), 64);
}

static void
make_payload(Draft *target)
{
	size_t length = below(200);

	if (below(100) == 0)
		length = 20000 - below(2500);
	for (size_t i = 0; i < length; i++)
		target->payload[i] = (char) below(256);
	if (below(2) == 0 && length < 200)
		length = (size_t) snprintf(target->payload, sizeof(target->payload),
								   "{\"n\": [%u, \"\xc3\xa9\"]}", below(1000));
	target->event.payload = target->payload;
	target->event.payload_length = length;
}

static void
make_draft(Draft *target, int64_t id)
{
	static const char *const types[] = {"application/json",
										"application/octet-stream",
										"text/plain; charset=\"utf-8\"",
										"application/vnd.x+json",
										"nonsense",
										"text/plain\r\nNats-Rollup: all"};

	target->event = (OutboxEvent){.id = id,
								  .xid = below(UINT32_MAX),
								  .tx_index = 1 + below(1000),
								  .tx_count = 1000,
								  .emitted_at = (int64_t) below(UINT32_MAX) * 1000003,
								  .aggregate = target->aggregate,
								  .aggregate_id = target->aggregate_id,
								  .action = target->action,
								  .has_version = below(2) == 0,
								  .version = (int64_t) below(UINT32_MAX) - 1000,
								  .headers = target->headers};
	make_name(target->aggregate, sizeof(target->aggregate));
	make_name(target->action, sizeof(target->action));
	switch (below(4))
	{
		case 0:
			make_text(target->aggregate_id, below(20), sizeof(target->aggregate_id));
			break;
		case 1:
			make_characters(target->aggregate_id, below(60));
			break;
		default:
			make_token(target->aggregate_id, 1 + below(36));
	}
	target->event.content_type = types[below(20) == 0 ? 4 + below(2) : below(4)];
	make_headers(target);
	make_payload(target);
}

static void
make_template(char *text, size_t size)
{
	static const char *const pieces[] = {
		"{database}", "{aggregate}", "{aggregate}", "{aggregate_id}",
		"{action}",   ".",           ".",           ".",
		"-",          "x",           "evt_",        "{",
		"}",          "{tenant}",    "*",           ">",
		" ",          "$",           "_INBOX",      "%20"};
	size_t safe = below(4) == 0 ? 0 : 9; /* from the end: hostile pieces left out */

	text[0] = '\0';
	if (below(2) == 0)
		strcpy(text, "{database}.");
	for (uint32_t i = 1 + below(7); i > 0 && strlen(text) + 20 < size; i--)
		strcat(text, pieces[below((uint32_t) (sizeof(pieces) / sizeof(pieces[0]) - safe))]);
}

#endif
