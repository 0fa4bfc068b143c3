/*
 * capture.c
 *		outbox.capture(): a trigger that emits every change of a table's rows.
 *
 * Arguments: the aggregate, and the column that holds the aggregate's id ("id"
 * when it is not given).  The events are inserted, updated and deleted; their
 * payload is {"old": row or null, "new": row or null}, rows as row_to_json
 * writes them.  The id is the new row's, of a deleted row the old one's.
 *
 * An UPDATE that changes nothing is told, too: whoever does not want that says
 * WHEN (OLD.* IS DISTINCT FROM NEW.*) in CREATE TRIGGER.  Whoever may write the
 * table emits by it: no right on outbox.emit is asked for.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "interface/record.h"

#define DEFAULT_ID_COLUMN "id"

PG_FUNCTION_INFO_V1(outbox_capture);

static TriggerData *take_trigger(FunctionCallInfo fcinfo);
static void refuse(const TriggerData *trigger, const char *detail);
static void take_change(const TriggerData *trigger, HeapTuple *old_row, HeapTuple *new_row,
						const char **action);
static const char *read_id(const TriggerData *trigger, HeapTuple row);
static AttrNumber find_column(Relation table, const char *name);
static void write_row(StringInfo json, Relation table, HeapTuple row);

Datum
outbox_capture(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = take_trigger(fcinfo);
	Relation table = trigger->tg_relation;
	OutboxEvent event = {.content_type = "application/json"};
	char room[OUTBOX_HEADER_LINES_MAX + 1];
	OutboxHeaderLines lines;
	HeapTuple old_row;
	HeapTuple new_row;
	StringInfoData json;
	const char *id;

	outbox_record_require_writable("outbox.capture()");
	take_change(trigger, &old_row, &new_row, &event.action);
	id = read_id(trigger, new_row != NULL ? new_row : old_row);
	event.aggregate_id = outbox_record_encode(id, strlen(id));
	event.aggregate = outbox_record_encode(trigger->tg_trigger->tgargs[0],
										   strlen(trigger->tg_trigger->tgargs[0]));
	initStringInfo(&json);
	appendStringInfoString(&json, "{\"old\":");
	write_row(&json, table, old_row);
	appendStringInfoString(&json, ",\"new\":");
	write_row(&json, table, new_row);
	appendStringInfoChar(&json, '}');
	event.payload = outbox_record_encode(json.data, json.len);
	event.payload_length = strlen(event.payload);
	outbox_header_begin(&lines, room, sizeof(room));
	(void) outbox_record_event(&event, &lines);
	PG_RETURN_POINTER(NULL);
}

/* The trigger, if it is one that this function is for. */
static TriggerData *
take_trigger(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(
			ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			errmsg("outbox.capture() was not called by a trigger"),
			errhint(
				"Use it in CREATE TRIGGER ... AFTER INSERT OR UPDATE OR DELETE ... FOR EACH ROW."));
	if (!TRIGGER_FIRED_AFTER(trigger->tg_event))
		refuse(trigger, "The trigger must fire AFTER the change.");
	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		refuse(trigger, "The trigger must fire FOR EACH ROW.");
	if (trigger->tg_trigger->tgnargs < 1 || trigger->tg_trigger->tgnargs > 2)
		refuse(
			trigger,
			"The arguments are the aggregate and, if it is not \"id\", the column of the aggregate's id.");
	return trigger;
}

static void
refuse(const TriggerData *trigger, const char *detail)
{
	ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			errmsg("trigger \"%s\" on table \"%s\" cannot use outbox.capture()",
				   trigger->tg_trigger->tgname, RelationGetRelationName(trigger->tg_relation)),
			errdetail("%s", detail),
			errhint("Use CREATE TRIGGER ... AFTER INSERT OR UPDATE OR DELETE ... FOR EACH ROW "
					"EXECUTE FUNCTION outbox.capture('aggregate', 'id_column')."));
}

static void
take_change(const TriggerData *trigger, HeapTuple *old_row, HeapTuple *new_row, const char **action)
{
	*old_row = NULL;
	*new_row = NULL;
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		*action = "inserted";
		*new_row = trigger->tg_trigtuple;
	}
	else if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
	{
		*action = "deleted";
		*old_row = trigger->tg_trigtuple;
	}
	else
	{
		*action = "updated";
		*old_row = trigger->tg_trigtuple;
		*new_row = trigger->tg_newtuple;
	}
}

static const char *
read_id(const TriggerData *trigger, HeapTuple row)
{
	Relation table = trigger->tg_relation;
	const char *name =
		trigger->tg_trigger->tgnargs > 1 ? trigger->tg_trigger->tgargs[1] : DEFAULT_ID_COLUMN;
	AttrNumber column = find_column(table, name);
	bool isnull;
	Datum id;
	Oid output;
	bool varlena;

	if (column == InvalidAttrNumber)
		ereport(
			ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" of table \"%s\" does not exist", name,
				   RelationGetRelationName(table)),
			errdetail("Trigger \"%s\" takes the aggregate's id from it.",
					  trigger->tg_trigger->tgname),
			errhint(
				"Create the trigger again with the column's name as second argument of outbox.capture()."));
	id = heap_getattr(row, column, RelationGetDescr(table), &isnull);
	if (isnull)
		ereport(
			ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			errmsg("column \"%s\" of table \"%s\" is null", name, RelationGetRelationName(table)),
			errdetail("Trigger \"%s\" takes the aggregate's id from it.",
					  trigger->tg_trigger->tgname));
	getTypeOutputInfo(TupleDescAttr(RelationGetDescr(table), column - 1)->atttypid, &output,
					  &varlena);
	return OidOutputFunctionCall(output, id);
}

/* Found by name for every row: partitions have their columns at other numbers. */
static AttrNumber
find_column(Relation table, const char *name)
{
	TupleDesc columns = RelationGetDescr(table);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && namestrcmp(&column->attname, name) == 0)
			return column->attnum;
	}
	return InvalidAttrNumber;
}

static void
write_row(StringInfo json, Relation table, HeapTuple row)
{
	Datum composite;
	text *written;

	if (row == NULL)
	{
		appendStringInfoString(json, "null");
		return;
	}
	composite = heap_copy_tuple_as_datum(row, RelationGetDescr(table));
	written = DatumGetTextPP(DirectFunctionCall1(row_to_json, composite));
	appendBinaryStringInfo(json, VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written));
}
