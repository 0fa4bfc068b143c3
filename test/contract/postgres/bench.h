/*
 * bench.h
 *		PostgreSQL's store under the hooks of the store's contract.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_BENCH_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_BENCH_H

#include "contract/store_contract.h"

extern const StoreBench postgres_bench;

#endif
