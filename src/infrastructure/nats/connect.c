/*
 * connect.c
 *		The connect threads and their deadlines.
 *
 * Locking.  The lock guards the list of attempts, the outcome and the number of
 * the current attempt.  It is held for a few instructions only, never across a
 * call of the library.
 *
 * Signals.  Attempts are started with every signal blocked, so that neither they
 * nor the threads that the library starts from them ever run a handler of the
 * process; but for those of a crash, which the process may want to take note of.
 *
 * Time.  An attempt divides its time among the servers.  When it is over, the
 * main thread reports failure by itself: name resolution knows no limit, and
 * before 3.8 the library spins for ever on a server that greets and then says
 * nothing.  The wakeup descriptor is a timer for that reason: it becomes
 * readable at the deadline, or at once when an attempt sets it to "now".
 */
#include "infrastructure/nats/connect.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "infrastructure/nats/clock.h"
#include "infrastructure/nats/dial.h"
#include "infrastructure/nats/stream.h"
#include "infrastructure/nats/url.h"

#define MAX_ATTEMPTS 4 /* threads at a time */
#define PATIENCE 200 /* ms that an outcome may come after its deadline */
#define SPIN_GRACE 1000 /* ms after the deadline until a busy thread ... */
#define SPIN_CPU 500 /* ... that has used so many ms of CPU is spinning */
#define STUCK_GRACE 60000 /* ms after the deadline until any thread is stuck */

typedef struct Attempt
{
	struct Attempt *next;
	OutboxNatsConnector *connector;
	pthread_t thread;
	uint64_t number;
	int64_t deadline;
	OutboxNatsOptions *options;
	OutboxNatsLink *leftovers; /* to be closed first */
	OutboxSight sight;
	bool done; /* the thread does nothing more */
} Attempt;

struct OutboxNatsConnector
{
	pthread_mutex_t lock;
	int wakeup;
	Attempt *attempts;
	uint64_t numbers; /* given out so far */
	uint64_t current; /* number of the attempt that counts, 0: none */
	int64_t deadline; /* of the current attempt */
	bool arrived; /* its outcome is here: */
	OutboxSignal signal;
	OutboxSight seen;
	OutboxNatsLink *link;
	OutboxSight sight; /* main thread only, as the rest */
	OutboxNatsLink *leftovers;
};

/* Makes the descriptor readable after so many milliseconds; 0: at once. */
static void
set_timer(const OutboxNatsConnector *connector, int64_t delay)
{
	struct itimerspec timer = {0};

	timer.it_value.tv_sec = delay / 1000;
	timer.it_value.tv_nsec = delay > 0 ? (delay % 1000) * 1000000 : 1;
	timerfd_settime(connector->wakeup, 0, &timer, NULL);
}

static void
close_links(OutboxNatsLink *link)
{
	while (link != NULL)
	{
		OutboxNatsLink *next = *outbox_nats_link_next(link);

		outbox_nats_link_close(link);
		link = next;
	}
}

/* Milliseconds left, at least one. */
static int
remaining(const Attempt *attempt)
{
	int64_t left = attempt->deadline - outbox_nats_clock_now();

	return left > 1 ? (int) left : 1;
}

/* Hands the outcome to the main thread, unless nobody waits for it any more. */
static void
deliver(Attempt *attempt, const OutboxSignal *signal, OutboxNatsLink *link)
{
	OutboxNatsConnector *connector = attempt->connector;
	bool wanted;

	pthread_mutex_lock(&connector->lock);
	wanted = connector->current == attempt->number && !connector->arrived;
	if (wanted)
	{
		connector->arrived = true;
		connector->signal = *signal;
		connector->seen = attempt->sight;
		connector->link = link;
		set_timer(connector, 0);
	}
	pthread_mutex_unlock(&connector->lock);

	if (!wanted && link != NULL)
		outbox_nats_link_close(link);
}

