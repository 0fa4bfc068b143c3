/*
 * form.h
 *		How rows of the log get into it: as core would write them, whatever has become
 *		of its tables meanwhile.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_FORM_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_FORM_H

/* Runs the suite as cmocka is set up; returns the number of failures. */
extern int form_suite_run(void);

#endif
