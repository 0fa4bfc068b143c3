/*
 * repair_test.c
 *		Where a loss begins, and what counts as one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/repair.h"

#define UUID "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11"

/* A stream and a trail: the event of entry i is i, at this sequence. */
typedef struct Scene
{
	OutboxStreamShape shape;
	uint64_t sequences[200]; /* of the trail, ascending */
	int count;
	uint64_t intact; /* what is held up to here is there */
	int looks;
} Scene;

static OutboxTrailEntry
entry(const Scene *scene, int i)
{
	return (OutboxTrailEntry){scene->sequences[i], i + 1};
}

static OutboxTrailEntry
first_from(const Scene *scene, uint64_t probe)
{
	for (int i = 0; i < scene->count; i++)
		if (scene->sequences[i] >= probe)
			return entry(scene, i);
	return (OutboxTrailEntry){0, 0};
}

/* Goes through all steps; returns where the loss begins. */
static uint64_t
play(Scene *scene)
{
	OutboxRepair repair;
	OutboxTrailEntry newest = {0, 0};

	if (scene->count > 0)
		newest = entry(scene, scene->count - 1);
	outbox_repair_begin(&repair, &scene->shape, newest);
	for (int steps = 0; repair.step != OUTBOX_REPAIR_REST; steps++)
	{
		assert_true(steps < 200);
		if (repair.step == OUTBOX_REPAIR_PROBE)
		{
			outbox_repair_probed(&repair, first_from(scene, repair.probe));
			continue;
		}
		scene->looks++;
		outbox_repair_hear(&repair, repair.entry.sequence <= scene->intact ? OUTBOX_HOLDING_THERE
																		   : OUTBOX_HOLDING_LOST);
	}
	return repair.bad;
}

static Scene
dense(int count, uint64_t last, uint64_t intact)
{
	Scene scene = {.shape = {.first = 1, .last = last}, .count = count, .intact = intact};

	for (int i = 0; i < count; i++)
		scene.sequences[i] = (uint64_t) i + 1;
	return scene;
}

static void
an_intact_stream_costs_one_look(void **state)
{
	Scene scene = dense(100, 100, 100);

	(void) state;
	assert_int_equal(play(&scene), 0);
	assert_int_equal(scene.looks, 1);
	scene = dense(100, 250, 100);
	assert_int_equal(play(&scene), 0);
	assert_int_equal(scene.looks, 1);
}

static void
without_a_trail_nothing_is_looked_at(void **state)
{
	Scene scene = dense(0, 50, 0);

	(void) state;
	assert_int_equal(play(&scene), 0);
	assert_int_equal(scene.looks, 0);
}

static void
a_mere_loss_of_the_end_costs_one_look(void **state)
{
	Scene scene = dense(100, 60, 60);

	(void) state;
	assert_int_equal(play(&scene), 61);
	assert_int_equal(scene.looks, 1);
}

static void
an_empty_stream_has_lost_everything(void **state)
{
	Scene scene = dense(100, 0, 0);

	(void) state;
	scene.shape.first = 0;
	assert_int_equal(play(&scene), 1);
	assert_int_equal(scene.looks, 0);
}

static void
sequences_given_out_again_are_searched(void **state)
{
	(void) state;
	for (uint64_t intact = 0; intact <= 100; intact++)
		for (uint64_t last = intact; last < 300; last += 7)
		{
			Scene scene = dense(100, last, intact);
			uint64_t bad = play(&scene);

			if (intact == 100)
				assert_int_equal(bad, 0);
			else
				assert_int_equal(bad, intact + 1);
			assert_true(scene.looks <= 10);
		}
}

static void
a_trail_with_gaps_is_searched(void **state)
{
	Scene scene = {.shape = {.first = 1, .last = 1000000}, .count = 150};

	(void) state;
	for (int i = 0; i < scene.count; i++)
		scene.sequences[i] = (uint64_t) i * (uint64_t) i * 7 + 3;
	for (int i = 0; i < scene.count - 1; i++)
	{
		uint64_t bad;

		scene.intact = scene.sequences[i];
		scene.looks = 0;
		bad = play(&scene);
		assert_true(bad > scene.sequences[i] && bad <= scene.sequences[i + 1]);
		assert_true(scene.looks < 25);
	}
}