/* Opens a link to whichever server answers first and looks at the stream. */
static void
attempt_connect(Attempt *attempt)
{
	int share = remaining(attempt) / outbox_nats_url_count(attempt->options->url);
	OutboxSignal signal;
	OutboxNatsLink *link;

	memset(&signal, 0, sizeof(signal));
	link = outbox_nats_link_open(attempt->options, share, &signal);
	if (link != NULL && outbox_nats_stream_look(link, attempt->options, attempt->deadline, &signal,
												&attempt->sight))
	{
		deliver(attempt, &signal, link);
		return;
	}
	deliver(attempt, &signal, NULL);
	if (link != NULL)
		outbox_nats_link_close(link);
}

static void *
run(void *argument)
{
	Attempt *attempt = argument;

	close_links(attempt->leftovers);
	attempt_connect(attempt);
	nats_ReleaseThreadMemory();

	pthread_mutex_lock(&attempt->connector->lock);
	attempt->done = true;
	pthread_mutex_unlock(&attempt->connector->lock);
	return NULL;
}

/* Forgets the attempts whose threads have ended; returns how many run. */
static int
reap(OutboxNatsConnector *connector)
{
	Attempt **at = &connector->attempts;
	int running = 0;

	while (*at != NULL)
	{
		Attempt *attempt = *at;
		bool done;

		pthread_mutex_lock(&connector->lock);
		done = attempt->done;
		pthread_mutex_unlock(&connector->lock);
		if (!done)
		{
			running++;
			at = &attempt->next;
			continue;
		}
		*at = attempt->next;
		pthread_join(attempt->thread, NULL);
		outbox_nats_options_free(attempt->options);
		free(attempt);
	}
	return running;
}

OutboxNatsConnector *
outbox_nats_connector_create(void)
{
	OutboxNatsConnector *connector = calloc(1, sizeof(*connector));

	if (connector == NULL)
		return NULL;
	connector->wakeup = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (connector->wakeup < 0 || pthread_mutex_init(&connector->lock, NULL) != 0)
	{
		if (connector->wakeup >= 0)
			close(connector->wakeup);
		free(connector);
		return NULL;
	}
	return connector;
}

void
outbox_nats_connector_destroy(OutboxNatsConnector *connector)
{
	outbox_nats_connector_abandon(connector);
	while (reap(connector) > 0)
	{
		const struct timespec pause = {0, 10 * 1000 * 1000};

		nanosleep(&pause, NULL);
	}
	close_links(connector->leftovers);
	close(connector->wakeup);
	pthread_mutex_destroy(&connector->lock);
	free(connector);
}

int
outbox_nats_connector_fd(const OutboxNatsConnector *connector)
{
	return connector->wakeup;
}

void
outbox_nats_connector_wake(OutboxNatsConnector *connector)
{
	set_timer(connector, 0);
}

/* Starts the thread with its signals blocked; false: there is none. */
static bool
spawn(Attempt *attempt)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT};
	sigset_t all;
	sigset_t before;
	int failed;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigdelset(&all, crashes[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&attempt->thread, NULL, run, attempt);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed == 0;
}

/* Makes an attempt out of the options; NULL: too many run, or no memory. */
static Attempt *
prepare(OutboxNatsConnector *connector, OutboxNatsOptions *options)
{
	Attempt *attempt = NULL;

	if (reap(connector) < MAX_ATTEMPTS)
		attempt = calloc(1, sizeof(*attempt));
	if (attempt == NULL)
		return NULL;
	attempt->connector = connector;
	attempt->options = options;
	attempt->number = ++connector->numbers;
	attempt->deadline = outbox_nats_clock_now() + options->connect_timeout;
	attempt->leftovers = connector->leftovers;
	return attempt;
}

