/*
 * repair.c
 *		The part of the relay that compares the stream with the trail.
 */
#include "application/repair.h"

#include "application/publish.h"

/* Looks on their way at a time for a survey beside the publishing. */
#define SURVEY_LOOKS 16

static OutboxStreamShape shape_of(const OutboxRelay *relay);
static void look(OutboxRelay *relay, uint64_t sequence, int64_t now);
static void follow_steps(OutboxRelay *relay, int64_t now);
static void confirm(OutboxRelay *relay, int64_t now);
static void conclude(OutboxRelay *relay, int64_t now);
static bool survey_is_due(const OutboxRelay *relay, const OutboxHeld *held);
static void begin_survey(OutboxRelay *relay, const OutboxHeld *held, int64_t now);
static void go_on(OutboxRelay *relay, int64_t now);
static void close_gaps(OutboxRelay *relay, int64_t now);
static bool only_counts(const OutboxRelay *relay, int64_t now);
static void end_survey(OutboxRelay *relay, int64_t now);
static void tell_checked(OutboxRelay *relay, uint64_t deleted);
static void hear_tail(OutboxRelay *relay, const OutboxSignal *signal, int64_t now);
static void lose(OutboxRelay *relay, uint64_t first, uint64_t last);

void
outbox_repair_start(OutboxRelay *relay, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;
	OutboxStreamShape shape = shape_of(relay);
	OutboxHeld held;

	relay->store->held(relay->store_self, &held);
	shape.blind = now < inspection->hopeless_until;
	inspection->losing = false;
	inspection->missing = held.waiting;
	inspection->phase = OUTBOX_INSPECTION_CHECK;
	inspection->repair.step = OUTBOX_REPAIR_REST;
	inspection->repair.bad = 0;
	if (relay->options.fenced && relay->broker->look != NULL)
		outbox_repair_begin(&inspection->repair, &shape, held.newest);
	follow_steps(relay, now);
}

void
outbox_repair_found(OutboxRelay *relay, const OutboxSignal *signal, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;
	const OutboxStreamShape *as_begun = &inspection->repair.shape;
	OutboxStreamShape shape;
	const char *uuid = relay->options.envelope.uuid;

	if (inspection->phase == OUTBOX_INSPECTION_CHECK &&
		inspection->repair.step == OUTBOX_REPAIR_LOOK &&
		inspection->repair.entry.sequence == signal->sequence)
	{
		OutboxHolding holding =
			outbox_repair_judge(as_begun, &inspection->repair.entry, signal->text, uuid);

		if (holding == OUTBOX_HOLDING_THERE)
			outbox_fence_recognise(&relay->fence);
		outbox_repair_hear(&inspection->repair, holding);
		follow_steps(relay, now);
		return;
	}
	shape = shape_of(relay);
	if (outbox_survey_hear(&inspection->survey, &shape, signal->sequence, signal->text, uuid))
	{
		inspection->looked_at = now;
		go_on(relay, now);
	}
	hear_tail(relay, signal, now);
}

void
outbox_repair_stop(OutboxRelay *relay)
{
	OutboxInspection *inspection = &relay->inspection;

	/* What was found to begin a loss is found again; a survey goes on. */
	if (inspection->phase == OUTBOX_INSPECTION_CONFIRM)
		inspection->survey.running = false;
	outbox_survey_interrupt(&inspection->survey);
	inspection->phase = OUTBOX_INSPECTION_STREAM;
	inspection->tail.sequence = 0;
	inspection->wants_epoch = false;
}

bool
outbox_repair_checks(const OutboxRelay *relay)
{
	return relay->inspection.phase != OUTBOX_INSPECTION_STREAM;
}

int64_t
outbox_repair_overdue_at(const OutboxRelay *relay)
{
	const OutboxInspection *inspection = &relay->inspection;
	bool waits = outbox_survey_waits(&inspection->survey) || inspection->tail.sequence != 0 ||
				 inspection->phase == OUTBOX_INSPECTION_CHECK;

	return waits ? inspection->looked_at + relay->options.ack_timeout : INT64_MAX;
}

bool
outbox_repair_wants_epoch(OutboxRelay *relay)
{
	bool wanted = relay->inspection.wants_epoch;

	relay->inspection.wants_epoch = false;
	return wanted;
}

