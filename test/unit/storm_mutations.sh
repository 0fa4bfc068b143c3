#!/bin/sh
# storm_mutations.sh [SCHEDULES]: breaks the relay, one rule at a time; the storm must
# notice each.  Prints one TAP line a mutation; run from the top.
#
# Calls itself once for each processor; each call takes its share of the mutations.
schedules=${1:-60000}
jobs=$(nproc)
flags='-std=gnu11 -D_GNU_SOURCE -O1 -w -Isrc -Itest'
number=0
failed=0

build_objects()
{
	ls test/unit/relay_storm*.c test/unit/fake_*.c src/application/*.c src/domain/*.c |
		xargs -P "$jobs" -I{} sh -c 'gcc $1 -c -o "$2/$(echo "$3" | tr / _).o" "$3"' sh "$flags" "$objects" {}
}

# The objects, that of the broken source in the place of its own.
build()
{
	own=$(echo "src/$1" | tr / _).o
	# shellcheck disable=SC2046,SC2086
	gcc $flags -c -o "$mine/broken.o" "$mine/broken.c" &&
		gcc -o "$mine/storm" "$mine/broken.o" $(ls "$objects"/*.o | grep -v "/$own\$") -lcmocka
}

# mutate WHAT FILE SED_SCRIPT [FIRST]: the first schedule, where few of them notice
mutate()
{
	number=$((number + 1))
	[ $((number % jobs)) -eq "$share" ] || return 0
	sed "$3" "src/$2" > "$mine/broken.c"
	if cmp -s "src/$2" "$mine/broken.c"
	then
		echo "not ok - $1: the mutation no longer applies to $2"
		failed=1
	elif ! build "$2"
	then
		echo "not ok - $1: does not build"
		failed=1
	elif timeout 300 "$mine/storm" "$schedules" "${4:-1}" >"$mine/log" 2>&1
	then
		echo "not ok - the storm does not notice: $1"
		failed=1
	else
		echo "ok - the storm notices: $1 ($(grep -m 1 -E 'broken|ssert' "$mine/log" | sed 's/.*us: //; s/.*storm: //'))"
	fi
}

if [ -z "${SHARE:-}" ]; then
	objects=$(mktemp -d) || exit 1
	trap 'rm -rf "$objects"' EXIT
	trap 'exit 1' HUP INT TERM
	build_objects || { echo "not ok - the storm builds for its mutations"; exit 1; }
	seq 0 $((jobs - 1)) | OBJECTS=$objects xargs -P "$jobs" -I{} env SHARE={} sh "$0" "$schedules" || failed=1
	exit $failed
fi
share=$SHARE
objects=$OBJECTS
mine=$objects/$share
mkdir "$mine" || exit 1

mutate "any answer counts as an ack" application/relay.c \
	's/if (signal->verdict == OUTBOX_VERDICT_ACKED)/if (signal->verdict != OUTBOX_VERDICT_DUPLICATE)/'
mutate "what was sent counts as stored" application/settle.c 's/ || !slot->answered//'
mutate "the store is not rewound" application/publish.c '/relay->store->rewind/d'
mutate "answers of old epochs are believed" domain/window.c 's/head_token += (uint64_t) window->count/head_token = 1/' 240000
mutate "a duplicate is assumed, not checked" domain/fence.c \
	'/^outbox_fence_admits/,/^}/s/return false;/return true;/'
mutate "no stop at the stream's end" domain/fence.c \
	'/^outbox_fence_at_edge/,/^}/s/return .*/return false;/' 120000
mutate "the first message of an epoch does not travel alone" domain/fence.c \
	's/fence->alone = true/fence->alone = false/' 200000
mutate "a conflict teaches nothing" domain/fence.c \
	'/^outbox_fence_conflict/,/^}/s/= true/= false/'
mutate "predictions always start at the stream's end" domain/fence.c \
	's/fence->base = fence->astray ? fence->last : fence->floor/fence->base = fence->last/'
mutate "what is stored is not recalled" application/publish.c \
	's/relay->broker->look == NULL/relay->broker->look != NULL/'
mutate "the floor rises before all is settled" application/settle.c \
	'/^outbox_settle_answered/,/^}/s/if (events > 0)/if (events > 0 \&\& relay->window.count == 0)\
		outbox_fence_drained(\&relay->fence);\
	if (events > 0)/'
mutate "the end of the stream is kept as the floor" application/settle.c \
	's/upto, relay->fence.floor,/upto, relay->fence.highest,/'
mutate "a refused event leaves no dead letter" application/settle.c \
	'/relay->store->refuse/,/;/c\	settle(relay, position, 1, now);'
mutate "a refused event does not wait for those before it" application/halt.c \
	'/^outbox_halt_is_due/,/^}/{s/ || relay->window.head_token < relay->halt.token//;s/REFUSED ||/REFUSED || true ||/}'
mutate "a refused event does not wait for those after it" domain/window.c \
	'/^outbox_window_is_quiet/,/^}/s/window->travelling == 0/true/'
mutate "a refused event does not wait for what an earlier connection sent" domain/window.c \
	'/^outbox_window_clear/,/^}/s/window->travelling > 0/false/'
mutate "a refused event does not wait for what an earlier process sent" application/relay.c \
	's/relay->inherited_until = now + .*/relay->inherited_until = now;/'
mutate "what is let go does not wait for what an earlier process sent" application/publish.c \
	's/event->let_go \&\&/false \&\&/' 200000
mutate "an event that cannot be sent does not wait for those before it" application/publish.c \
	'/^set_aside(/,/^}/s/relay->window.count > 0/false/'
mutate "what was fetched behind a refused event is sent" application/publish.c \
	'/^set_aside(/,/^}/s/outbox_publish_rewind(relay);//;s/outcome == OFFER_SET_ASIDE || //;s/if (outcome != OFFER_TAKEN)/if (outcome != OFFER_TAKEN \&\& outcome != OFFER_SET_ASIDE)/'
mutate "what is withheld counts as nothing" application/publish.c \
	's/relay->drained = count == 0/relay->drained = count <= 0/'
mutate "a careful relay has several events in hand" application/publish.c \
	's/if (relay->options.attend && relay->window.count > 0)/if (false)/'
mutate "the dead letter is not counted" application/settle.c '/counters.refused++/d'
mutate "what an earlier relay has counted is counted again" domain/tally.c \
	's/if (knows(&tally->before/if (false \&\& knows(\&tally->before/'
mutate "events of an aggregate overtake each other on a shared stream" application/publish.c \
	's/return outbox_window_gate_open.*/return true;/'
mutate "an answer may take for ever" application/relay.c \
	's/if (now < overdue_at(relay))/if (true)/'
mutate "a commit that wakes nobody is not found" application/publish.c \
	's/return relay->woken || now >= relay->poll_at/return relay->woken/'
mutate "the window has no limit" domain/window.c \
	'/^outbox_window_has_room/,/^}/s/return false/return true/'
mutate "the window's bytes have no limit" domain/window.c \
	's/return window->bytes <= max_bytes .*/return true;/'
mutate "the position is never written down" application/settle.c '/relay->store->persist/d'
mutate "a crash may forget all that was settled" application/settle.c \
	's/relay->forgettable >= .*/false)/'
mutate "offline is for ever" domain/delivery.c 's/now < delivery->retry_at/true/'
mutate "the stream is not compared" application/repair.c \
	's/relay->options.fenced \&\& relay->broker->look != NULL/false/'
mutate "new events do not wait for the comparison" application/publish.c \
	's/outbox_repair_checks(relay))/false)/'
mutate "what is lost is not handed out again" application/repair.c \
	's/relay->store->lose(relay->store_self, first, last);/;/'
mutate "a loss is not looked at entry by entry" application/repair.c \
	's/repair->bad <= repair->shape.last/false/'
mutate "what lies beyond the end is not lost" application/repair.c \
	's/lose(relay, inspection->repair.shape.last + 1, UINT64_MAX);/;/'
mutate "holes are not looked for" application/repair.c \
	's/relay->facts.deleted > held->deleted/false/'
mutate "a lowered floor is not written down" application/repair.c \
	'/relay->store->checked/d'
mutate "any message counts as the event's own" domain/repair.c \
	's/== entry->event ? /!= -1 ? /'
mutate "where events are stored is not noted" application/settle.c \
	'/relay->store->note/d'
mutate "the search for the loss stops too early" domain/repair.c \
	's/if (repair->bad <= repair->good + 1)/if (repair->bad <= repair->good + 3)/'
exit $failed
