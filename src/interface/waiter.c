/*
 * waiter.c
 *		Waits for everything that a relay waits for, at once.
 *
 * A wait set cannot forget a descriptor, so each epoch of the broker has a set
 * of its own.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "infrastructure/postgres/compat.h"
#include "interface/waiter.h"

#define MAX_EVENTS 4
#define NO_PLACE (-1)

static WaitEventSet *set = NULL;
static uint64_t set_epoch; /* the broker's epoch that the set was made for */
static int socket_place = NO_PLACE;
static int news_place;
static uint32 socket_events;
static uint32 wait_event = 0;

static void build(OutboxNatsBroker *broker);
static void follow_writes(OutboxNatsBroker *broker);

OutboxWakes
outbox_waiter_wait(OutboxNatsBroker *broker, long timeout_ms)
{
	WaitEvent events[MAX_EVENTS];
	OutboxWakes wakes = {0};
	int count;

	if (set == NULL || set_epoch != outbox_nats_broker_epoch(broker))
		build(broker);
	follow_writes(broker);
	count = WaitEventSetWait(set, timeout_ms, events, MAX_EVENTS,
							 outbox_compat_wait_event(wait_event, "OutboxRelay"));
	for (int i = 0; i < count; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			wakes.latch = true;
		if (events[i].pos == news_place)
			wakes.news = true;
		if (socket_place != NO_PLACE && events[i].pos == socket_place)
		{
			wakes.readable = (events[i].events & WL_SOCKET_READABLE) != 0;
			wakes.writable = (events[i].events & WL_SOCKET_WRITEABLE) != 0;
		}
	}
	/* One that was set meanwhile is for the next wait. */
	if (wakes.latch)
		ResetLatch(MyLatch);
	return wakes;
}

static void
build(OutboxNatsBroker *broker)
{
	int descriptor = outbox_nats_broker_socket(broker);

	if (set)
		FreeWaitEventSet(set);
	set = outbox_compat_create_wait_set(MAX_EVENTS);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	news_place = AddWaitEventToSet(set, WL_SOCKET_READABLE, outbox_nats_broker_wakeup_fd(broker),
								   NULL, NULL);
	socket_place = NO_PLACE;
	socket_events = WL_SOCKET_READABLE;
	if (descriptor >= 0)
		socket_place = AddWaitEventToSet(set, socket_events, descriptor, NULL, NULL);
	set_epoch = outbox_nats_broker_epoch(broker);
}

static void
follow_writes(OutboxNatsBroker *broker)
{
	uint32 wanted = WL_SOCKET_READABLE;

	if (socket_place == NO_PLACE)
		return;
	if (outbox_nats_broker_wants_write(broker))
		wanted |= WL_SOCKET_WRITEABLE;
	if (wanted != socket_events)
		ModifyWaitEvent(set, socket_place, wanted, NULL);
	socket_events = wanted;
}
