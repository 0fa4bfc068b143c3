/*
 * window.c
 *		What is in flight: sent, and not yet settled.
 */
#include "domain/window.h"

#include <string.h>

static OutboxSlot *slot_at(OutboxWindow *window, int offset);
static uint32_t hash_text(uint32_t hash, const char *text);

void
outbox_window_init(OutboxWindow *window)
{
	memset(window, 0, sizeof(*window));
	window->head_token = 1;
}

void
outbox_window_clear(OutboxWindow *window, int64_t until)
{
	if (window->travelling > 0)
		outbox_window_straggle(window, until);
	window->travelling = 0;
	window->head_token += (uint64_t) window->count;
	window->head = 0;
	window->count = 0;
	window->bytes = 0;
	memset(window->gates, 0, sizeof(window->gates));
}

void
outbox_window_straggle(OutboxWindow *window, int64_t until)
{
	if (until > window->straggle_until)
		window->straggle_until = until;
}

bool
outbox_window_has_room(const OutboxWindow *window, int max_slots, size_t max_bytes, size_t bytes)
{
	if (window->count == 0)
		return true;
	if (window->count >= max_slots || window->count >= OUTBOX_WINDOW_MAX)
		return false;
	return window->bytes <= max_bytes && bytes <= max_bytes - window->bytes;
}

uint64_t
outbox_window_next_token(const OutboxWindow *window)
{
	return window->head_token + (uint64_t) window->count;
}

OutboxSlot *
outbox_window_push(OutboxWindow *window, OutboxPosition position, size_t bytes, int64_t now)
{
	OutboxSlot *slot = slot_at(window, window->count);

	memset(slot, 0, sizeof(*slot));
	slot->position = position;
	slot->bytes = bytes;
	slot->sent_at = now;
	window->count++;
	window->travelling++;
	window->bytes += bytes;
	return slot;
}

OutboxSlot *
outbox_window_find(OutboxWindow *window, uint64_t token)
{
	OutboxSlot *slot;

	if (token < window->head_token || token >= outbox_window_next_token(window))
		return NULL;
	slot = slot_at(window, (int) (token - window->head_token));
	return slot->judged ? NULL : slot;
}

void
outbox_window_judge(OutboxWindow *window, OutboxSlot *slot)
{
	window->travelling -= !slot->judged;
	slot->judged = true;
}

void
outbox_window_answer(OutboxWindow *window, OutboxSlot *slot, uint64_t sequence, bool duplicate)
{
	outbox_window_judge(window, slot);
	slot->answered = true;
	slot->sequence = sequence;
	slot->duplicate = duplicate;
	if (slot->gated)
		window->gates[slot->gate] = 0;
	slot->gated = false;
}

const OutboxSlot *
outbox_window_head(const OutboxWindow *window)
{
	return window->count > 0 ? &window->slots[window->head] : NULL;
}

const OutboxSlot *
outbox_window_oldest_travelling(const OutboxWindow *window)
{
	for (int i = 0; i < window->count && window->travelling > 0; i++)
	{
		const OutboxSlot *slot = &window->slots[(window->head + i) % OUTBOX_WINDOW_MAX];

		if (!slot->judged)
			return slot;
	}
	return NULL;
}

bool
outbox_window_is_quiet(const OutboxWindow *window, int64_t now)
{
	return window->travelling == 0 && now >= window->straggle_until;
}

bool
outbox_window_sent_in_quiet(const OutboxWindow *window, const OutboxSlot *slot)
{
	return slot->sent_at >= window->straggle_until;
}

void
outbox_window_pop(OutboxWindow *window)
{
	outbox_window_judge(window, &window->slots[window->head]);
	window->bytes -= window->slots[window->head].bytes;
	window->head = (window->head + 1) % OUTBOX_WINDOW_MAX;
	window->head_token++;
	window->count--;
}

uint16_t
outbox_window_gate(const OutboxEvent *event)
{
	uint32_t hash = hash_text(2166136261u, event->aggregate);

	return (uint16_t) (hash_text(hash, event->aggregate_id) % OUTBOX_WINDOW_GATES);
}

bool
outbox_window_gate_open(const OutboxWindow *window, uint16_t gate)
{
	return window->gates[gate] == 0;
}

void
outbox_window_close_gate(OutboxWindow *window, OutboxSlot *slot, uint16_t gate)
{
	window->gates[gate] = 1;
	slot->gate = gate;
	slot->gated = true;
}

static OutboxSlot *
slot_at(OutboxWindow *window, int offset)
{
	return &window->slots[(window->head + offset) % OUTBOX_WINDOW_MAX];
}

/* FNV-1a, the NUL included so that "a" + "bc" is not "ab" + "c". */
static uint32_t
hash_text(uint32_t hash, const char *text)
{
	size_t length = strlen(text) + 1;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) text[i]) * 16777619u;
	return hash;
}
