/*
 * place.h
 *		The place of an error in an expression.
 *
 * Core reports places in the statement that the client has sent, which an expression is
 * only an argument of.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_PLACE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_PLACE_H

struct ErrorContextCallback;

/*
 * Until it is popped, errors are about this text: a place is one in it, and it is named as
 * internal query or in the context.  A hint says how to name users' objects when a name
 * was not found.  An error pops it, too.
 */
extern void outbox_place_push(struct ErrorContextCallback *callback, const char *text);
extern void outbox_place_pop(const struct ErrorContextCallback *callback);

#endif
