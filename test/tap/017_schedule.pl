# Events that are delivered later, sent again, or erased.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
# Polling is no help here: the relay has to wake by itself.
my $node = new_node('main', $broker, streaming => 1, conf => 'outbox.poll_interval = 10min');
my $stream = 'OUTBOX_postgres';

# Schedules an event so many seconds ahead; returns its id and its time by the server's clock.
sub schedule
{
	my ($aggregate_id, $seconds) = @_;
	return split /\|/, query($node, qq{WITH t AS MATERIALIZED (SELECT clock_timestamp() + '$seconds s' AS at)
		SELECT outbox.emit('call', '$aggregate_id', 'due', deliver_at => at), extract(epoch FROM at) FROM t});
}

sub now { return query($node, 'SELECT extract(epoch FROM clock_timestamp())') }

# The messages of one aggregate, or of those that match.
sub arrived
{
	my ($aggregate_id) = @_;
	return grep { $_->{type} eq 'call.due' && $_->{aggregate_id} =~ /^$aggregate_id$/ } $broker->messages($stream);
}

# When it entered the log, by the server's clock.
sub entered
{
	my ($message) = @_;
	my ($id) = $message->{id} =~ /(\d+)$/;
	return query($node, "SELECT extract(epoch FROM emitted_at) FROM outbox.event WHERE id = $id");
}

sub scheduled { return query($node, 'SELECT count(*) FROM outbox.scheduled_event') }

sub arrives
{
	my ($aggregate_id, $name) = @_;
	eventually($name, sub { arrived($aggregate_id) });
	return (arrived($aggregate_id))[0];
}

query($node, q{SELECT outbox.emit('call', 'now', 'due')});
drained($node, 'the stream is there');

# Not before its time, and soon after.
my ($id, $at) = schedule('first', 1);
my ($far) = schedule('far', 3600);
my $early = 0;
while (1)
{
	my $count = arrived('first');
	last if now() >= $at;
	$early += $count;
}
is($early, 0, 'a scheduled event does not arrive before its time');
my $first = arrives('first', 'but then it does');
cmp_ok(entered($first), '>=', $at, 'it entered the log after its time');
cmp_ok(entered($first), '<', $at + 5, 'and soon after it, far below the poll interval');
is($first->{headers}{'Outbox-Scheduled-Id'}, $id, 'it tells the id that emit returned');
like($first->{id}, qr/-(?!$id$)\d+$/, 'and has a number of its own');
is(query($node, 'SELECT id FROM outbox.scheduled_event'), $far, 'the other one waits');
is(query($node, "SELECT outbox.cancel_scheduled($id)"), 'f', 'what has entered the log cannot be taken back');
is(query($node, "SELECT outbox.cancel_scheduled($far)"), 't', 'what waits can');

# In the order of their times, whatever their numbers; an earlier one wakes the relay earlier.
schedule('order', $_) foreach 2.0, 1.0, 1.5;
schedule('order', 0.2);
eventually('all four arrive', sub { arrived('order') == 4 });
my @order = arrived('order');
my @numbers = map { $_->{headers}{'Outbox-Scheduled-Id'} } @order;
is_deeply([ map { $_ - $numbers[0] } @numbers ], [ 0, -2, -1, -3 ], 'in the order of their times');

# A restart, a crash, a standby's promotion in between.
my ($restart) = schedule('restart', 2);
$node->restart;
my ($crash, $crash_at) = schedule('crash', 4);
is((arrives('restart', 'after a restart it arrives'))->{headers}{'Outbox-Scheduled-Id'}, $restart, 'the right one');
crash($node);
$node->start;
cmp_ok(entered(arrives('crash', 'after a crash, too')), '>=', $crash_at, 'not before its time');

# While publishing is paused it waits.
query($node, 'SELECT outbox.pause()');
state_is($node, 'paused', 'the relay is paused');
(undef, $at) = schedule('paused', 0.5);
eventually('its time comes', sub { now() > $at + 0.5 });
is(scheduled(), '1', 'it waits');
query($node, 'SELECT outbox.resume()');
arrives('paused', 'and arrives when the relay goes on');

# While the broker is away it enters the log all the same.
$broker->stop;
schedule('away', 0.3);
eventually('it enters the log', sub { scheduled() eq '0' });
$broker->start;
query($node, 'SELECT outbox.wake()');
arrives('away', 'until the broker is back');

# Transactions: prepared, rolled back, and one that keeps a row locked.
set_conf($node, 'outbox.poll_interval' => '100ms');
query($node, q{BEGIN; SELECT outbox.emit('call', 'prepared', 'due', deliver_at => clock_timestamp() + '0.3 s'); PREPARE TRANSACTION 'p'});
query($node, q{BEGIN; SELECT outbox.emit('call', 'undone', 'due', deliver_at => clock_timestamp() + '0.3 s'); ROLLBACK});
my ($locked) = schedule('locked', 1);
query($node, "BEGIN; SELECT outbox.cancel_scheduled($locked); PREPARE TRANSACTION 'cancel'");
schedule('behind', 1.2);
arrives('behind', 'an event that somebody has locked holds up no other');
is(arrived('locked'), 0, 'it is not sent');
query($node, q{COMMIT PREPARED 'p'});
query($node, q{ROLLBACK PREPARED 'cancel'});
arrives('prepared', 'one that was prepared arrives when that is committed');
arrives('locked', 'the locked one when it is free');
is(arrived('undone') + scheduled(), 0, 'what was rolled back never');

