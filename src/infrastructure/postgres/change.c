/*
 * change.c
 *		A change of one row, seen through the rules of its table.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#include "domain/key.h"
#include "infrastructure/postgres/change.h"
#include "infrastructure/postgres/jsontext.h"

/* What settings could make of an id. */
static const char *const styles[][2] = {
	{"datestyle", "ISO"},    {"timezone", "UTC"},         {"intervalstyle", "postgres"},
	{"bytea_output", "hex"}, {"extra_float_digits", "1"}, {"search_path", "pg_catalog, pg_temp"},
};

static bool same_bytes(const OutboxColumn *column, Datum a, Datum b);
static char *text_of(const OutboxColumn *column, TupleTableSlot *row);
static char *version_place(const OutboxRuleSet *set, TupleTableSlot *row);
static Datum version_datum(const OutboxRuleSet *set, int64 version);

char *
outbox_change_id(const OutboxRuleSet *set, TupleTableSlot *row)
{
	int count = set->definition->key.count;
	char *parts[INDEX_MAX_KEYS];
	OutboxText id = {0};

	for (int i = 0; i < count; i++)
	{
		parts[i] = text_of(&set->key[i], row);
		if (parts[i] == NULL)
			return NULL;
		id.size += 3 * strlen(parts[i]) + 1; /* all of it encoded */
	}
	if (count == 1)
		return parts[0];
	id.bytes = palloc(id.size);
	for (int i = 0; i < count; i++)
		outbox_key_append(&id, parts[i], i == 0);
	outbox_text_append_char(&id, '\0');
	return id.bytes;
}

bool
outbox_change_has_id(const OutboxRuleSet *set, TupleTableSlot *row)
{
	for (int i = 0; i < set->definition->key.count; i++)
		if (slot_attisnull(row, set->key[i].number))
			return false;
	return true;
}

bool
outbox_change_version(const OutboxRuleSet *set, TupleTableSlot *row, int64_t *version)
{
	bool isnull;
	Datum value;

	if (set->version.number == 0)
		return false;
	value = slot_getattr(row, set->version.number, &isnull);
	if (isnull)
		return false;
	*version = set->version.type == INT8OID   ? DatumGetInt64(value)
			   : set->version.type == INT4OID ? DatumGetInt32(value)
											  : DatumGetInt16(value);
	return true;
}

HeapTuple
outbox_change_number(const OutboxRuleSet *set, HeapTuple row, int64_t version)
{
	int column = set->version.number;
	Datum value = version_datum(set, version);
	bool isnull = false;

	if (OidIsValid(set->version.domain))
		domain_check(value, isnull, set->version.domain, NULL, NULL);
	return heap_modify_tuple_by_cols(row, set->numbered->tts_tupleDescriptor, 1, &column, &value,
									 &isnull);
}

bool
outbox_change_renumber(const OutboxRuleSet *set, TupleTableSlot *row, int64_t version)
{
	int column = set->version.number - 1;
	char *place = version_place(set, row);

	if (place == NULL)
		return false;
	row->tts_values[column] = version_datum(set, version);
	store_att_byval(place, row->tts_values[column], set->version.length);
	return true;
}

bool
outbox_change_stays(const OutboxRuleSet *set, TupleTableSlot *row)
{
	bool stays;

	if (set->stays == NULL)
		return true;
	set->context->ecxt_scantuple = row;
	stays = ExecCheck(set->stays, set->context);
	ResetExprContext(set->context);
	return stays;
}

void
outbox_change_begin(OutboxRowChange *change)
{
	OutboxRuleSet *set = change->set;

	if (!set->evaluates)
		return;
	set->busy = true;
	set->context->ecxt_innertuple = change->old_row;
	set->context->ecxt_outertuple = change->new_row;
	outbox_persona_assume(&change->persona, set->owner, OUTBOX_PERSONA_RULE, set->pinned);
}

void
outbox_change_end(OutboxRowChange *change)
{
	if (!change->set->evaluates)
		return;
	outbox_persona_drop(&change->persona);
	outbox_change_abandon(change);
}

void
outbox_change_abandon(OutboxRowChange *change)
{
	if (change->set->busy)
		ResetExprContext(change->set->context);
	change->set->busy = false;
}

OutboxChange
outbox_change_describe(const OutboxRowChange *change)
{
	const OutboxColumn *state = &change->set->state;
	OutboxChange described = {.operation = change->operation};
	bool old_null;
	bool new_null;
	Datum old_state;
	Datum new_state;

	if (state->number == 0 || change->operation == OUTBOX_OPERATION_DELETE)
		return described;
	if (change->operation == OUTBOX_OPERATION_UPDATE)
	{
		old_state = slot_getattr(change->old_row, state->number, &old_null);
		new_state = slot_getattr(change->new_row, state->number, &new_null);
		described.state_kept =
			old_null == new_null && (old_null || same_bytes(state, old_state, new_state));
		if (described.state_kept)
			return described;
		described.old_state = text_of(state, change->old_row);
	}
	described.new_state = text_of(state, change->new_row);
	return described;
}

