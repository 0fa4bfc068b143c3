/*
 * syntax.c
 *		What the text of a setting may look like.
 *
 * A server is [scheme://]host[:port] with scheme nats or tls; an IPv6 address
 * stands in brackets.  User and password have settings of their own, because
 * everybody may read a server's address, and a log may hold it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "infrastructure/http/address.h"
#include "interface/syntax.h"

#define PORT_DIGITS 5
#define PORT_MAX 65535
#define HOST_MAX 253
#define STREAM_MAX 128
#define CHANNEL_MAX 63
#define PATH_MAX_BYTES 1023
#define TRACEPARENT_LENGTH 55
#define TRACESTATE_MAX 512
#define CONTEXT_MAX 255
#define DATABASE_PLACEHOLDER "{database}"

static const char *check_server(const char *start, const char *end);
static const char *check_host(const char *start, const char *end);
static const char *check_port(const char *start, const char *end);
static const char *check_visible(const char *text, size_t max, const char *too_long);
static const char *skip_scheme(const char *start, const char *end);
static bool is_word(char c);
static bool is_hex(const char *text, size_t length);
static bool is_zero(const char *text, size_t length);

const char *
outbox_syntax_servers(const char *text)
{
	for (const char *start = text;; start++)
	{
		const char *end = start + strcspn(start, ",");
		const char *next = end;
		const char *flaw;

		while (start < end && *start == ' ')
			start++;
		while (end > start && end[-1] == ' ')
			end--;
		flaw = check_server(start, end);
		if (flaw != NULL || *next == '\0')
			return flaw;
		start = next;
	}
}

const char *
outbox_syntax_stream(const char *text)
{
	if (strlen(text) > STREAM_MAX)
		return "A stream's name is at most 128 bytes long.";
	while (*text != '\0')
	{
		if (strncmp(text, DATABASE_PLACEHOLDER, strlen(DATABASE_PLACEHOLDER)) == 0)
			text += strlen(DATABASE_PLACEHOLDER);
		else if (is_word(*text))
			text++;
		else
			return "A stream's name consists of letters, digits, \"_\", \"-\" and the placeholder {database}.";
	}
	return NULL;
}

const char *
outbox_syntax_channel(const char *text)
{
	if (strlen(text) > CHANNEL_MAX)
		return "A channel's name is at most 63 bytes long.";
	for (; *text != '\0'; text++)
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			return "A channel's name holds no control characters.";
	return NULL;
}

const char *
outbox_syntax_listen(const char *text)
{
	OutboxHttpAddress parsed;

	return *text == '\0' ? NULL : outbox_http_address_parse(text, &parsed);
}

const char *
outbox_syntax_path(const char *text)
{
	if (*text == '\0')
		return NULL;
	if (*text != '/')
		return "The path must be absolute.";
	if (strlen(text) > PATH_MAX_BYTES)
		return "The path is too long.";
	return NULL;
}

const char *
outbox_syntax_traceparent(const char *text)
{
	const char *form =
		"The form is 00-<trace id, 32 hex digits>-<parent id, 16>-<flags, 2>, in lower case.";

	if (*text == '\0')
		return NULL;
	if (strlen(text) != TRACEPARENT_LENGTH || strncmp(text, "00-", 3) != 0 || text[35] != '-' ||
		text[52] != '-' || !is_hex(text + 3, 32) || !is_hex(text + 36, 16) || !is_hex(text + 53, 2))
		return form;
	if (is_zero(text + 3, 32) || is_zero(text + 36, 16))
		return "Trace id and parent id must not be all zeros.";
	return NULL;
}

const char *
outbox_syntax_tracestate(const char *text)
{
	return check_visible(text, TRACESTATE_MAX, "The value is at most 512 bytes long.");
}

const char *
outbox_syntax_context(const char *text)
{
	return check_visible(text, CONTEXT_MAX, "The value is at most 255 bytes long.");
}

static const char *
check_server(const char *start, const char *end)
{
	const char *colon = end;
	const char *flaw;

	if (memchr(start, '@', end - start) != NULL)
		return "User and password do not belong into a server's address: "
			   "use outbox.nats_user, outbox.nats_password_file or another file setting.";
	start = skip_scheme(start, end);
	if (start == NULL)
		return "The scheme of a server's address is nats:// or tls://.";
	if (start == end)
		return "A server's host is missing.";
	if (*start == '[')
	{
		colon = memchr(start, ']', end - start);
		if (colon == NULL)
			return "The bracket of an IPv6 address is not closed.";
		colon++;
	}
	else if (memchr(start, ':', end - start) != NULL)
		colon = memchr(start, ':', end - start);
	flaw = check_host(start, colon);
	if (flaw == NULL && colon < end)
		flaw = check_port(colon, end);
	return flaw;
}

/* NULL when there is a scheme and it is none of ours. */
static const char *
skip_scheme(const char *start, const char *end)
{
	size_t length = end - start;

	if (length >= 7 && strncmp(start, "nats://", 7) == 0)
		return start + 7;
	if (length >= 6 && strncmp(start, "tls://", 6) == 0)
		return start + 6;
	for (; start + 2 < end; start++)
		if (strncmp(start, "://", 3) == 0)
			return NULL;
	return end - length;
}

static const char *
check_host(const char *start, const char *end)
{
	bool address = *start == '[';
	const char *first = address ? start + 1 : start;
	const char *last = address ? end - 1 : end;

	if (first >= last)
		return "A server's host is missing.";
	if (last - first > HOST_MAX)
		return "A server's host is at most 253 bytes long.";
	for (; first < last; first++)
		if (!is_word(*first) && *first != '.' && !(address && (*first == ':' || *first == '%')))
			return "A server's address is [nats://|tls://]host[:port], several are separated by commas.";
	return NULL;
}

/* start is at the colon. */
static const char *
check_port(const char *start, const char *end)
{
	long port = 0;
	size_t digits = end - start - 1;

	if (*start != ':' || digits == 0 || digits > PORT_DIGITS)
		return "A server's port is a number from 1 to 65535.";
	for (start++; start < end; start++)
	{
		if (*start < '0' || *start > '9')
			return "A server's port is a number from 1 to 65535.";
		port = port * 10 + (*start - '0');
	}
	return port >= 1 && port <= PORT_MAX ? NULL : "A server's port is a number from 1 to 65535.";
}

static const char *
check_visible(const char *text, size_t max, const char *too_long)
{
	size_t length = strlen(text);

	if (length > max)
		return too_long;
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return "The value consists of printable ASCII characters.";
	if (length > 0 && (text[0] == ' ' || text[length - 1] == ' '))
		return "The value neither begins nor ends with a blank.";
	return NULL;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '-';
}

static bool
is_hex(const char *text, size_t length)
{
	return strspn(text, "0123456789abcdef") >= length;
}

static bool
is_zero(const char *text, size_t length)
{
	return strspn(text, "0") >= length;
}