# Many at once, and a crash in the middle of their entering.
query($node, q{SELECT count(outbox.emit('call', 'many ' || i % 10, 'due', deliver_at => t)) FROM
	(SELECT date_trunc('second', clock_timestamp()) + '3 s' AS t, generate_series(1, 30000) i) s});
eventually('they begin to enter', sub { scheduled() < 30000 });
crash($node);
$node->start;
eventually('all enter', sub { scheduled() eq '0' });
drained($node, 'all are published');
my @many = arrived('many \d');
my %seen;
$seen{ $_->{headers}{'Outbox-Scheduled-Id'} }++ foreach @many;
is(scalar(@many) . ' ' . keys %seen, '30000 30000', 'each once');
my @unordered = grep { $many[$_]{headers}{'Outbox-Scheduled-Id'} < $many[ $_ - 1 ]{headers}{'Outbox-Scheduled-Id'} } 1 .. $#many;
is(scalar @unordered, 0, 'in order');
same_as_log($node, $broker, 'the stream holds the log');

# Sent again.
query($node, q{SELECT outbox.emit('order', i::text, 'placed', jsonb_build_object('i', i), '{"tenant": "north"}', i) FROM generate_series(1, 5) i});
drained($node, 'five orders');
is(query($node, q{SELECT outbox.replay('{order.placed}', since => now() - interval '1 hour')}), '5', 'five are sent again');
drained($node, 'they are published');
my @orders = grep { $_->{type} eq 'order.placed' } $broker->messages($stream);
is_deeply([ map { $_->{aggregate_id} } @orders ], [ 1 .. 5, 1 .. 5 ], 'in their order');
my @differences;
foreach my $i (0 .. 4)
{
	my ($original, $copy) = @orders[ $i, $i + 5 ];
	push @differences, "$i: mark" if $copy->{headers}{'Outbox-Replay'} ne $original->{id} || $original->{headers}{'Outbox-Replay'};
	push @differences, "$i: id" if $copy->{id} eq $original->{id};
	push @differences, "$i: payload" if $copy->{payload} ne $original->{payload};
	push @differences, map { "$i: $_" } grep { $copy->{headers}{$_} ne $original->{headers}{$_} } qw(ce-time Outbox-Aggregate-Version tenant);
}
is_deeply(\@differences, [], 'marked with the original\'s message id, with an id of their own, else the same');
same_as_log($node, $broker, 'the stream holds the log');

# Erased: copies are not sent, what is in the stream stays.
is(query($node, q{SELECT outbox.erase('order', '3')}), '2', 'an order and its copy are erased');
is(query($node, q{SELECT outbox.replay('{order.placed}')}), '4', 'and sent again no more');
drained($node, 'the others are published');
is(scalar(grep { $_->{type} eq 'order.placed' } $broker->messages($stream)), 14, 'four more have arrived');

# Under load, with crashes of the relay and of the broker: nothing is erased before it
# is published, nothing lost or twice.
make_things($node, 20);
my $load = start_load($node, 4,
	change => "6:\\set i random(1, 20)\nSELECT change(:i);\n",
	batch => "1:SELECT change(i) FROM generate_series(1, 20) i;\n",
	erase => "3:\\set i random(1, 20)\nSELECT outbox.erase('thing', :i::text);\n");
my $erased = q{SELECT count(*) FROM outbox.event WHERE aggregate = 'thing' AND headers LIKE 'Outbox-Erased%'};
my $more = 200;
foreach my $fault (sub { kill 'KILL', relay_pid($node) || 0 }, sub { $broker->kill9; $broker->start }, sub { crash($node); $node->start })
{
	eventually("$more are erased", sub { my ($good, $said) = try_query($node, $erased); $good && $said >= $more });
	$fault->();
	$more += 200;
}
eventually("$more are erased", sub { my ($good, $said) = try_query($node, $erased); $good && $said >= $more });
stop_load($load);
drained($node, 'all is published');
my @messages = grep { $_->{type} eq 'thing.changed' } $broker->messages($stream);
my $changes = things_are_complete($node, \@messages, 'every change has arrived once, in order');
is(scalar(grep { $_->{payload} ne qq({"n": $_->{version}}) || $_->{headers}{'Outbox-Erased'} } @messages), 0, 'and as it was emitted');
cmp_ok($changes, '>', $more, "of $changes");

# On a standby that is promoted.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
schedule('promoted', 2);
eventually('the standby has it', sub { (try_query($standby, 'SELECT count(*) FROM outbox.scheduled_event'))[1] eq '1' });
$node->stop('immediate');
$standby->promote;
arrives('promoted', 'the promoted standby sends it');
$standby->stop;
done_testing();
