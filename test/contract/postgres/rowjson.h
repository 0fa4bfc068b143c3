/*
 * rowjson.h
 *		Our JSON of rows against row_to_json.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_ROWJSON_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_ROWJSON_H

/* Runs the suite as cmocka is set up; returns the number of failures. */
extern int rowjson_suite_run(void);

#endif
