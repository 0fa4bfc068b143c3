/*
 * doctor.c
 *		outbox.doctor: every prerequisite and misfit, with what to do.
 *
 * Each check (checks.c) runs by itself: one that fails is unknown, and the others go on.
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "infrastructure/nats/broker.h"
#include "infrastructure/postgres/sight.h"
#include "interface/attempt.h"
#include "interface/checks.h"
#include "interface/secret.h"
#include "interface/settings.h"

#define COLUMNS 4

typedef struct Examination
{
	ReturnSetInfo *result;
	bool stream_seen;
	Datum values[OUTBOX_CHECK_ARGUMENTS];
	char nulls[OUTBOX_CHECK_ARGUMENTS + 1]; /* a string */
} Examination;

PG_FUNCTION_INFO_V1(outbox_doctor);

static void measure_disk(Examination *examination);
static void examine(const Examination *examination, const OutboxCheck *check);
static void examine_files(const Examination *examination);
static void tell(const Examination *examination, const char *check, const char *status,
				 const char *finding, const char *remedy);

Datum
outbox_doctor(PG_FUNCTION_ARGS)
{
	Examination examination = {.nulls = "    "};
	OutboxSighting sighting;

	InitMaterializedSRF(fcinfo, 0);
	examination.result = (ReturnSetInfo *) fcinfo->resultinfo;
	examination.stream_seen = outbox_sight_read(&sighting) && sighting.stream.looked;
	examination.values[0] = CStringGetTextDatum(OUTBOX_VERSION);
	examination.values[1] = CStringGetTextDatum(outbox_nats_broker_library());
	measure_disk(&examination);
	for (const OutboxCheck *check = outbox_checks; check->name != NULL; check++)
		examine(&examination, check);
	examine_files(&examination);
	return (Datum) 0;
}

/* The WAL may be on a file system of its own: the one with less room counts. */
static void
measure_disk(Examination *examination)
{
	static const char *const places[] = {".", "pg_wal"};
	int64 least = -1;

	examination->nulls[2] = examination->nulls[3] = 'n';
	for (int i = 0; i < lengthof(places); i++)
	{
		struct statvfs facts;
		int64 available;

		if (statvfs(places[i], &facts) != 0)
			continue;
		available = (int64) facts.f_bavail * (int64) facts.f_frsize;
		if (least >= 0 && available >= least)
			continue;
		least = available;
		examination->values[2] = Int64GetDatum(available);
		examination->values[3] = Int64GetDatum((int64) facts.f_blocks * (int64) facts.f_frsize);
		examination->nulls[2] = examination->nulls[3] = ' ';
	}
}

static void
examine(const Examination *examination, const OutboxCheck *check)
{
	static const Oid types[] = {TEXTOID, TEXTOID, INT8OID, INT8OID};
	OutboxQuery query = {
		.text = check->misfits,
		.count = OUTBOX_CHECK_ARGUMENTS,
		.types = types,
		.values = examination->values,
		.nulls = examination->nulls,
	};
	OutboxAttempt attempt;

	if (check->of_stream && !examination->stream_seen)
	{
		tell(examination, check->name, "unknown", "the relay has not seen the stream",
			 "See the checks \"relay\" and \"preload\".");
		return;
	}
	outbox_attempt(&query, &attempt);
	if (!attempt.done)
		tell(examination, check->name, "unknown",
			 psprintf("could not be checked: %s", attempt.message),
			 "Repeat it as a superuser; remove what the finding names.");
	else if (attempt.count == 0)
		tell(examination, check->name, "ok", check->fine, NULL);
	for (uint64 i = 0; attempt.done && i < attempt.count; i++)
	{
		const char *texts[COLUMNS - 1];

		for (int column = 0; column < lengthof(texts); column++)
		{
			bool isnull;
			Datum value = outbox_attempt_value(&attempt, i, column + 1, &isnull);

			texts[column] = isnull ? NULL : TextDatumGetCString(value);
		}
		tell(examination, check->name, texts[0], texts[1], texts[2]);
	}
}

/* The files of secrets, as the relay would read them. */
static void
examine_files(const Examination *examination)
{
	const char *const files[] = {
		outbox_settings.nats_password_file,  outbox_settings.nats_token_file,
		outbox_settings.nats_nkey_seed_file, outbox_settings.nats_credentials_file,
		outbox_settings.nats_tls_key_file,
	};
	bool fine = true;

	for (int i = 0; i < lengthof(files); i++)
	{
		char reason[MAXPGPATH + 100];

		if (files[i] == NULL || files[i][0] == '\0' ||
			outbox_secret_check(files[i], reason, sizeof(reason)))
			continue;
		fine = false;
		tell(examination, "login files", "error", reason,
			 "Give it to the user who runs PostgreSQL, with mode 0600, then reload.");
	}
	if (fine)
		tell(examination, "login files", "ok", "those that are set can be read, and by nobody else",
			 NULL);
}

static void
tell(const Examination *examination, const char *check, const char *status, const char *finding,
	 const char *remedy)
{
	const char *const texts[COLUMNS] = {check, status, finding, remedy};
	Datum values[COLUMNS];
	bool nulls[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(examination->result->setResult, examination->result->setDesc, values,
						 nulls);
}
