/*
 * fake_store.h
 *		A database in memory, and the relay's store over it.
 *
 * The database knows transactions that run side by side, lock the aggregates they
 * emit for, commit in any order, synchronously or not, or abort.  WAL is a number
 * that every commit and every write of the store raises; a crash forgets what
 * lies beyond the flushed part.  The store keeps its cursor three times: as the
 * process remembers it, as it was persisted, and as a crash would leave it; with
 * it goes the quarantine, which all sessions see as it was written last, and the
 * trail.
 */
#ifndef OUTBOX_TEST_FAKE_STORE_H
#define OUTBOX_TEST_FAKE_STORE_H

#include "application/ports.h"

#define FAKE_ROWS 512
#define FAKE_TRANSACTIONS 256
#define FAKE_AGGREGATES 8
#define FAKE_PAYLOAD_MAX (1 << 16)

typedef enum FakeKind
{
	FAKE_PLAIN,
	FAKE_REFUSED, /* the broker will refuse it */
	FAKE_ILLEGAL, /* cannot be sealed */
	FAKE_TOO_LARGE /* over the broker's max_payload */
} FakeKind;

typedef enum FakeState
{
	FAKE_RUNNING,
	FAKE_COMMITTED,
	FAKE_ABORTED
} FakeState;

typedef struct FakeTransaction
{
	uint64_t xid;
	FakeState state;
	uint64_t commit_lsn;
	int rows; /* that were not rolled back to a savepoint */
	int64_t last; /* id of the last of them */
} FakeTransaction;

typedef struct FakeRow
{
	int64_t id;
	int transaction;
	int aggregate;
	FakeKind kind;
	size_t payload_length;
	bool rolled_back; /* to a savepoint */
	bool removed; /* no longer retained */
} FakeRow;

/* Where an event stands that was refused, or came after one. */
typedef enum FakeStanding
{
	FAKE_IN_LOG, /* neither */
	FAKE_WAITING, /* kept back */
	FAKE_DEAD, /* a dead letter */
	FAKE_MARKED, /* a dead letter that shall be sent again */
	FAKE_GIVEN_UP, /* a dead letter for ever */
	FAKE_LET_GO /* published after all */
} FakeStanding;

typedef struct FakeQuarantine
{
	unsigned char standing[FAKE_ROWS];
	bool blocks[FAKE_ROWS]; /* this dead letter holds its aggregate */
	bool blocked[FAKE_AGGREGATES];
} FakeQuarantine;

#define FAKE_TRAIL (2 * FAKE_ROWS)

typedef struct FakeTrail
{
	OutboxTrailEntry entries[FAKE_TRAIL]; /* ascending by sequence */
	int count;
	OutboxTrailEntry lost[FAKE_TRAIL]; /* in the order in which they are sent again */
	int lost_count;
	int settled; /* of lost */
	OutboxTrailEntry fresh[FAKE_TRAIL]; /* lost since the rewind */
	int fresh_count;
	uint64_t deleted;
} FakeTrail;

typedef struct FakeSnapshot
{
	OutboxSnapshot snapshot;
	uint64_t running[FAKE_TRANSACTIONS];
} FakeSnapshot;

typedef struct FakeCursor
{
	FakeSnapshot old_snapshot;
	FakeSnapshot new_snapshot;
	bool open;
	OutboxPosition position;
	uint64_t sequence;
	int64_t created;
	int64_t highest; /* nothing above has been settled */
	bool sifting;
	FakeQuarantine quarantine;
	FakeTrail trail;
	uint64_t lsn; /* of the write, when persisted */
} FakeCursor;

typedef struct FakeStore
{
	/* the database */
	FakeTransaction transactions[FAKE_TRANSACTIONS];
	int transaction_count;
	FakeRow rows[FAKE_ROWS];
	int row_count;
	int locks[FAKE_AGGREGATES]; /* transaction + 1, 0: free */
	uint64_t next_xid;
	uint64_t oldest_xid; /* all below finished before the last crash */
	int64_t next_id;
	uint64_t lsn;
	uint64_t flushed;
	FakeCursor saved[2]; /* the last persisted, and a durable one */
	bool blocking; /* refused events hold their aggregate */
	bool withholding; /* nothing of the log may be published for now */

	/* the store's process */
	FakeCursor cursor;
	bool releasing; /* no interval is open, but what is let go is handed out */
	int entries[FAKE_ROWS]; /* rows of the open interval, in order */
	int entry_count;
	int next; /* entry to hand out */
	OutboxPosition handed_out;
	bool again; /* what is lost is handed out */
	int again_next; /* of trail.lost */
	int again_seen; /* handed out, or found to be removed, since the rewind */
	uint64_t gone;
	bool dirty;
	uint64_t settled_events; /* in this process */
	uint64_t kept_events; /* of them, known to survive a crash */
	uint64_t fetches;

	/* Told of every event that becomes settled; NULL: nobody. */
	void (*on_settle)(void *context, int row);

	/* Told before anything is written down; NULL: nobody. */
	void (*on_save)(void *context);
	void *context;
	char texts[FAKE_ROWS][16];
	bool sifted[FAKE_ROWS]; /* found stored by sifting */
} FakeStore;

extern const OutboxStoreRoutine fake_store; /* self: FakeStore */

extern void fake_store_init(FakeStore *store);

/* Another life has settled up to here. */
extern void fake_store_settled_before(FakeStore *store, uint64_t sequence, int64_t created);

/* The outbox is adopted: what its former life has published is in the stream. */
extern void fake_store_adopt(FakeStore *store);

extern int fake_store_begin(FakeStore *store);

/* The row, or -1 when another transaction holds the aggregate, or all is full. */
extern int fake_store_emit(FakeStore *store, int transaction, int aggregate, FakeKind kind,
						   size_t payload_length);

/* Undoes the transaction's last row; false: none. */
extern bool fake_store_roll_back(FakeStore *store, int transaction);
extern void fake_store_commit(FakeStore *store, int transaction, bool synchronous);
extern void fake_store_abort(FakeStore *store, int transaction);

/* The process is killed and starts again at the persisted cursor. */
extern void fake_store_restart(FakeStore *store);

/* The database crashes: WAL survives up to lsn, at least the flushed part. */
extern void fake_store_crash(FakeStore *store, uint64_t lsn);

/* The row of an event id that exists and is committed, or -1. */
extern int fake_store_find(const FakeStore *store, int64_t id);
extern bool fake_store_committed(const FakeStore *store, int row);

/* The committed row is flushed: a crash cannot undo it. */
extern bool fake_store_durable_row(const FakeStore *store, int row);

/* Somebody marks a dead letter; false: it is none, or marked already. */
extern bool fake_store_redrive(FakeStore *store, int row, bool synchronous);
extern bool fake_store_discard(FakeStore *store, int row, bool synchronous);

extern FakeStanding fake_store_standing(const FakeStore *store, int row);

/* A dead letter, whatever is to become of it? */
extern bool fake_store_is_dead(const FakeStore *store, int row);

/* Is the row settled, as the process remembers? */
extern bool fake_store_row_settled(const FakeStore *store, int row);

#endif
