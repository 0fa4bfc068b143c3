/*
 * property.h
 *		What the fuzz targets share: a property that stops the run when it fails,
 *		and the inverse of our percent-encoding.
 */
#ifndef OUTBOX_TEST_FUZZ_PROPERTY_H
#define OUTBOX_TEST_FUZZ_PROPERTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROPERTY(holds) require((holds), #holds, __FILE__, __LINE__)

static inline void
require(bool holds, const char *property, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
	abort();
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of the bytes with a NUL behind them, in memory of just that size. */
static inline char *
terminated(const void *bytes, size_t length)
{
	char *copy = malloc(length + 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

/* Takes the escapes of text out again; returns the length of bytes. */
static inline size_t
decode(const char *text, char *bytes)
{
	size_t length = 0;

	for (; *text != '\0'; text++)
	{
		if (*text == '%')
		{
			char digits[3] = {text[1], text[2], '\0'};

			PROPERTY(strspn(digits, "0123456789ABCDEF") == 2);
			bytes[length++] = (char) strtol(digits, NULL, 16);
			text += 2;
		}
		else
			bytes[length++] = *text;
	}
	return length;
}

#endif
