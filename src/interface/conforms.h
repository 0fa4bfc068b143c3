/*
 * conforms.h
 *		What makes a domain a value object.
 */
#ifndef OUTBOX_INTERFACE_CONFORMS_H
#define OUTBOX_INTERFACE_CONFORMS_H

#include <stdbool.h>

/* Has this type a rule that calls outbox.conforms?  InvalidOid has none. */
extern bool outbox_conforms_governs(unsigned int type);

#endif
