/*
 * route.c
 *		What the HTTP endpoint answers to which path.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "interface/board.h"
#include "interface/page.h"
#include "interface/prometheus.h"
#include "interface/route.h"

#define OK 200
#define NOT_FOUND 404
#define UNAVAILABLE 503

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define HTML "text/html; charset=utf-8"
#define METRICS "text/plain; version=0.0.4; charset=utf-8"

/* For what is no page. */
#define POLICY_NOTHING "default-src 'none'; frame-ancestors 'none'"

typedef struct Route
{
	const char *path;
	const char *content_type;
	unsigned int (*write)(StringInfo body);
} Route;

static unsigned int write_metrics(StringInfo body);
static unsigned int write_health(StringInfo body);
static unsigned int write_readiness(StringInfo body);
static unsigned int write_status(StringInfo body);
static unsigned int write_nothing(StringInfo body);

static const Route routes[] = {{"/metrics", METRICS, write_metrics},
							   {"/healthz", TEXT, write_health},
							   {"/readyz", JSON, write_readiness},
							   {"/status.json", JSON, write_status}};
static const Route nowhere = {NULL, TEXT, write_nothing};

void
outbox_route_answer(void *context, const char *path, OutboxHttpAnswer *answer)
{
	MemoryContext previous;
	const Route *route = &nowhere;
	StringInfoData body;

	if (strcmp(path, "/") == 0)
	{
		*answer = (OutboxHttpAnswer){OK, HTML, outbox_page_policy(), outbox_page_html,
									 outbox_page_length};
		return;
	}
	for (int i = 0; i < lengthof(routes); i++)
		if (strcmp(path, routes[i].path) == 0)
			route = &routes[i];
	MemoryContextReset(context);
	previous = MemoryContextSwitchTo(context);
	initStringInfo(&body);
	answer->status = route->write(&body);
	answer->content_type = route->content_type;
	answer->policy = POLICY_NOTHING;
	answer->body = body.data;
	answer->length = body.len;
	MemoryContextSwitchTo(previous);
}

static unsigned int
write_metrics(StringInfo body)
{
	outbox_prometheus_write(body);
	return OK;
}

/* Who answers is alive. */
static unsigned int
write_health(StringInfo body)
{
	appendStringInfoString(body, "ok\n");
	return OK;
}

static unsigned int
write_readiness(StringInfo body)
{
	return outbox_board_write_readiness(body) ? OK : UNAVAILABLE;
}

static unsigned int
write_status(StringInfo body)
{
	outbox_board_write(body);
	return OK;
}

static unsigned int
write_nothing(StringInfo body)
{
	appendStringInfoString(body, "there are /, /metrics, /healthz, /readyz and /status.json\n");
	return NOT_FOUND;
}