void
outbox_relay_check(OutboxRelay *relay, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;
	OutboxHeld held;

	if (relay->delivery.phase != OUTBOX_DELIVERY_STREAMING || outbox_repair_checks(relay) ||
		inspection->tail.sequence != 0)
		return;
	if (inspection->hopeless_until != 0 && now >= inspection->hopeless_until)
	{
		/* What the broker knew ids of is looked for once more. */
		inspection->hopeless_until = 0;
		inspection->survey_due = true;
		inspection->wants_epoch = true;
		return;
	}
	relay->store->held(relay->store_self, &held);
	if (!relay->options.fenced || relay->broker->look == NULL || held.newest.sequence == 0)
	{
		inspection->verified_at = now;
		return;
	}
	/* Those of a recall are enough at a time. */
	if (outbox_recall_pending(&relay->recall))
		return;
	inspection->tail = held.newest;
	look(relay, held.newest.sequence, now);
}

void
outbox_relay_verify(OutboxRelay *relay, int64_t now)
{
	OutboxVerification *verification = &relay->inspection.verification;
	OutboxHeld held;

	relay->store->held(relay->store_self, &held);
	*verification = (OutboxVerification){
		.begun = true, .running = true, .before = relay->counters, .gone_before = held.gone};
	relay->inspection.survey.running = false;
	relay->inspection.survey_due = true;
	/* The stream tells anew what it holds. */
	outbox_relay_restart(relay, now);
}

void
outbox_repair_report(const OutboxRelay *relay, OutboxRelayReport *report)
{
	const OutboxInspection *inspection = &relay->inspection;
	const OutboxRelayCounters *counters = &relay->counters;
	OutboxVerification *verification = &report->verification;
	OutboxHeld held;

	relay->store->held(relay->store_self, &held);
	report->waiting = held.waiting;
	report->gone = held.gone;
	report->checking = outbox_repair_checks(relay);
	report->comparing = report->checking || inspection->survey.running;
	if (held.waiting == 0 && !report->checking &&
		relay->delivery.phase == OUTBOX_DELIVERY_STREAMING)
		report->verified_at = inspection->verified_at;
	*verification = inspection->verification;
	verification->running =
		verification->running &&
		(inspection->survey_due || inspection->survey.running || held.waiting > 0);
	verification->missing += counters->lost - verification->before.lost;
	verification->repaired = counters->repaired - verification->before.repaired;
	verification->gone = held.gone - verification->gone_before;
}

static OutboxStreamShape
shape_of(const OutboxRelay *relay)
{
	const OutboxStreamFacts *facts = &relay->facts;
	OutboxStreamShape shape = {
		.first = facts->first_sequence,
		.last = facts->last_sequence,
		.expires = facts->expires,
		.sparse = facts->sparse,
	};

	/* Beside the publishing the stream goes on growing. */
	if (!outbox_repair_checks(relay) && relay->fence.highest > shape.last)
		shape.last = relay->fence.highest;
	return shape;
}

static void
look(OutboxRelay *relay, uint64_t sequence, int64_t now)
{
	relay->inspection.looked_at = now;
	relay->broker->look(relay->broker_self, sequence);
}

/* Takes the steps of the check, up to the next look. */
static void
follow_steps(OutboxRelay *relay, int64_t now)
{
	OutboxRepair *repair = &relay->inspection.repair;

	while (repair->step == OUTBOX_REPAIR_PROBE)
	{
		OutboxTrailEntry entry = {0, 0};

		relay->store->trail(relay->store_self, repair->probe - 1, &entry, 1);
		outbox_repair_probed(repair, entry);
	}
	if (repair->step == OUTBOX_REPAIR_LOOK)
		look(relay, repair->entry.sequence, now);
	else if (repair->bad != 0 && repair->bad <= repair->shape.last)
		confirm(relay, now);
	else
		conclude(relay, now);
}

/* Between the beginning of the loss and the stream's end each entry is looked at. */
static void
confirm(OutboxRelay *relay, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;

	inspection->phase = OUTBOX_INSPECTION_CONFIRM;
	inspection->survey_due |= inspection->survey.running;
	outbox_survey_begin(&inspection->survey, inspection->repair.bad - 1,
						inspection->repair.shape.last);
	go_on(relay, now);
}

/* The check is over: what is beyond the stream's end is lost, too. */
static void
conclude(OutboxRelay *relay, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;
	OutboxHeld held;

	inspection->phase = OUTBOX_INSPECTION_STREAM;
	if (inspection->repair.bad != 0)
		lose(relay, inspection->repair.shape.last + 1, UINT64_MAX);
	relay->store->held(relay->store_self, &held);
	if (inspection->losing)
		outbox_publish_rewind(relay);
	if (held.waiting > 0)
		outbox_fence_doubt(&relay->fence);
	relay->counters.checks++;
	if (survey_is_due(relay, &held))
	{
		tell_checked(relay, held.deleted);
		begin_survey(relay, &held, now);
	}
	else
	{
		tell_checked(relay, relay->facts.deleted);
		inspection->survey.running = false;
		inspection->survey_due = false;
	}
	if (held.waiting == 0 && inspection->hopeless_until == 0)
		inspection->verified_at = now;
	outbox_publish_begin(relay, now);
}

