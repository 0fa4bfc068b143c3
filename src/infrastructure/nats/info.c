/*
 * info.c
 *		Which members of a stream matter, and what speaks against it.
 */
#include "infrastructure/nats/info.h"

#include <stdio.h>
#include <string.h>

#include "domain/verdict.h"
#include "infrastructure/nats/pattern.h"
#include "infrastructure/nats/reader.h"

#define SEALED 10109 /* what the server says to who publishes there */

typedef struct Reading
{
	OutboxNatsInfo *info;
	const char *pattern;
} Reading;

static OutboxNatsInfo *
info_of(const OutboxNatsReader *reader)
{
	return ((Reading *) reader->context)->info;
}

/* Takes so many digits as a number and moves on. */
static bool
take_digits(const char **text, int count, int64_t *number)
{
	*number = 0;
	for (; count > 0; count--, (*text)++)
	{
		if (**text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return true;
}

static bool
take_mark(const char **text, char mark)
{
	if (**text != mark)
		return false;
	(*text)++;
	return true;
}

/* Days from 1970 to a date of the Gregorian calendar; years begin in March here. */
static int64_t
count_days(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

/* Takes an optional fraction of a second, in nanoseconds. */
static int64_t
take_fraction(const char **text)
{
	int64_t unit = 100000000;
	int64_t fraction = 0;
	int64_t digit;

	if (!take_mark(text, '.'))
		return 0;
	for (; take_digits(text, 1, &digit); unit /= 10)
		fraction += digit * unit;
	return fraction;
}

/* Takes "Z" or an offset like "+01:00", in seconds. */
static bool
take_zone(const char **text, int64_t *offset)
{
	int64_t sign = **text == '-' ? -1 : 1;
	int64_t hours;
	int64_t minutes;

	*offset = 0;
	if (take_mark(text, 'Z'))
		return true;
	if (!take_mark(text, sign < 0 ? '-' : '+') || !take_digits(text, 2, &hours) ||
		!take_mark(text, ':') || !take_digits(text, 2, &minutes))
		return false;
	*offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool
outbox_nats_info_time(const char *text, int64_t *time)
{
	int64_t year, month, day, hour, minute, second, fraction, offset;

	if (!take_digits(&text, 4, &year) || !take_mark(&text, '-') || !take_digits(&text, 2, &month) ||
		!take_mark(&text, '-') || !take_digits(&text, 2, &day) || !take_mark(&text, 'T') ||
		!take_digits(&text, 2, &hour) || !take_mark(&text, ':') ||
		!take_digits(&text, 2, &minute) || !take_mark(&text, ':') ||
		!take_digits(&text, 2, &second))
		return false;
	if (year < 1970 || year > 2200 || month < 1 || month > 12)
		return false;
	fraction = take_fraction(&text);
	if (!take_zone(&text, &offset) || *text != '\0')
		return false;
	*time = count_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	*time = *time * 1000000000 + fraction;
	return true;
}

static bool
read_subject(OutboxNatsReader *reader)
{
	Reading *reading = reader->context;
	char subject[512];

	if (!outbox_nats_reader_string(reader, subject, sizeof(subject)))
		return false;
	if (outbox_nats_pattern_covers(subject, reading->pattern))
		reading->info->covered = true;
	if (outbox_nats_pattern_meets(subject, reading->pattern))
		reading->info->met = true;
	return true;
}

static bool
read_flag(OutboxNatsReader *reader, bool *flag)
{
	*flag = outbox_nats_reader_take_word(reader, "true");
	return *flag || outbox_nats_reader_take_word(reader, "false");
}

/* Reads a string and tells whether it is this word. */
static bool
read_choice(OutboxNatsReader *reader, const char *word, bool *chosen)
{
	char text[32];

	if (!outbox_nats_reader_string(reader, text, sizeof(text)))
		return false;
	*chosen = strcmp(text, word) == 0;
	return true;
}

static bool
read_retention(OutboxNatsReader *reader)
{
	bool limits;

	if (!read_choice(reader, "limits", &limits))
		return false;
	info_of(reader)->consumed = !limits;
	return true;
}

/* Where a number of the configuration goes; NULL: it is not one of ours. */
static int64_t *
find_limit(OutboxNatsInfo *info, const char *name)
{
	const struct
	{
		const char *name;
		int64_t *limit;
	} limits[] = {
		{"max_age", &info->max_age},
		{"max_msgs", &info->max_messages},
		{"max_bytes", &info->max_bytes},
		{"max_msgs_per_subject", &info->max_per_subject},
		{"max_msg_size", &info->max_message_size},
		{"num_replicas", &info->replicas},
		{"duplicate_window", &info->duplicate_window},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (strcmp(name, limits[i].name) == 0)
			return limits[i].limit;
	return NULL;
}

/* Servers since 2.11 write their version there. */
static bool
read_metadata_member(OutboxNatsReader *reader, const char *name)
{
	char version[64];

	if (strcmp(name, "_nats.ver") != 0)
		return outbox_nats_reader_skip(reader);
	if (!outbox_nats_reader_string(reader, version, sizeof(version)))
		return false;
	snprintf(info_of(reader)->server, sizeof(info_of(reader)->server), "%.*s",
			 OUTBOX_SIGHT_VERSION_SIZE - 1, version);
	return true;
}

static bool
read_config_member(OutboxNatsReader *reader, const char *name)
{
	OutboxNatsInfo *info = info_of(reader);
	int64_t *limit = find_limit(info, name);

	if (limit != NULL)
		return outbox_nats_reader_signed(reader, limit);
	if (strcmp(name, "subjects") == 0)
		return outbox_nats_reader_take_word(reader, "null") ||
			   outbox_nats_reader_array(reader, read_subject);
	if (strcmp(name, "sealed") == 0)
		return read_flag(reader, &info->sealed);
	if (strcmp(name, "no_ack") == 0)
		return read_flag(reader, &info->no_ack);
	if (strcmp(name, "storage") == 0)
		return read_choice(reader, "memory", &info->in_memory);
	if (strcmp(name, "discard") == 0)
		return read_choice(reader, "old", &info->discard_old);
	if (strcmp(name, "retention") == 0)
		return read_retention(reader);
	if (strcmp(name, "metadata") == 0)
		return outbox_nats_reader_take_word(reader, "null") ||
			   outbox_nats_reader_object(reader, read_metadata_member);
	/* Since 2.10 they all say so. */
	if (strcmp(name, "compression") == 0 && info->server[0] == '\0')
		snprintf(info->server, sizeof(info->server), "2.10");
	return outbox_nats_reader_skip(reader);
}

static bool
read_state_member(OutboxNatsReader *reader, const char *name)
{
	OutboxNatsInfo *info = info_of(reader);

	if (strcmp(name, "first_seq") == 0)
		return outbox_nats_reader_number(reader, UINT64_MAX, &info->first_sequence);
	if (strcmp(name, "last_seq") == 0)
		return outbox_nats_reader_number(reader, UINT64_MAX, &info->last_sequence);
	if (strcmp(name, "messages") == 0)
		return outbox_nats_reader_number(reader, UINT64_MAX, &info->messages);
	if (strcmp(name, "bytes") == 0)
		return outbox_nats_reader_number(reader, UINT64_MAX, &info->bytes);
	if (strcmp(name, "num_deleted") == 0)
		return outbox_nats_reader_number(reader, UINT64_MAX, &info->deleted);
	return outbox_nats_reader_skip(reader);
}

/* A server by itself has no name of a cluster. */
static bool
read_cluster_member(OutboxNatsReader *reader, const char *name)
{
	if (strcmp(name, "name") == 0)
		info_of(reader)->clustered = true;
	return outbox_nats_reader_skip(reader);
}

static bool
read_member(OutboxNatsReader *reader, const char *name)
{
	char time[64];

	if (strcmp(name, "config") == 0)
		return outbox_nats_reader_object(reader, read_config_member);
	if (strcmp(name, "state") == 0)
		return outbox_nats_reader_object(reader, read_state_member);
	if (strcmp(name, "cluster") == 0)
		return outbox_nats_reader_take_word(reader, "null") ||
			   outbox_nats_reader_object(reader, read_cluster_member);
	if (strcmp(name, "created") == 0)
		return outbox_nats_reader_string(reader, time, sizeof(time)) &&
			   outbox_nats_info_time(time, &info_of(reader)->created);
	return outbox_nats_reader_skip(reader);
}

bool
outbox_nats_info_parse(const char *bytes, size_t length, const char *pattern, OutboxNatsInfo *info)
{
	Reading reading = {.info = info, .pattern = pattern};

	memset(info, 0, sizeof(*info));
	if (outbox_nats_puback_parse(bytes, length, &info->refusal))
		return info->refusal.error;
	return outbox_nats_reader_document(bytes, length, read_member, &reading) && info->created > 0;
}

/* Appends a remark, separated from the one before. */
static void
remark(char *text, size_t size, const char *words)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s", used > 0 ? "; " : "", words);
}

static void
warn(const OutboxNatsInfo *info, char *text, size_t size)
{
	if (info->consumed)
		remark(text, size, "the stream removes messages once consumers have had them");
	if (outbox_nats_info_expires(info) || info->max_per_subject > 0)
		remark(text, size, "the stream's limits remove old messages");
	if (info->in_memory)
		remark(text, size, "the stream is kept in memory and lost when the server restarts");
}

bool
outbox_nats_info_expires(const OutboxNatsInfo *info)
{
	return info->max_age > 0 ||
		   ((info->max_messages > 0 || info->max_bytes > 0) && info->discard_old);
}

bool
outbox_nats_info_sparse(const OutboxNatsInfo *info)
{
	return info->consumed || info->max_per_subject > 0;
}

int
outbox_nats_info_judge(const OutboxNatsInfo *info, const char *pattern, char *text, size_t size)
{
	text[0] = '\0';
	if (info->sealed)
	{
		remark(text, size, "the stream is sealed");
		return SEALED;
	}
	if (info->no_ack)
	{
		remark(text, size, "the stream does not acknowledge messages (no_ack)");
		return OUTBOX_CODE_NO_ACK;
	}
	if (!info->met)
	{
		snprintf(text, size, "the stream does not capture the subjects \"%.128s\"", pattern);
		return OUTBOX_CODE_SUBJECT;
	}

	if (!info->covered)
		snprintf(text, size, "the stream captures only some of the subjects \"%.100s\"", pattern);
	warn(info, text, size);
	return OUTBOX_CODE_NONE;
}

void
outbox_nats_info_show(const OutboxNatsInfo *info, int64_t max_payload, OutboxSight *sight)
{
	memset(sight, 0, sizeof(*sight));
	sight->looked = true;
	sight->covered = info->covered;
	sight->met = info->met;
	sight->sealed = info->sealed;
	sight->no_ack = info->no_ack;
	sight->in_memory = info->in_memory;
	sight->consumed = info->consumed;
	sight->discard_old = info->discard_old;
	sight->clustered = info->clustered;
	sight->replicas = info->replicas;
	sight->max_age = info->max_age;
	sight->max_messages = info->max_messages;
	sight->max_bytes = info->max_bytes;
	sight->max_per_subject = info->max_per_subject;
	sight->max_message_size = info->max_message_size;
	sight->max_payload = max_payload;
	sight->duplicate_window = info->duplicate_window;
	sight->messages = info->messages;
	sight->bytes = info->bytes;
	sight->last_sequence = info->last_sequence;
	snprintf(sight->server, sizeof(sight->server), "%s", info->server);
}
