/*
 * orders.c
 *		The table of the suites of expressions.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "contract/postgres/orders.h"
#include "contract/postgres/transaction.h"

uint32_t orders;

int
orders_begin(void **state)
{
	static const char *const commands[] = {
		"CREATE SCHEMA shop",
		"CREATE SCHEMA ops",
		"CREATE TYPE shop.status AS ENUM ('new', 'paid', 'sent')",
		"CREATE TYPE shop.address AS (street text, number int)",
		"CREATE DOMAIN shop.positive AS int CHECK (value > 0)",
		"CREATE DOMAIN shop.document AS jsonb",
		"CREATE COLLATION shop.plain FROM \"C\"",
		"CREATE TABLE shop.orders (id bigint, gone int, total numeric(10,2), name varchar(20), status shop.status,"
		" address shop.address, amount shop.positive, tags text[], told json, known jsonb, file shop.document,"
		" at timestamptz, day date, span interval, ratio float8, \"select\" text, \"d\"\"q\" int, old int, ok boolean)",
		"ALTER TABLE shop.orders DROP gone",
		"CREATE TABLE shop.line (id int, order_id bigint, quantity int)",
		"CREATE FUNCTION shop.next(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1'",
		"CREATE FUNCTION shop.large(shop.orders) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN $1.total > 100; END'",
		"CREATE FUNCTION shop.each(VARIADIC text[]) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
		"CREATE FUNCTION shop.times(a int, b int DEFAULT 7) RETURNS int LANGUAGE sql AS 'SELECT $1 * $2'",
		"CREATE OPERATOR ops.+ (FUNCTION = int4mul, LEFTARG = int, RIGHTARG = int)",
	};

	(void) transaction_begin(state);
	for (int i = 0; i < lengthof(commands); i++)
		transaction_run(commands[i]);
	orders = transaction_ask_oid("SELECT 'shop.orders'::regclass::oid");
	return 0;
}

char *
orders_canonical(OutboxExpressionKind kind, const char *text)
{
	return outbox_expression_deparse(outbox_expression_analyse(text, kind, orders), orders);
}

struct TupleTableSlot *
orders_row(const char *json)
{
	Relation table = table_open(orders, AccessShareLock);
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(table)), &TTSOpsVirtual);

	table_close(table, NoLock);
	if (json == NULL)
		return ExecStoreAllNullTuple(slot);
	SPI_connect();
	if (SPI_execute(psprintf("SELECT * FROM jsonb_populate_record(NULL::shop.orders, '%s')", json),
					true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not make a row");
	ExecClearTuple(slot);
	for (int i = 0, from = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(slot->tts_tupleDescriptor, i);

		slot->tts_isnull[i] = true;
		if (!column->attisdropped)
			slot->tts_values[i] = heap_getattr(SPI_tuptable->vals[0], ++from, SPI_tuptable->tupdesc,
											   &slot->tts_isnull[i]);
		if (!slot->tts_isnull[i])
			slot->tts_values[i] =
				SPI_datumTransfer(slot->tts_values[i], column->attbyval, column->attlen);
	}
	SPI_finish();
	return ExecStoreVirtualTuple(slot);
}

/* Thrice, for what it keeps from one time to the next. */
char *
orders_evaluate(OutboxExpressionKind kind, const char *text, struct TupleTableSlot *old_row,
				struct TupleTableSlot *new_row)
{
	OutboxExpression *expression =
		outbox_expression_compile(text, kind, orders, CurrentMemoryContext);
	ExprContext *context = CreateStandaloneExprContext();
	char *result = NULL;
	Oid output;
	bool varlena;

	context->ecxt_innertuple = old_row;
	context->ecxt_outertuple = new_row;
	getTypeOutputInfo(outbox_expression_type(expression), &output, &varlena);
	for (int i = 0; i < 3; i++)
	{
		bool isnull;
		Datum value;

		ResetExprContext(context);
		value = outbox_expression_evaluate(expression, context, &isnull);
		result = isnull ? "null" : OidOutputFunctionCall(output, value);
	}
	FreeExprContext(context, true);
	outbox_expression_free(expression);
	return result;
}
