/*
 * mark.c
 *		What a relay leaves behind for the time after it.
 *
 * Signal handlers run here, perhaps on a thread of a library: they write to the
 * open file and call nothing else that is not safe in a handler.  A file that
 * cannot be written is told of once; the relay then runs without a mark.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/mark.h"

#define MARK_VERSION UINT32_C(0x4f424d31)
#define NO_FILE (-1)
#define PATH_SIZE 64
/* Room for a handler when the stack is what has run out. */
#define SPARE_STACK_SIZE 65536

typedef struct Record
{
	uint32_t version;
	bool running;
	bool crashed;
	int64_t server; /* when the postmaster started */
	int64_t at_hand;
	OutboxMark mark;
} Record;

static int file = NO_FILE;
static char path[PATH_SIZE];
static Record record; /* of this relay */

static bool load(uint32_t database, Record *into);
static void save(uint32_t database, const Record *from);
static bool write_record(int descriptor, const Record *from);
static void write_own(void);
static void name(char *into, uint32_t database);
static void complain(void);
static void watch_signals(void);
static void on_crash(int number, siginfo_t *info, void *context);
static void on_quit(int number);

void
outbox_mark_judge(uint32_t database, OutboxMark *mark)
{
	Record last;
	OutboxEnd end = OUTBOX_END_CLEAN;

	memset(mark, 0, sizeof(*mark));
	if (!load(database, &last))
		return;
	if (last.running && last.server == PgStartTime)
	{
		end = last.crashed ? OUTBOX_END_CRASH : OUTBOX_END_VANISHED;
		outbox_suspicion_judge(&last.mark.suspicion, end, last.at_hand);
	}
	if (last.running)
	{
		last.running = false;
		save(database, &last);
	}
	*mark = last.mark;
}

void
outbox_mark_pardon(uint32_t database, int64_t set_aside)
{
	Record last;

	if (!load(database, &last))
		return;
	outbox_suspicion_pardon(&last.mark.suspicion);
	if (set_aside != 0)
		last.mark.set_aside = set_aside;
	save(database, &last);
}

void
outbox_mark_forget(uint32_t database)
{
	char gone[PATH_SIZE];

	name(gone, database);
	(void) unlink(gone);
}

void
outbox_mark_begin(uint32_t database, OutboxMark *mark)
{
	if (!load(database, &record))
		memset(&record, 0, sizeof(record));
	*mark = record.mark;
	record.version = MARK_VERSION;
	record.running = true;
	record.crashed = false;
	record.server = PgStartTime;
	record.at_hand = OUTBOX_AT_HAND_NOTHING;
	record.mark.signal = 0;
	name(path, database);
	file = BasicOpenFile(path, O_RDWR | O_CREAT | PG_BINARY);
	if (file < 0 || !write_record(file, &record))
		complain();
	watch_signals();
}

void
outbox_mark_attend(int64_t at_hand)
{
	if (at_hand == record.at_hand)
		return;
	record.at_hand = at_hand;
	write_own();
}

void
outbox_mark_set_aside(int64_t event)
{
	record.mark.set_aside = event;
	write_own();
}

void
outbox_mark_relax(void)
{
	record.at_hand = OUTBOX_AT_HAND_NOTHING;
	record.mark.set_aside = 0;
	write_own();
}

void
outbox_mark_clear(void)
{
	memset(&record.mark, 0, sizeof(record.mark));
	write_own();
}

void
outbox_mark_end(int code)
{
	if (file < 0)
		return;
	/* Any other code resets the server, as a signal does. */
	if (code != 0 && code != 1)
		record.crashed = true;
	else
		record.running = false;
	if (!record.running && !outbox_suspicion_is_careful(&record.mark.suspicion))
		(void) unlink(path);
	else
		write_own();
}

static bool
load(uint32_t database, Record *into)
{
	char from[PATH_SIZE];
	int descriptor;
	ssize_t got;

	name(from, database);
	descriptor = BasicOpenFile(from, O_RDONLY | PG_BINARY);
	if (descriptor < 0)
		return false;
	got = pg_pread(descriptor, into, sizeof(*into), 0);
	close(descriptor);
	return got == sizeof(*into) && into->version == MARK_VERSION;
}

static void
save(uint32_t database, const Record *from)
{
	char into[PATH_SIZE];
	int descriptor;

	name(into, database);
	descriptor = BasicOpenFile(into, O_RDWR | PG_BINARY);
	if (descriptor < 0 || !write_record(descriptor, from))
		complain();
	if (descriptor >= 0)
		close(descriptor);
}

static bool
write_record(int descriptor, const Record *from)
{
	return pg_pwrite(descriptor, from, sizeof(*from), 0) == sizeof(*from);
}

static void
write_own(void)
{
	if (file >= 0)
		(void) write_record(file, &record);
}

static void
name(char *into, uint32_t database)
{
	snprintf(into, PATH_SIZE, "%s/outbox.%u", PG_STAT_TMP_DIR, database);
}

static void
complain(void)
{
	ereport(LOG, (errcode_for_file_access(), errmsg("could not write the mark of a worker: %m"),
				  errdetail("If workers crash, nobody counts how often.")));
}

static void
watch_signals(void)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT};
	struct sigaction action = {.sa_sigaction = on_crash,
							   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
	stack_t spare = {.ss_sp = MemoryContextAlloc(TopMemoryContext, SPARE_STACK_SIZE),
					 .ss_size = SPARE_STACK_SIZE};

	(void) sigaltstack(&spare, NULL);
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < lengthof(crashes); i++)
		(void) sigaction(crashes[i], &action, NULL);
	pqsignal(SIGQUIT, on_quit);
}

/* Notes the crash, unless somebody else has sent the signal, and lets it happen. */
static void
on_crash(int number, siginfo_t *info, void *context)
{
	if (info->si_code != SI_USER || info->si_pid == getpid())
	{
		record.crashed = true;
		record.mark.signal = number;
		write_own();
	}
	(void) raise(number);
}

/* The server ends all of its processes at once: some other one has crashed. */
static void
on_quit(int number)
{
	record.running = false;
	write_own();
	_exit(2);
}