static void
what_expired_is_not_searched(void **state)
{
	Scene scene = dense(100, 120, 100);

	(void) state;
	/* All of it, as after a purge. */
	scene.shape.first = 121;
	assert_int_equal(play(&scene), 0);
	assert_int_equal(scene.looks, 0);
	/* A part of it; the end is lost. */
	scene = dense(100, 60, 60);
	scene.shape.first = 58;
	assert_int_equal(play(&scene), 61);
}

static OutboxHolding
judge(OutboxStreamShape shape, uint64_t sequence, const char *id)
{
	OutboxTrailEntry wanted = {sequence, 42};

	return outbox_repair_judge(&shape, &wanted, id, UUID);
}

static void
a_message_is_judged_by_its_id(void **state)
{
	OutboxStreamShape shape = {.first = 10, .last = 50};

	(void) state;
	assert_int_equal(judge(shape, 20, UUID "-42"), OUTBOX_HOLDING_THERE);
	assert_int_equal(judge(shape, 20, UUID "-43"), OUTBOX_HOLDING_LOST);
	assert_int_equal(judge(shape, 20, "other-42"), OUTBOX_HOLDING_LOST);
	assert_int_equal(judge(shape, 20, ""), OUTBOX_HOLDING_LOST);
	assert_int_equal(judge(shape, 51, ""), OUTBOX_HOLDING_LOST);
	assert_int_equal(judge(shape, 9, ""), OUTBOX_HOLDING_EXPIRED);
}

static void
what_a_stream_drops_by_itself_is_not_lost(void **state)
{
	OutboxStreamShape sparse = {.first = 10, .last = 50, .sparse = true};
	OutboxStreamShape vague = {.first = 0, .last = 50, .expires = true};

	(void) state;
	assert_int_equal(judge(sparse, 20, ""), OUTBOX_HOLDING_EXPIRED);
	assert_int_equal(judge(sparse, 20, UUID "-43"), OUTBOX_HOLDING_LOST);
	assert_int_equal(judge(sparse, 51, ""), OUTBOX_HOLDING_LOST);
	assert_int_equal(judge(vague, 20, ""), OUTBOX_HOLDING_EXPIRED);
	vague.first = 10;
	assert_int_equal(judge(vague, 20, ""), OUTBOX_HOLDING_LOST);
}

static void
what_a_blind_server_does_not_find_may_be_there(void **state)
{
	OutboxStreamShape blind = {.first = 10, .last = 50, .blind = true};

	(void) state;
	assert_int_equal(judge(blind, 20, ""), OUTBOX_HOLDING_EXPIRED);
	assert_int_equal(judge(blind, 20, UUID "-42"), OUTBOX_HOLDING_THERE);
	assert_int_equal(judge(blind, 20, UUID "-43"), OUTBOX_HOLDING_LOST);
	assert_int_equal(judge(blind, 51, ""), OUTBOX_HOLDING_LOST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_intact_stream_costs_one_look),
		cmocka_unit_test(without_a_trail_nothing_is_looked_at),
		cmocka_unit_test(a_mere_loss_of_the_end_costs_one_look),
		cmocka_unit_test(an_empty_stream_has_lost_everything),
		cmocka_unit_test(sequences_given_out_again_are_searched),
		cmocka_unit_test(a_trail_with_gaps_is_searched),
		cmocka_unit_test(what_expired_is_not_searched),
		cmocka_unit_test(a_message_is_judged_by_its_id),
		cmocka_unit_test(what_a_stream_drops_by_itself_is_not_lost),
		cmocka_unit_test(what_a_blind_server_does_not_find_may_be_there),
	};

	return cmocka_run_group_tests_name("repair", tests, NULL, NULL);
}
