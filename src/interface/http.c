/*
 * http.c
 *		The process of the HTTP endpoint: waits, runs the server, reports.
 *
 * It is connected to no database and reads shared memory alone.  It ends on
 * purpose when outbox.http_listen is emptied; by an error, and the launcher starts
 * it again (keeper.c).  A port that is taken is no error: it tries again.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "domain/backoff.h"
#include "infrastructure/http/server.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/endpoint.h"
#include "infrastructure/postgres/mark.h"
#include "infrastructure/postgres/monotonic.h"
#include "infrastructure/postgres/shared.h"
#include "interface/page.h"
#include "interface/route.h"
#include "interface/settings.h"

#define RETRY_FIRST_US INT64CONST(1000000)
#define RETRY_MAX_US INT64CONST(60000000)
/* One that ran this long is above suspicion. */
#define STEADY_US INT64CONST(600000000)
#define MAX_EVENTS 3
#define STATE_COLUMNS 9

typedef struct Endpoint
{
	char *listen; /* outbox.http_listen as it was taken */
	OutboxHttpServer *server; /* NULL: it cannot listen */
	WaitEventSet *set;
	OutboxHttpCounters counted;
	MemoryContext request;
	uint32 attempt; /* to listen */
	int64_t retry_at;
	char reason[OUTBOX_ENDPOINT_TEXT_SIZE];
	bool careful; /* the one before has ended uncleanly */
	int64_t begun_at;
} Endpoint;

PGDLLEXPORT void outbox_http_main(Datum arg);

PG_FUNCTION_INFO_V1(outbox_http_state);

static uint32 wait_event = 0;

static void on_end(int code, Datum arg);
static void begin(Endpoint *endpoint);
static void mind_signals(Endpoint *endpoint);
static void follow_setting(Endpoint *endpoint);
static void leave(Endpoint *endpoint);
static void open_server(Endpoint *endpoint);
static void close_server(Endpoint *endpoint);
static void tell_failure(Endpoint *endpoint, const char *address);
static void watch(Endpoint *endpoint);
static void wait_for_work(Endpoint *endpoint);
static void serve(Endpoint *endpoint);
static void count(Endpoint *endpoint);
static void calm_down(Endpoint *endpoint);
static const char *state_name(OutboxEndpointState state);

void
outbox_http_main(Datum arg)
{
	Endpoint endpoint = {0};

	on_proc_exit(on_end, (Datum) 0);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	/* A reload that came before the handler was there is not lost. */
	ProcessConfigFile(PGC_SIGHUP);
	begin(&endpoint);
	for (;;)
	{
		mind_signals(&endpoint);
		if (endpoint.server == NULL && outbox_monotonic_us() >= endpoint.retry_at)
			open_server(&endpoint);
		wait_for_work(&endpoint);
		if (endpoint.server != NULL)
			serve(&endpoint);
		calm_down(&endpoint);
	}
}

static void
on_end(int code, Datum arg)
{
	outbox_mark_end(code);
}

static void
begin(Endpoint *endpoint)
{
	OutboxMark mark;

	if (!outbox_endpoint_attach())
		proc_exit(0);
	outbox_mark_begin(OUTBOX_MARK_ENDPOINT, &mark);
	endpoint->careful = outbox_suspicion_is_careful(&mark.suspicion);
	endpoint->begun_at = outbox_monotonic_us();
	endpoint->listen = MemoryContextStrdup(TopMemoryContext, outbox_settings.http_listen);
	endpoint->request =
		AllocSetContextCreate(TopMemoryContext, "outbox request", ALLOCSET_DEFAULT_SIZES);
	/* Without transactions nobody else makes one, and digests take one. */
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "outbox http");
	(void) outbox_page_policy();
	watch(endpoint);
}

static void
mind_signals(Endpoint *endpoint)
{
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ShutdownRequestPending)
		leave(endpoint);
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		follow_setting(endpoint);
	}
	if (outbox_settings.http_listen[0] == '\0')
	{
		outbox_endpoint_set_state(OUTBOX_ENDPOINT_OFF, "");
		ereport(LOG, (errmsg("HTTP endpoint is turned off")));
		leave(endpoint);
	}
}

static void
follow_setting(Endpoint *endpoint)
{
	if (strcmp(endpoint->listen, outbox_settings.http_listen) == 0)
		return;
	close_server(endpoint);
	pfree(endpoint->listen);
	endpoint->listen = MemoryContextStrdup(TopMemoryContext, outbox_settings.http_listen);
	endpoint->attempt = 0;
	endpoint->retry_at = 0;
	endpoint->reason[0] = '\0';
}

static void
leave(Endpoint *endpoint)
{
	close_server(endpoint);
	proc_exit(0);
}

static void
open_server(Endpoint *endpoint)
{
	OutboxHttpAddress address;
	char text[OUTBOX_HTTP_ADDRESS_SIZE];

	if (outbox_http_address_parse(endpoint->listen, &address) != NULL)
		elog(ERROR, "could not parse outbox.http_listen");
	outbox_http_address_format(&address, text, sizeof(text));
	endpoint->server = outbox_http_server_open(&address, outbox_route_answer, endpoint->request);
	if (endpoint->server == NULL)
	{
		tell_failure(endpoint, text);
		return;
	}
	outbox_http_address_format(outbox_http_server_address(endpoint->server), text, sizeof(text));
	outbox_endpoint_set_state(OUTBOX_ENDPOINT_LISTENING, "");
	outbox_endpoint_set_address(text);
	endpoint->attempt = 0;
	endpoint->reason[0] = '\0';
	memset(&endpoint->counted, 0, sizeof(endpoint->counted));
	watch(endpoint);
	ereport(LOG, (errmsg("HTTP endpoint listens at %s", text)));
}

