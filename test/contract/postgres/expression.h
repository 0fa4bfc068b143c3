/*
 * expression.h
 *		The suites of the definers' expressions, on a real table.
 *
 * They run as cmocka is set up and return the number of failures.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_EXPRESSION_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_EXPRESSION_H

/* What they mean. */
extern int expression_suite_run(void);

/* What is refused, and how. */
extern int expression_refusals_run(void);

/* That random ones mean the same in their canonical text. */
extern int expression_random_run(void);

#endif
