/*
 * form.h
 *		Rows of the log as heap tuples.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_FORM_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "infrastructure/postgres/row.h"

struct HeapTupleData;
struct TupleDescData;

/* Are these the columns of columns.h, as log.sql makes them, and no others? */
extern bool outbox_form_fits(struct TupleDescData *columns);

/*
 * The tuple that heap_form_tuple would make, for a table of such columns and not as a
 * datum, in the current memory context; emitted_at is the draft's own.
 */
extern struct HeapTupleData *outbox_form_row(int64_t id, uintptr_t second,
											 const OutboxDraft *draft);

#endif
