/*
 * identity.c
 *		Which outbox this is, and whether this is the place that it belongs to.
 *
 * What is noted and what is found is compared in domain/origin.h.
 * The row is read without SQL: emit asks on behalf of roles that may not see it,
 * with whatever search_path they have.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/identity.h"

/* Filesystems that number files as they please. */
#define FUSE_MAGIC 0x65735546
#define OVERLAY_MAGIC 0x794c7630

/* The columns of outbox.identity, in the order of identity.sql. */
typedef enum Column
{
	UUID = 1,
	CLUSTER,
	DATABASE,
	TIMELINE,
	DIRECTORY,
	BORN,
	IDS_FROM
} Column;

static const char settle_query[] =
	"UPDATE outbox.identity SET uuid = $1::uuid, system_identifier = $2, database_oid = $3,"
	"       timeline = $4, directory = $5, directory_born = $6, ids_from = $7";

static void read_row(OutboxIdentity *identity);
static void judge(TupleTableSlot *slot, OutboxIdentity *identity);
static int64 take_number(TupleTableSlot *slot, Column column);
static void look_around(OutboxPlace *here);
static void look_at_directory(OutboxPlace *here);

void
outbox_identity_load(OutboxIdentity *identity)
{
	read_row(identity);
	if (outbox_identity_is_restored())
		identity->origin = OUTBOX_ORIGIN_RESTORED;
}

int64_t
outbox_identity_next_ids(void)
{
	OutboxIdentity identity;

	read_row(&identity);
	if (identity.origin == OUTBOX_ORIGIN_HERE)
		return 0;
	return outbox_origin_next_ids(identity.ids_from, 0);
}

void
outbox_identity_settle(const char *uuid, int64_t ids_from)
{
	Oid types[] = {TEXTOID, INT8OID, OIDOID, INT8OID, INT8OID, INT8OID, INT8OID};
	OutboxPlace here;
	Datum values[lengthof(types)];

	look_around(&here);
	values[0] = CStringGetTextDatum(uuid);
	values[1] = Int64GetDatum((int64) here.cluster);
	values[2] = ObjectIdGetDatum(here.database);
	values[3] = Int64GetDatum(here.timeline);
	values[4] = Int64GetDatum((int64) here.directory);
	values[5] = Int64GetDatum(here.born);
	values[6] = Int64GetDatum(ids_from);
	SPI_connect();
	if (SPI_execute_with_args(settle_query, lengthof(types), types, values, NULL, false, 0) !=
			SPI_OK_UPDATE ||
		SPI_processed != 1)
		elog(ERROR, "could not write the outbox's identity");
	SPI_finish();
}

bool
outbox_identity_is_restored(void)
{
	return outbox_catalog_has_rows("restored");
}

const char *
outbox_identity_explain(OutboxOrigin origin)
{
	switch (origin)
	{
		case OUTBOX_ORIGIN_OTHER_DATABASE:
			return "this outbox belongs to another database, of which this one is a copy";
		case OUTBOX_ORIGIN_COPIED_FILES:
			return "this outbox belongs to another data directory, of which this one is a copy";
		case OUTBOX_ORIGIN_RESTORED:
			return "an outbox was restored here from a dump";
		case OUTBOX_ORIGIN_HERE:
		case OUTBOX_ORIGIN_MOVED:
			break;
	}
	return "";
}

static void
read_row(OutboxIdentity *identity)
{
	Relation relation = table_open(outbox_catalog_relation("identity"), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);

	if (!table_scan_getnextslot(scan, ForwardScanDirection, slot))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the row of \"outbox.identity\" is missing"),
						errhint("Drop and create the extension.")));
	judge(slot, identity);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	table_close(relation, AccessShareLock);
}

static void
judge(TupleTableSlot *slot, OutboxIdentity *identity)
{
	OutboxPlace noted;
	OutboxPlace here;
	bool isnull;
	Datum uuid = slot_getattr(slot, UUID, &isnull);

	strlcpy(identity->uuid, DatumGetCString(DirectFunctionCall1(uuid_out, uuid)), OUTBOX_UUID_SIZE);
	identity->ids_from = take_number(slot, IDS_FROM);
	noted.cluster = (uint64) take_number(slot, CLUSTER);
	noted.database = DatumGetObjectId(slot_getattr(slot, DATABASE, &isnull));
	noted.timeline = (uint32) take_number(slot, TIMELINE);
	noted.directory = (uint64) take_number(slot, DIRECTORY);
	noted.born = take_number(slot, BORN);
	look_around(&here);
	identity->origin = outbox_origin_decide(&noted, &here);
	identity->noted = identity->origin == OUTBOX_ORIGIN_HERE && noted.timeline != 0;
}

static int64
take_number(TupleTableSlot *slot, Column column)
{
	bool isnull;
	Datum value = slot_getattr(slot, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static void
look_around(OutboxPlace *here)
{
	memset(here, 0, sizeof(*here));
	here->cluster = GetSystemIdentifier();
	here->database = MyDatabaseId;
	here->timeline = GetWALInsertionTimeLine();
	look_at_directory(here);
}

static void
look_at_directory(OutboxPlace *here)
{
	struct statx directory;
	struct statfs filesystem;

	if (statx(AT_FDCWD, DataDir, 0, STATX_INO | STATX_BTIME, &directory) != 0)
		return;
	if (directory.stx_mask & STATX_BTIME)
		here->born =
			directory.stx_btime.tv_sec * INT64CONST(1000000000) + directory.stx_btime.tv_nsec;
	if (statfs(DataDir, &filesystem) == 0 && filesystem.f_type != FUSE_MAGIC &&
		filesystem.f_type != OVERLAY_MAGIC)
		here->directory = directory.stx_ino;
}