bool
outbox_change_keeps(const OutboxRowChange *change, int index)
{
	const OutboxColumn *column = &change->set->immutable[index];
	bool old_null;
	bool new_null;
	Datum old_value = slot_getattr(change->old_row, column->number, &old_null);
	Datum new_value = slot_getattr(change->new_row, column->number, &new_null);

	if (old_null || new_null)
		return old_null == new_null;
	if (same_bytes(column, old_value, new_value))
		return true;
	return column->equal != NULL &&
		   DatumGetBool(FunctionCall2Coll(column->equal, column->collation, old_value, new_value));
}

OutboxTruth
outbox_change_evaluate(const OutboxRowChange *change, OutboxExpression *expression)
{
	bool isnull;
	Datum value = outbox_expression_evaluate(expression, change->set->context, &isnull);

	if (isnull)
		return OUTBOX_TRUTH_UNKNOWN;
	return DatumGetBool(value) ? OUTBOX_TRUTH_TRUE : OUTBOX_TRUTH_FALSE;
}

const char *
outbox_change_payload(const OutboxRowChange *change, OutboxExpression *expression)
{
	bool isnull;
	Datum value;

	if (expression == NULL)
	{
		bool deleted = change->operation == OUTBOX_OPERATION_DELETE;
		StringInfoData json;

		initStringInfo(&json);
		outbox_rowjson_write(change->set->writer, deleted ? change->old_row : change->new_row,
							 &json);
		return json.data;
	}
	value = outbox_expression_evaluate(expression, change->set->context, &isnull);
	if (isnull)
		return NULL;
	if (outbox_expression_type(expression) == JSONBOID)
	{
		Jsonb *document = DatumGetJsonbP(value);
		StringInfoData json;

		initStringInfo(&json);
		outbox_jsontext_append(&json, &document->root, VARSIZE(document));
		return json.data;
	}
	return TextDatumGetCString(value);
}

/* Most values are by value or short. */
static bool
same_bytes(const OutboxColumn *column, Datum a, Datum b)
{
	if (column->by_value)
		return a == b;
	if (column->length == -1 && VARATT_IS_SHORT(DatumGetPointer(a)) &&
		VARATT_IS_SHORT(DatumGetPointer(b)))
		return VARSIZE_SHORT(DatumGetPointer(a)) == VARSIZE_SHORT(DatumGetPointer(b)) &&
			   memcmp(DatumGetPointer(a), DatumGetPointer(b), VARSIZE_SHORT(DatumGetPointer(a))) ==
				   0;
	return datum_image_eq(a, b, column->by_value, column->length);
}

/* In the current memory context, the same in every session; NULL: null. */
static char *
text_of(const OutboxColumn *column, TupleTableSlot *row)
{
	bool isnull;
	Datum value = slot_getattr(row, column->number, &isnull);
	char *text;
	int nest;

	if (isnull)
		return NULL;
	if (!column->styled)
		return OutputFunctionCall(column->output, value);
	nest = NewGUCNestLevel();
	for (int i = 0; i < lengthof(styles); i++)
		(void) set_config_option(styles[i][0], styles[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	text = OutputFunctionCall(column->output, value);
	AtEOXact_GUC(true, nest);
	return text;
}

/*
 * Where the version stands in the tuple that the slot owns; NULL: not known.  A slot
 * remembers where the column ends that was read last.
 */
static char *
version_place(const OutboxRuleSet *set, TupleTableSlot *row)
{
	HeapTupleTableSlot *slot = (HeapTupleTableSlot *) row;
	int number = set->version.number;
	char *place;

	if (OidIsValid(set->version.domain) || !(TTS_IS_HEAPTUPLE(row) || TTS_IS_BUFFERTUPLE(row)) ||
		!TTS_SHOULDFREE(row) || row->tts_nvalid != number || row->tts_isnull[number - 1] ||
		HeapTupleHeaderGetNatts(slot->tuple->t_data) < number)
		return NULL;
	place = (char *) slot->tuple->t_data + slot->tuple->t_data->t_hoff + slot->off -
			set->version.length;
	return fetch_att(place, true, set->version.length) == row->tts_values[number - 1] ? place
																					  : NULL;
}

static Datum
version_datum(const OutboxRuleSet *set, int64 version)
{
	switch (set->version.type)
	{
		case INT8OID:
			return Int64GetDatum(version);
		case INT4OID:
			return Int32GetDatum((int32) version);
		default:
			return Int16GetDatum((int16) version);
	}
}
