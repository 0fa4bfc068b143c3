/*
 * page.c
 *		The live page, and what a browser may let it do.
 */
#include "postgres.h"

#include "common/base64.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "interface/page.h"

static void append_digest(StringInfo policy, const char *element);

const char *
outbox_page_policy(void)
{
	static char *known = NULL;
	StringInfoData policy;
	MemoryContext previous;

	if (known != NULL)
		return known;
	previous = MemoryContextSwitchTo(TopMemoryContext);
	initStringInfo(&policy);
	appendStringInfoString(
		&policy, "default-src 'none'; base-uri 'none'; form-action 'none'; "
				 "frame-ancestors 'none'; connect-src 'self'; img-src data:; script-src ");
	append_digest(&policy, "script");
	appendStringInfoString(&policy, "; style-src ");
	append_digest(&policy, "style");
	MemoryContextSwitchTo(previous);
	return known = policy.data;
}

/* The digest of what stands in the page's only element of this name. */
static void
append_digest(StringInfo policy, const char *element)
{
	char *opening = psprintf("<%s>", element);
	char *closing = psprintf("</%s>", element);
	const char *start = strstr(outbox_page_html, opening);
	const char *end = start != NULL ? strstr(start, closing) : NULL;
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char text[2 * PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	int length;

	if (end == NULL)
		elog(ERROR, "could not find <%s> in the page", element);
	start += strlen(opening);
	if (context == NULL || pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) start, end - start) < 0 ||
		pg_cryptohash_final(context, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute the digest of <%s>", element);
	pg_cryptohash_free(context);
	/* Bytes or characters: versions differ in what they call them. */
	length = pg_b64_encode((const void *) digest, sizeof(digest), text, sizeof(text));
	appendStringInfo(policy, "'sha256-%.*s'", length, text);
	pfree(opening);
	pfree(closing);
}