static void
close_server(Endpoint *endpoint)
{
	if (endpoint->server == NULL)
		return;
	count(endpoint);
	outbox_http_server_close(endpoint->server);
	endpoint->server = NULL;
	watch(endpoint);
}

/* Once for each reason. */
static void
tell_failure(Endpoint *endpoint, const char *address)
{
	char reason[OUTBOX_ENDPOINT_TEXT_SIZE];

	snprintf(reason, sizeof(reason), "could not listen at %s: %s", address, strerror(errno));
	endpoint->retry_at = outbox_monotonic_us() +
						 outbox_backoff_delay(++endpoint->attempt, RETRY_FIRST_US, RETRY_MAX_US,
											  (uint64_t) outbox_monotonic_us());
	outbox_endpoint_set_state(OUTBOX_ENDPOINT_UNABLE, reason);
	if (strcmp(reason, endpoint->reason) != 0)
		ereport(LOG, (errmsg("HTTP endpoint %s", reason),
					  errhint("It tries again by itself; or change outbox.http_listen.")));
	strlcpy(endpoint->reason, reason, sizeof(endpoint->reason));
}

/* A wait set cannot forget a descriptor, so each server has a set of its own. */
static void
watch(Endpoint *endpoint)
{
	if (endpoint->set != NULL)
		FreeWaitEventSet(endpoint->set);
	endpoint->set = outbox_compat_create_wait_set(MAX_EVENTS);
	AddWaitEventToSet(endpoint->set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(endpoint->set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	if (endpoint->server != NULL)
		AddWaitEventToSet(endpoint->set, WL_SOCKET_READABLE,
						  outbox_http_server_descriptor(endpoint->server), NULL, NULL);
}

static void
wait_for_work(Endpoint *endpoint)
{
	WaitEvent events[MAX_EVENTS];
	int64_t now = outbox_monotonic_us();
	long timeout;

	if (endpoint->server != NULL)
		timeout = outbox_http_server_rest(endpoint->server, now);
	else
		timeout = endpoint->retry_at <= now ? 0 : (long) ((endpoint->retry_at - now + 999) / 1000);
	(void) WaitEventSetWait(endpoint->set, timeout, events, MAX_EVENTS,
							outbox_compat_wait_event(wait_event, "OutboxHttp"));
}

static void
serve(Endpoint *endpoint)
{
	if (endpoint->careful)
		outbox_mark_attend(OUTBOX_AT_HAND_REQUEST);
	outbox_http_server_run(endpoint->server, outbox_monotonic_us());
	if (endpoint->careful)
		outbox_mark_attend(OUTBOX_AT_HAND_NOTHING);
	MemoryContextReset(endpoint->request);
	count(endpoint);
}

static void
count(Endpoint *endpoint)
{
	OutboxHttpCounters now;

	outbox_http_server_count(endpoint->server, &now);
	outbox_endpoint_count(now.answered - endpoint->counted.answered,
						  now.refused - endpoint->counted.refused, now.cut - endpoint->counted.cut);
	endpoint->counted = now;
}

static void
calm_down(Endpoint *endpoint)
{
	if (!endpoint->careful || outbox_monotonic_us() - endpoint->begun_at < STEADY_US)
		return;
	endpoint->careful = false;
	outbox_mark_clear();
}

/* outbox.http_state(): one row; all null where the library is not preloaded. */
Datum
outbox_http_state(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Datum values[STATE_COLUMNS] = {0};
	bool nulls[STATE_COLUMNS] = {0};
	OutboxEndpointInfo info;
	int i = 0;

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
		description->natts != STATE_COLUMNS)
		elog(ERROR, "could not match the declaration of outbox.http_state()");
	if (!outbox_shared_available())
		memset(nulls, true, sizeof(nulls));
	outbox_endpoint_info(&info);
	values[i++] = CStringGetTextDatum(state_name(info.state));
	nulls[i] = nulls[i] || info.since == 0;
	values[i++] = TimestampTzGetDatum(info.since);
	nulls[i] = nulls[i] || info.pid == 0;
	values[i++] = Int32GetDatum(info.pid);
	nulls[i] = nulls[i] || info.address[0] == '\0';
	values[i++] = CStringGetTextDatum(info.address);
	nulls[i] = nulls[i] || info.reason[0] == '\0';
	values[i++] = CStringGetTextDatum(info.reason);
	values[i++] = Int32GetDatum(info.failures);
	values[i++] = Int64GetDatum((int64) info.answered);
	values[i++] = Int64GetDatum((int64) info.refused);
	values[i++] = Int64GetDatum((int64) info.cut);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

static const char *
state_name(OutboxEndpointState state)
{
	switch (state)
	{
		case OUTBOX_ENDPOINT_OFF:
			return "off";
		case OUTBOX_ENDPOINT_STARTING:
			return "starting";
		case OUTBOX_ENDPOINT_LISTENING:
			return "listening";
		case OUTBOX_ENDPOINT_UNABLE:
			return "unable";
		case OUTBOX_ENDPOINT_FAILED:
			return "failed";
		case OUTBOX_ENDPOINT_NO_WORKER:
			return "no free worker slot";
		case OUTBOX_ENDPOINT_DOWN:
			return "down";
	}
	return "unknown";
}
