/*
 * touch.c
 *		The aggregates that this transaction has touched.
 *
 * All of it lives in the transaction's memory.  What a subtransaction changes is kept
 * in a journal with what was there before, so that its end costs what was done in it,
 * not what was done in all.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/memutils.h"

#include "infrastructure/postgres/touch.h"

typedef struct TouchEntry
{
	OutboxTouch *touch;
	uint32 hash;
	char status;
} TouchEntry;

#define SH_PREFIX touches
#define SH_ELEMENT_TYPE TouchEntry
#define SH_KEY_TYPE OutboxTouch *
#define SH_KEY touch
#define SH_HASH_KEY(table, key) hash_key(key)
#define SH_EQUAL(table, a, b) ((a)->root == (b)->root && strcmp((a)->id, (b)->id) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE

static inline uint32 hash_key(const OutboxTouch *key);

/* PostgreSQL 15's shadows a variable. */
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wshadow=compatible-local"
#endif
#include "lib/simplehash.h"
#pragma GCC diagnostic pop

#define VERSION OUTBOX_MARKS /* stands for the version in the journal */
#define ARMED (OUTBOX_MARKS + 1) /* and this for armed; touch is NULL */

/* A change that was made in a subtransaction. */
typedef struct Note
{
	OutboxTouch *touch;
	OutboxMark mark; /* or VERSION, ARMED */
	int level;
	int64 before;
} Note;

static touches_hash *table = NULL;
static OutboxTouch **order = NULL; /* of first touch */
static int order_count = 0;
static int order_room = 0;
static int first_due = 0; /* those before it are settled */
static Note *journal = NULL;
static int journal_count = 0;
static int journal_room = 0;
static int armed = 0; /* nesting level, 0: not */
static bool fine = false; /* the row that is to be inserted next */
static bool doubtful = false; /* one that was not may have become an update, or be still to come */

static void forget(XactEvent event, void *arg);
static void refuse_unsettled(void);
static void end_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent,
							   void *arg);
static void set_level(OutboxTouch *touch, OutboxMark mark, int level);
static void set_armed(int level);
static void note(OutboxTouch *touch, OutboxMark mark, int64 before);
static void keep(Note *made, int level);
static void undo(const Note *made);

static inline uint32
hash_key(const OutboxTouch *key)
{
	return hash_combine(hash_uint32(key->root),
						hash_bytes((const unsigned char *) key->id, strlen(key->id)));
}

