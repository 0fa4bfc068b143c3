/*
 * board.h
 *		All outboxes of the server as JSON, from shared memory alone.
 */
#ifndef OUTBOX_INTERFACE_BOARD_H
#define OUTBOX_INTERFACE_BOARD_H

#include <stdbool.h>

struct StringInfoData;

/* What the page at / shows. */
extern void outbox_board_write(struct StringInfoData *json);

/* Can every outbox that is meant to publish do so, and if not, for want of what?  True: it can. */
extern bool outbox_board_write_readiness(struct StringInfoData *json);

#endif
