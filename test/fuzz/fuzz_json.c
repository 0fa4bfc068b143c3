/*
 * fuzz_json.c
 *		A text that is accepted stays so inside an array or object, and cannot break
 *		out of it; media types and strings never leave their memory.
 */
#include "domain/json.h"

#include "property.h"

/* The text between before and behind: is that JSON? */
static bool
check_between(const char *before, const void *data, size_t size, const char *behind)
{
	OutboxText text = {NULL, strlen(before) + size + strlen(behind), 0};
	bool json;

	text.bytes = malloc(text.size + 1);
	outbox_text_append_string(&text, before);
	outbox_text_append(&text, data, size);
	outbox_text_append_string(&text, behind);
	PROPERTY(outbox_text_fits(&text));
	json = outbox_json_check(text.bytes, text.length);
	free(text.bytes);
	return json;
}

/* Levels that the text could open, without looking at strings. */
static size_t
most_levels(const uint8_t *data, size_t size)
{
	size_t levels = 0;

	for (size_t i = 0; i < size; i++)
		levels += data[i] == '[' || data[i] == '{';
	return levels;
}

static void
check_string(const char *string)
{
	OutboxText measure = {NULL, 0, 0};
	bool utf8 = true;

	for (size_t at = 0, step; string[at] != '\0' && utf8; at += step)
	{
		step = outbox_text_utf8_length(string + at, strlen(string + at));
		utf8 = step != 0;
	}
	outbox_json_append_string(&measure, string);
	OutboxText text = {malloc(measure.length), measure.length, 0};
	outbox_json_append_string(&text, string);
	PROPERTY(text.length == measure.length);
	PROPERTY(outbox_json_check(text.bytes, text.length) == utf8);
	free(text.bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = terminated(data, size);

	if (outbox_json_check(data, size))
	{
		PROPERTY(check_between(" ", data, size, "\n"));
		PROPERTY(!check_between("", data, size, ",0"));
		PROPERTY(!check_between("", data, size, "]"));
		PROPERTY(!check_between("[", data, size, ""));
		if (most_levels(data, size) < OUTBOX_JSON_MAX_DEPTH)
		{
			PROPERTY(check_between("[0,", data, size, ",1]"));
			PROPERTY(check_between("{\"a\":", data, size, ",\"b\":0}"));
		}
	}
	else
		PROPERTY(!check_between(" ", data, size, "\n"));
	check_string(text);
	outbox_json_is_type(text);
	free(text);
	return 0;
}