static bool
survey_is_due(const OutboxRelay *relay, const OutboxHeld *held)
{
	if (relay->broker->look == NULL || held->newest.sequence == 0)
		return false;
	return relay->inspection.survey_due || relay->inspection.survey.running ||
		   (relay->options.fenced && relay->facts.deleted > held->deleted);
}

/* Begins a survey, or goes on with one. */
static void
begin_survey(OutboxRelay *relay, const OutboxHeld *held, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;

	if (!inspection->survey.running)
		outbox_survey_begin(&inspection->survey, 0, held->newest.sequence);
	inspection->survey_due = false;
	go_on(relay, now);
}

/* Asks for what the survey wants to know, batch by batch. */
static void
go_on(OutboxRelay *relay, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;
	OutboxSurvey *survey = &inspection->survey;
	int most = inspection->phase == OUTBOX_INSPECTION_CONFIRM ? OUTBOX_LOOKS_MAX : SURVEY_LOOKS;
	uint64_t sequence;

	while (survey->running && outbox_survey_heard(survey))
	{
		OutboxStreamShape shape = shape_of(relay);

		close_gaps(relay, now);
		outbox_survey_supply(survey,
							 relay->store->trail(relay->store_self, survey->done, survey->entries,
												 OUTBOX_SURVEY_BATCH),
							 &shape);
		if (!survey->running)
		{
			end_survey(relay, now);
			return;
		}
	}
	while ((sequence = outbox_survey_ask(survey, most)) != 0)
		look(relay, sequence, now);
}

/* What the survey has found to be lost is given back to the store. */
static void
close_gaps(OutboxRelay *relay, int64_t now)
{
	uint64_t first;
	uint64_t last;

	while (outbox_survey_take_gap(&relay->inspection.survey, &first, &last))
		if (!only_counts(relay, now))
			lose(relay, first, last);
}

/* Is what a survey finds missing not to be repaired, or not now? */
static bool
only_counts(const OutboxRelay *relay, int64_t now)
{
	const OutboxInspection *inspection = &relay->inspection;

	return !relay->options.fenced ||
		   (inspection->phase != OUTBOX_INSPECTION_CONFIRM && now < inspection->hopeless_until);
}

static void
end_survey(OutboxRelay *relay, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;

	if (inspection->phase == OUTBOX_INSPECTION_CONFIRM)
	{
		conclude(relay, now);
		return;
	}
	relay->counters.checks++;
	inspection->verification.checked = inspection->survey.checked;
	inspection->verification.missing = only_counts(relay, now) ? inspection->survey.missing : 0;
	tell_checked(relay, relay->facts.deleted);
	inspection->wants_epoch = inspection->losing;
}

static void
tell_checked(OutboxRelay *relay, uint64_t deleted)
{
	OutboxChecked checked = {relay->fence.floor, relay->fence.created, relay->facts.first_sequence,
							 deleted};

	relay->store->checked(relay->store_self, &checked);
}

/* The newest entry was looked at once more. */
static void
hear_tail(OutboxRelay *relay, const OutboxSignal *signal, int64_t now)
{
	OutboxInspection *inspection = &relay->inspection;
	OutboxStreamShape shape = shape_of(relay);
	OutboxHeld held;

	if (inspection->tail.sequence == 0 || inspection->tail.sequence != signal->sequence)
		return;
	relay->store->held(relay->store_self, &held);
	if (outbox_repair_judge(&shape, &inspection->tail, signal->text,
							relay->options.envelope.uuid) == OUTBOX_HOLDING_LOST)
		inspection->wants_epoch |= now >= inspection->hopeless_until;
	else if (held.waiting == 0 && inspection->hopeless_until == 0)
		inspection->verified_at = now;
	relay->counters.checks++;
	inspection->tail.sequence = 0;
}

/* On a shared stream it stays a finding. */
static void
lose(OutboxRelay *relay, uint64_t first, uint64_t last)
{
	OutboxHeld before;
	OutboxHeld after;

	if (!relay->options.fenced)
		return;
	relay->store->held(relay->store_self, &before);
	relay->store->lose(relay->store_self, first, last);
	relay->store->held(relay->store_self, &after);
	relay->counters.lost += after.waiting - before.waiting;
	relay->inspection.losing |= after.waiting > before.waiting;
	relay->inspection.missing = after.waiting;
}