bool
outbox_nats_connector_start(OutboxNatsConnector *connector, OutboxNatsOptions *options,
							OutboxSignal *signal)
{
	Attempt *attempt;

	outbox_nats_connector_abandon(connector);
	attempt = prepare(connector, options);
	if (attempt != NULL)
	{
		pthread_mutex_lock(&connector->lock);
		connector->current = attempt->number;
		connector->deadline = attempt->deadline;
		pthread_mutex_unlock(&connector->lock);
		set_timer(connector, options->connect_timeout + PATIENCE);
	}
	if (attempt == NULL || !spawn(attempt))
	{
		outbox_nats_connector_abandon(connector);
		outbox_nats_options_free(options);
		free(attempt);
		signal->kind = OUTBOX_SIGNAL_FAILED;
		signal->verdict = OUTBOX_VERDICT_TRANSIENT;
		outbox_nats_dial_word(signal, "could not start a thread to connect, or too many still run",
							  NULL);
		return false;
	}
	connector->leftovers = NULL;
	attempt->next = connector->attempts;
	connector->attempts = attempt;
	return true;
}

void
outbox_nats_connector_abandon(OutboxNatsConnector *connector)
{
	OutboxNatsLink *link;

	pthread_mutex_lock(&connector->lock);
	link = connector->link;
	connector->link = NULL;
	connector->arrived = false;
	connector->current = 0;
	pthread_mutex_unlock(&connector->lock);

	if (link != NULL)
		outbox_nats_connector_discard(connector, link);
}

/* The time is over without an outcome: the attempt no longer counts. */
static bool
give_up(OutboxNatsConnector *connector, OutboxSignal *signal)
{
	if (connector->current == 0)
		return false;
	if (outbox_nats_clock_now() < connector->deadline + PATIENCE)
	{
		set_timer(connector, connector->deadline + PATIENCE - outbox_nats_clock_now());
		return false;
	}
	connector->current = 0;
	memset(signal, 0, sizeof(*signal));
	signal->kind = OUTBOX_SIGNAL_FAILED;
	signal->verdict = OUTBOX_VERDICT_TRANSIENT;
	signal->code = (int) NATS_TIMEOUT;
	outbox_nats_dial_word(
		signal, "could not connect: the server, or name resolution, did not answer", NULL);
	return true;
}

bool
outbox_nats_connector_take(OutboxNatsConnector *connector, OutboxSignal *signal,
						   OutboxNatsLink **link)
{
	uint64_t expirations;
	bool taken;

	while (read(connector->wakeup, &expirations, sizeof(expirations)) > 0)
		;
	*link = NULL;
	pthread_mutex_lock(&connector->lock);
	taken = connector->arrived;
	if (taken)
	{
		*signal = connector->signal;
		connector->sight = connector->seen;
		*link = connector->link;
		connector->link = NULL;
		connector->arrived = false;
		connector->current = 0;
	}
	else
		taken = give_up(connector, signal);
	pthread_mutex_unlock(&connector->lock);
	reap(connector);
	return taken;
}

const OutboxSight *
outbox_nats_connector_sight(const OutboxNatsConnector *connector)
{
	return &connector->sight;
}

void
outbox_nats_connector_discard(OutboxNatsConnector *connector, OutboxNatsLink *link)
{
	outbox_nats_link_sever(link);
	*outbox_nats_link_next(link) = connector->leftovers;
	connector->leftovers = link;
}

/* Milliseconds of CPU that a thread has used. */
static int64_t
cpu_time(const Attempt *attempt)
{
	struct timespec time = {0};
	clockid_t clock;

	if (pthread_getcpuclockid(attempt->thread, &clock) != 0 || clock_gettime(clock, &time) != 0)
		return 0;
	return (int64_t) time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

bool
outbox_nats_connector_overdue(OutboxNatsConnector *connector)
{
	reap(connector);
	for (Attempt *attempt = connector->attempts; attempt != NULL; attempt = attempt->next)
	{
		int64_t late = outbox_nats_clock_now() - attempt->deadline;

		if (late > STUCK_GRACE || (late > SPIN_GRACE && cpu_time(attempt) > SPIN_CPU))
			return true;
	}
	return false;
}
