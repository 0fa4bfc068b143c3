/*
 * relay_storm_check.c
 *		What must be true of the world when a schedule is over.
 */
#include "unit/relay_storm_check.h"

#include "unit/fake_world.h"

bool
storm_all_settled(void)
{
	if (outbox_relay_stranger(&world.relay) != 0)
		world_fail("event %lld is taken for a stranger",
				   (long long) outbox_relay_stranger(&world.relay));
	for (int i = 0; i < world.store.row_count; i++)
		if (fake_store_committed(&world.store, i) &&
			(!fake_store_row_settled(&world.store, i) ||
			 (world.store.rows[i].kind == FAKE_PLAIN && fake_store_is_dead(&world.store, i))))
			return false;
	return true;
}

/* Nothing is repaired on a shared stream, nor what is not retained, nor what was purged. */
static bool
may_be_missing(int row)
{
	const Fate *fate = &world.fates[row];

	if (fate->lost && (!world.plan.fenced || world.plan.switches))
		return true;
	return fate->purged || (fate->lost && world.store.rows[row].removed);
}

/* Each event was counted once, however many relays have settled it. */
void
storm_check_tally(void)
{
	const OutboxTallyBook *book = &world.tally.book;
	uint64_t expected = 0;
	uint64_t of_types = 0;
	uint64_t in_buckets = 0;

	for (int i = 0; i < world.store.row_count; i++)
		expected += fake_store_committed(&world.store, i) && world.fates[i].stored &&
					world.store.rows[i].kind == FAKE_PLAIN;
	for (int i = 0; i < book->type_count; i++)
		of_types += book->types[i].published;
	for (int i = 0; i < OUTBOX_TALLY_BUCKETS; i++)
		in_buckets += book->counts.latencies[i];
	if (book->counts.published != expected || of_types != expected)
		world_fail("%llu events are published, %llu are counted, and %llu by type",
				   (unsigned long long) expected, (unsigned long long) book->counts.published,
				   (unsigned long long) of_types);
	if (book->counts.acknowledged + book->counts.recalled != expected)
		world_fail("%llu events acknowledged and %llu recalled, of %llu",
				   (unsigned long long) book->counts.acknowledged,
				   (unsigned long long) book->counts.recalled, (unsigned long long) expected);
	if (book->counts.timed != book->counts.acknowledged || in_buckets != book->counts.timed)
		world_fail("%llu events acknowledged, %llu timed, %llu in buckets",
				   (unsigned long long) book->counts.acknowledged,
				   (unsigned long long) book->counts.timed, (unsigned long long) in_buckets);
}

void
storm_check_sequences(void)
{
	for (int i = 0; i < world.broker.stream.count; i++)
	{
		const FakeMessage *message = &world.broker.stream.messages[i];
		int row = message->event ? fake_store_find(&world.store, message->event) : -1;

		if (row >= 0 && !message->deleted && world.fates[row].sequence != message->sequence)
			world_fail("event %lld was stored at %llu and is stored at %llu",
					   (long long) message->event, (unsigned long long) world.fates[row].sequence,
					   (unsigned long long) message->sequence);
	}
}

void
storm_check_presence(void)
{
	bool present[FAKE_ROWS] = {false};

	for (int i = 0; i < world.broker.stream.count; i++)
		if (world.broker.stream.messages[i].event && !world.broker.stream.messages[i].deleted)
			present[fake_store_find(&world.store, world.broker.stream.messages[i].event)] = true;
	for (int i = 0; i < world.store.row_count; i++)
	{
		const FakeRow *row = &world.store.rows[i];

		if (!fake_store_committed(&world.store, i))
			continue;
		totals.events++;
		if (row->kind == FAKE_PLAIN && !present[i] && !may_be_missing(i))
			world_fail("event %lld is not in the stream", (long long) row->id);
		if (fake_store_is_dead(&world.store, i) != (row->kind != FAKE_PLAIN))
			world_fail("event %lld is %s dead letter", (long long) row->id,
					   row->kind == FAKE_PLAIN ? "wrongly a" : "no");
		totals.waited += row->kind == FAKE_PLAIN && !world.fates[i].refused &&
						 fake_store_standing(&world.store, i) == FAKE_LET_GO;
	}
}

void
storm_check_order(bool ordered, bool contiguous)
{
	bool seen[FAKE_ROWS] = {false};
	bool closed[FAKE_TRANSACTIONS] = {false};
	int64_t newest[FAKE_AGGREGATES] = {0};
	int at_hand = -1;

	for (int i = 0; i < world.broker.stream.count; i++)
	{
		int64_t event = world.broker.stream.messages[i].event;
		int row = event ? fake_store_find(&world.store, event) : -1;
		const FakeRow *found = &world.store.rows[row < 0 ? 0 : row];

		if (row < 0 || seen[row] || world.broker.stream.messages[i].deleted ||
			(world.fates[row].lost && (!world.plan.fenced || world.plan.switches)))
			continue;
		seen[row] = true;
		if (world.fates[row].passed)
			continue;
		if (found->id < newest[found->aggregate] && ordered)
			world_fail("event %lld of aggregate %d comes after event %lld", (long long) found->id,
					   found->aggregate, (long long) newest[found->aggregate]);
		newest[found->aggregate] = found->id;
		if (found->transaction == at_hand || fake_store_standing(&world.store, row) != FAKE_IN_LOG)
			continue;
		if (at_hand >= 0)
			closed[at_hand] = true;
		at_hand = found->transaction;
		if (contiguous && closed[at_hand])
			world_fail("event %lld is apart from its transaction's others", (long long) found->id);
	}
}
