# What the relay does not do while it waits: hold a transaction, hold back VACUUM,
# wake more often than it has to.
#
# Promises: Polite.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep);
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => 'autovacuum = off');
query($node, q{CREATE TABLE work AS SELECT generate_series(1, 1000) AS i});
drained($node, 'ready');

# Samples the relay; the longest row of samples that show the same xmin.
sub watch
{
	my ($name) = @_;
	my ($busy, $longest, $row, $last, $samples) = (0, 0, 0, '', 60);
	foreach (1 .. $samples)
	{
		my (undef, $seen) = try_query($node, q{SELECT coalesce(backend_xmin::text, ''), coalesce(xact_start::text, '') FROM pg_stat_activity WHERE backend_type = 'cleanoutbox relay'});
		$seen = '' if $seen eq '|';
		$row = $seen ne '' && $seen eq $last ? $row + 1 : 0;
		$longest = $row if $row > $longest;
		$last = $seen;
		$busy++ if $seen ne '';
	}
	cmp_ok($longest, '<', 20, "$name: it stays in no transaction ($busy of $samples samples saw one)");
	return $busy;
}

# VACUUM takes away what was deleted just now.
sub vacuums
{
	my ($name) = @_;
	query($node, 'DELETE FROM work; INSERT INTO work SELECT generate_series(1, 1000)');
	my (undef, undef, $said) = try_query($node, 'VACUUM (VERBOSE) work');
	like($said, qr/tuples: \d{4,} removed, \d+ remain, 0 are dead but not yet removable/, $name);
}

is(watch('idle'), 0, 'idle, it is in none at all');
vacuums('VACUUM is not held back by an idle relay');

$broker->kill9;
query($node, q{SELECT count(outbox.emit('bulk', (i % 10)::text, 'made', jsonb_build_object('i', i, 'fill', repeat('x', 1000)))) FROM generate_series(1, 20000) i});
state_is($node, 'broker unreachable', 'the broker is away, and much waits', {}, backlog => 20000);
is(watch('the broker is away'), 0, 'it waits outside of transactions');
vacuums('VACUUM is not held back by a backlog');
$broker->start;
eventually('it publishes', sub { $broker->count('OUTBOX_postgres') > 0 });
$broker->pause;
eventually('the broker stands still in the middle', sub { (try_query($node, 'SELECT in_flight FROM outbox.stat_relay'))[1] =~ /^[1-9]/ });
watch('the broker stands still');
vacuums('VACUUM is not held back by messages in flight');
$broker->resume;
drained($node, 'all is published in the end');
same_as_log($node, $broker, 'nothing is lost or twice', { brief => 1 });

# One wake-up serves the log and the schedule, whenever the log was looked at before, and
# what else there is to look at does not need one of its own.
# Counted from one report of the relay's statistics to another, when they are exact; an
# event that waits has the schedule's index read at each poll.
query($node, q{SELECT outbox.emit('call', '1', 'due', deliver_at => now() + interval '1 day')});
my $looks = q{SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_all_indexes WHERE indexrelname = 'scheduled_due_idx'};

# How often the relay has slept.
sub woken
{
	my ($times) = PostgreSQL::Test::Utils::slurp_file('/proc/' . relay_pid($node) . '/status') =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
	return $times;
}

# How often the relay has polled and woken, at a report that tells of so many polls.
sub polled
{
	my ($least) = @_;
	my $seen = query($node, $looks);
	eventually('the relay polls', sub { my $last = $seen; $seen = query($node, $looks); $seen != $last && $seen >= $least });
	return ($seen, woken());
}

foreach (['100ms', 20], ['1s', 8], ['2s', 6])
{
	my ($interval, $polls) = @$_;
	set_conf($node, 'outbox.poll_interval' => $interval);
	query($node, q{SELECT outbox.emit('call', '1', 'made')});
	drained($node, 'an event is published');
	my ($polled, $woken) = polled(0);
	my ($polled_after, $woken_after) = polled($polled + $polls);
	my ($times, $wakes) = ($polled_after - $polled, $woken_after - $woken);
	cmp_ok($wakes / $times, '<', 1.6, "idle, it wakes once per $interval ($wakes times for $times polls)");
}

# Paused, it has nothing to do with what is committed.
query($node, 'SELECT outbox.pause()');
state_is($node, 'paused', 'the relay is paused');
my $asleep = woken();
query($node, q{DO $$ BEGIN FOR i IN 1..300 LOOP PERFORM outbox.emit('call', '1', 'made'); COMMIT; PERFORM pg_sleep(0.002); END LOOP; END $$});
cmp_ok(woken() - $asleep, '<', 100, 'commits do not wake a paused relay');
query($node, 'SELECT outbox.resume()');
drained($node, 'resumed, it publishes them');

# Polling by itself makes no noise: no WAL, no writing transactions.  What a reload
# has the relay write down is over before.
my $polls = sub { query($node, q{SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = 'postgres'}) };
set_conf($node, 'outbox.poll_interval' => '10ms');
my $reloaded = $polls->();
eventually('the relay polls', sub { $polls->() > $reloaded + 100 });
query($node, 'CHECKPOINT');
my $before = query($node, q{SELECT pg_current_wal_insert_lsn() || ' ' || pg_snapshot_xmax(pg_current_snapshot())});
my $start = $polls->();
eventually('the relay goes on polling', sub { $polls->() > $start + 300 });
is(query($node, q{SELECT pg_snapshot_xmax(pg_current_snapshot())}), (split ' ', $before)[1], 'without taking transaction ids');

$node->stop;
done_testing();