void
outbox_touch_install(void)
{
	RegisterXactCallback(forget, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

OutboxTouch *
outbox_touch_take(uint32_t root, const char *aggregate, const char *id)
{
	OutboxTouch key = {.root = root, .id = id};
	MemoryContext before;
	TouchEntry *entry;
	OutboxTouch *touch;
	bool found;

	if (table != NULL)
	{
		entry = touches_lookup(table, &key);
		if (entry != NULL)
			return entry->touch;
	}
	before = MemoryContextSwitchTo(TopTransactionContext);
	if (table == NULL)
		table = touches_create(TopTransactionContext, 64, NULL);
	if (order_count == order_room)
	{
		order_room = Max(64, 2 * order_room);
		order = order == NULL ? palloc(sizeof(OutboxTouch *) * order_room)
							  : repalloc_huge(order, sizeof(OutboxTouch *) * order_room);
	}
	touch = palloc0(sizeof(OutboxTouch));
	touch->root = root;
	touch->aggregate = pstrdup(aggregate);
	touch->id = pstrdup(id);
	entry = touches_insert(table, touch, &found);
	entry->touch = touch;
	touch->number = order_count;
	order[order_count++] = touch;
	MemoryContextSwitchTo(before);
	return touch;
}

bool
outbox_touch_has(const OutboxTouch *touch, OutboxMark mark)
{
	return touch->levels[mark] != 0;
}

void
outbox_touch_set(OutboxTouch *touch, OutboxMark mark)
{
	if (mark == OUTBOX_MARK_DUE)
	{
		set_level(touch, OUTBOX_MARK_SETTLED, 0);
		first_due = Min(first_due, touch->number);
	}
	if (touch->levels[mark] == 0)
		set_level(touch, mark, GetCurrentTransactionNestLevel());
}

void
outbox_touch_clear(OutboxTouch *touch, OutboxMark mark)
{
	set_level(touch, mark, 0);
}

void
outbox_touch_set_version(OutboxTouch *touch, int64_t version)
{
	note(touch, VERSION, touch->version);
	touch->version = version;
}

void
outbox_touch_leave(OutboxTouch *touch, int64_t version)
{
	outbox_touch_set(touch, OUTBOX_MARK_GONE);
	outbox_touch_clear(touch, OUTBOX_MARK_CHANGED);
	outbox_touch_clear(touch, OUTBOX_MARK_LOCKED);
	outbox_touch_set_version(touch, version);
}

void
outbox_touch_empty(uint32_t root)
{
	for (int i = 0; i < order_count; i++)
		if (order[i]->root == root)
			outbox_touch_leave(order[i], 0);
}

bool
outbox_touch_is_due(const OutboxTouch *touch)
{
	return touch->levels[OUTBOX_MARK_DUE] != 0 && touch->levels[OUTBOX_MARK_SETTLED] == 0;
}

OutboxTouch *
outbox_touch_next_due(void)
{
	for (; first_due < order_count; first_due++)
		if (outbox_touch_is_due(order[first_due]))
			return order[first_due];
	return NULL;
}

bool
outbox_touch_arm(void)
{
	if (armed != 0)
		return false;
	set_armed(GetCurrentTransactionNestLevel());
	return true;
}

bool
outbox_touch_is_armed(void)
{
	return armed != 0;
}

void
outbox_touch_disarm(void)
{
	set_armed(0);
}

/* The trigger that a subtransaction has fired is to fire again when that is rolled back. */
static void
set_armed(int level)
{
	if (armed != level)
		note(NULL, ARMED, armed);
	armed = level;
}

void
outbox_touch_note_insert(bool is_fine)
{
	doubtful = doubtful || !is_fine;
	fine = !doubtful;
}

bool
outbox_touch_take_insert(void)
{
	bool was_fine = fine;

	fine = false;
	return was_fine;
}

static void
set_level(OutboxTouch *touch, OutboxMark mark, int level)
{
	if (touch->levels[mark] == level)
		return;
	note(touch, mark, touch->levels[mark]);
	touch->levels[mark] = level;
}

static void
note(OutboxTouch *touch, OutboxMark mark, int64 before)
{
	int level = GetCurrentTransactionNestLevel();

	if (level <= 1)
		return;
	if (journal_count == journal_room)
	{
		journal_room = Max(64, 2 * journal_room);
		journal = journal == NULL
					  ? MemoryContextAlloc(TopTransactionContext, sizeof(Note) * journal_room)
					  : repalloc_huge(journal, sizeof(Note) * journal_room);
	}
	journal[journal_count++] = (Note){touch, mark, level, before};
}

static void
forget(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			refuse_unsettled();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			table = NULL;
			order = NULL;
			order_count = order_room = first_due = 0;
			journal = NULL;
			journal_count = journal_room = 0;
			armed = 0;
			fine = doubtful = false;
			break;
		default:
			break;
	}
}

/*
 * The deferred trigger has settled all by now, unless it was disabled, or somebody has
 * called outbox.unsettled() so that it believes that it is not needed.
 */
static void
refuse_unsettled(void)
{
	OutboxTouch *touch = outbox_touch_next_due();

	if (touch != NULL)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("changes of aggregate \"%s\" were not judged before the commit",
				   touch->aggregate),
			errdetail("The deferred trigger that does so is disabled, or was kept from firing."),
			errhint("Enable all triggers of the aggregate's tables, and do not call "
					"outbox.unsettled()."));
}

/* What was changed in it becomes its parent's, or is undone, the last change first. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int level = GetCurrentTransactionNestLevel();
	int first = journal_count;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (first > 0 && journal[first - 1].level >= level)
	{
		first--;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			keep(&journal[first], level);
		else
			undo(&journal[first]);
	}
	if (event == SUBXACT_EVENT_ABORT_SUB || level <= 2)
		journal_count = first;
}

static void
keep(Note *made, int level)
{
	made->level = level - 1;
	if (made->mark == VERSION)
		return;
	made->before = Min(made->before, level - 1);
	if (made->mark == ARMED)
	{
		armed = Min(armed, level - 1);
		return;
	}
	made->touch->levels[made->mark] = Min(made->touch->levels[made->mark], level - 1);
}

static void
undo(const Note *made)
{
	if (made->mark == ARMED)
	{
		armed = (int) made->before;
		return;
	}
	if (made->mark == VERSION)
		made->touch->version = made->before;
	else
		made->touch->levels[made->mark] = (int) made->before;
	first_due = Min(first_due, made->touch->number);
}
