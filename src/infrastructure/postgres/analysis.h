/*
 * analysis.h
 *		Analyses a definer's expression over the rows old and new.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_ANALYSIS_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_ANALYSIS_H

#include <stdint.h>

#include "infrastructure/postgres/expression.h"

/* Range table entries of an analysed expression. */
#define OUTBOX_OLD_ROW 1
#define OUTBOX_NEW_ROW 2

/* Analyses it under the settings that there are; errors show the place in the text. */
extern struct Node *outbox_analysis_run(const char *text, OutboxExpressionKind kind,
										uint32_t table);

#endif
