/*
 * text.c
 *		Writing text into memory of somebody else; what UTF-8 is.
 */
#include "domain/text.h"

#include <string.h>

static const char hex_digits[] = "0123456789ABCDEF";

bool
outbox_text_fits(const OutboxText *text)
{
	return text->length <= text->size;
}

void
outbox_text_append(OutboxText *text, const void *bytes, size_t length)
{
	if (length == 0)
		return;
	if (text->length <= text->size && length <= text->size - text->length)
		memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void
outbox_text_append_string(OutboxText *text, const char *string)
{
	outbox_text_append(text, string, strlen(string));
}

void
outbox_text_append_char(OutboxText *text, char c)
{
	if (text->length < text->size)
		text->bytes[text->length] = c;
	text->length++;
}

void
outbox_text_append_unsigned(OutboxText *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char) ('0' + number % 10);
	while ((number /= 10) != 0);
	outbox_text_append(text, digits + at, sizeof(digits) - at);
}

void
outbox_text_append_signed(OutboxText *text, int64_t number)
{
	if (number < 0)
		outbox_text_append_char(text, '-');
	outbox_text_append_unsigned(text, number < 0 ? 0 - (uint64_t) number : (uint64_t) number);
}

void
outbox_text_append_encoded(OutboxText *text, const char *bytes, size_t length, OutboxPlain plain)
{
	for (size_t at = 0; at < length;)
	{
		size_t run = outbox_plain_run(bytes + at, length - at, plain);

		outbox_text_append(text, bytes + at, run);
		at += run;
		if (at < length)
		{
			unsigned char byte = (unsigned char) bytes[at++];
			char escape[3] = {'%', hex_digits[byte >> 4], hex_digits[byte & 15]};

			outbox_text_append(text, escape, sizeof(escape));
		}
	}
}

void
outbox_text_append_base64(OutboxText *text, const void *bytes, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = bytes;
	size_t needed = (length + 2) / 3 * 4;

	if (text->length > text->size || needed > text->size - text->length)
	{
		text->length += needed;
		return;
	}
	for (size_t i = 0; i < length; i += 3)
	{
		size_t left = length - i;
		uint32_t group = (uint32_t) in[i] << 16 | (left > 1 ? (uint32_t) in[i + 1] << 8 : 0) |
						 (left > 2 ? (uint32_t) in[i + 2] : 0);
		char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
						left > 1 ? digits[group >> 6 & 63] : '=',
						left > 2 ? digits[group & 63] : '='};

		outbox_text_append(text, four, sizeof(four));
	}
}

/*
 * Year, month and day of a day counted from 0000-03-01 in the proleptic Gregorian
 * calendar: years begin in March, so that the leap day is a year's last day.
 */
static void
split_day(int32_t day, int *year, int *month, int *month_day)
{
	int32_t era_day = day % 146097;
	int32_t era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	int32_t year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
	int32_t march_month = (5 * year_day + 2) / 153;

	*month_day = year_day - (153 * march_month + 2) / 5 + 1;
	*month = march_month < 10 ? march_month + 3 : march_month - 9;
	*year = era_year + day / 146097 * 400 + (*month <= 2 ? 1 : 0);
}

/* Writes the number with leading zeros, followed by the character. */
static char *
put_digits(char *at, int number, int width, char after)
{
	for (int i = width - 1; i >= 0; i--, number /= 10)
		at[i] = (char) ('0' + number % 10);
	at[width] = after;
	return at + width + 1;
}

void
outbox_text_append_time(OutboxText *text, int64_t time)
{
	const int64_t day_length = INT64_C(86400000000);
	const int64_t march_0000 = -719468 * day_length;
	const int64_t first = march_0000; /* day 0000-03-01 */
	const int64_t last = 2932897 * day_length - 1; /* end of 9999-12-31 */
	char stamp[27];
	char *at = stamp;
	int year;
	int month;
	int month_day;
	int64_t clock;

	time = time < first ? first : time > last ? last : time;
	time -= march_0000;
	split_day((int32_t) (time / day_length), &year, &month, &month_day);
	clock = time % day_length;
	at = put_digits(at, year, 4, '-');
	at = put_digits(at, month, 2, '-');
	at = put_digits(at, month_day, 2, 'T');
	at = put_digits(at, (int) (clock / INT64_C(3600000000)), 2, ':');
	at = put_digits(at, (int) (clock / 60000000 % 60), 2, ':');
	at = put_digits(at, (int) (clock / 1000000 % 60), 2, '.');
	put_digits(at, (int) (clock % 1000000), 6, 'Z');
	outbox_text_append(text, stamp, sizeof(stamp));
}

/* How long a character beyond ASCII is that begins with this byte, and its second byte's range; 0: none. */
static size_t
lead_length(unsigned char lead, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
	{
		if (lead == 0xe0)
			*low = 0xa0; /* else overlong */
		if (lead == 0xed)
			*high = 0x9f; /* else a surrogate */
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4)
	{
		if (lead == 0xf0)
			*low = 0x90; /* else overlong */
		if (lead == 0xf4)
			*high = 0x8f; /* else beyond U+10FFFF */
		return 4;
	}
	return 0;
}

size_t
outbox_text_utf8_length(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *) bytes;
	unsigned char low;
	unsigned char high;
	size_t needed;

	if (at[0] < 0x80)
		return 1;
	needed = lead_length(at[0], &low, &high);
	if (needed == 0 || needed > length)
		return 0;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < needed; i++)
	{
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	}
	return needed;
}

/* The character is in its shortest form, so controls have one or two bytes. */
static bool
is_control(const unsigned char *at, size_t length)
{
	if (length == 1)
		return at[0] < ' ' || at[0] == 0x7f;
	return length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

OutboxTextFlaw
outbox_text_find_flaw(const char *bytes, size_t length)
{
	for (size_t at = 0, step; at < length; at += step)
	{
		step = outbox_plain_run(bytes + at, length - at, OUTBOX_PLAIN_TEXT);
		if (step > 0)
			continue;
		step = outbox_text_utf8_length(bytes + at, length - at);
		if (step == 0)
			return OUTBOX_TEXT_NOT_UTF8;
		if (is_control((const unsigned char *) bytes + at, step))
			return OUTBOX_TEXT_CONTROL_CHARACTER;
	}
	return OUTBOX_TEXT_CLEAN;
}
