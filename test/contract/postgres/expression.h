/*
 * expression.h
 *		The definers' expressions on a real table: what they mean, and what is refused.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_EXPRESSION_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_EXPRESSION_H

/* Runs the suite as cmocka is set up; returns the number of failures. */
extern int expression_suite_run(void);

#endif
