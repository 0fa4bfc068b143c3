/*
 * pattern.h
 *		Which subjects a pattern with wildcards stands for.
 *
 * "*" stands for one token, ">" at the end for one or more.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_PATTERN_H
#define OUTBOX_INFRASTRUCTURE_NATS_PATTERN_H

#include <stdbool.h>

/* Does every subject of inner belong to outer too? */
extern bool outbox_nats_pattern_covers(const char *outer, const char *inner);

/* Is there a subject that belongs to both? */
extern bool outbox_nats_pattern_meets(const char *a, const char *b);

#endif
