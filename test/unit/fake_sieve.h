/*
 * fake_sieve.h
 *		What the fake store makes of events that were found in the stream.
 */
#ifndef OUTBOX_TEST_FAKE_SIEVE_H
#define OUTBOX_TEST_FAKE_SIEVE_H

#include "unit/fake_store.h"

extern int64_t fake_sieve_stranger(void *self, const int64_t *events, int count);
extern bool fake_sieve_sifting(void *self);
extern void fake_sieve_sift(void *self, const int64_t *events, int count, uint64_t floor,
							int64_t created, bool last);

#endif
