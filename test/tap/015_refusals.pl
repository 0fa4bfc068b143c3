# Events that the broker refuses: what waits behind them, sending them again, giving them up.
#
# Promises: Accounted.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
# A refusal counts when nothing that was sent before can still come: after that time.
my $node = new_node('main', $broker, conf => "outbox.ack_timeout = '1s'");

sub emit
{
	my ($aggregate_id, $bytes) = @_;
	return query($node, qq{SELECT outbox.emit('order', '$aggregate_id', 'placed', to_jsonb(repeat('x', $bytes - 2)))});
}

# The ids of the events in the stream, of one aggregate or of all.
sub arrived
{
	my ($aggregate_id) = @_;
	return join ' ', map { $_->{id} =~ /(\d+)$/ } grep { !defined $aggregate_id || $_->{aggregate_id} eq $aggregate_id } $broker->messages('OUTBOX_postgres');
}

sub status_is
{
	my ($name, %wanted) = @_;
	return state_is($node, 'idle', $name, {}, backlog => 0, %wanted);
}

# Changes the stream's limit.  The relay learns it when it connects, or reloads.
sub limit
{
	my ($bytes) = @_;
	$broker->stream('update', 'OUTBOX_postgres', "max_msg_size=$bytes");
}

sub limit_is_known
{
	my ($bytes) = @_;
	$node->reload;
	eventually("the relay knows the limit of $bytes bytes",
		sub { query($node, 'SELECT max_message_size FROM outbox.stat_relay') eq $bytes });
}

my @first = (emit('a', 100));
drained($node, 'the relay knows the stream');

# Refused: the aggregate is blocked, the others are not.
limit(2000);
my $refused = emit('a', 3000);
my @behind = map { emit('a', 100) } 1 .. 3;
my @others = map { emit('b', 100) } 1 .. 3;
status_is('the other aggregate goes on', dead_letters => 1, blocked_aggregates => 1, waiting => 3);
is(arrived('a'), "@first", 'what follows the refused event waits');
is(arrived('b'), "@others", 'all others arrive');
like(status($node)->{hint}, qr/outbox\.blocked_aggregate.*outbox\.redrive/, 'outbox.status says what to do');
is(query($node, 'SELECT aggregate, aggregate_id, event_id, attempts, waiting FROM outbox.blocked_aggregate'), "order|a|$refused|1|3", 'and the view what waits');
push @behind, emit('a', 100);
status_is('later ones wait, too', waiting => 4);

# A crash changes nothing.
crash($node);
$node->start;
push @behind, emit('a', 100);
push @others, emit('b', 100);
status_is('after a crash as before', dead_letters => 1, blocked_aggregates => 1, waiting => 5);
is(arrived('a'), "@first", 'still nothing passes');
is(arrived('b'), "@others", 'but the others');

# Sent again, and refused again.
query($node, "SELECT outbox.redrive($refused)");
eventually('refused once more', sub { query($node, "SELECT attempts FROM outbox.dead_letter WHERE redrive_at IS NULL AND event_id = $refused") eq '2' });
status_is('it blocks as before', dead_letters => 1, blocked_aggregates => 1, waiting => 5);
is(arrived('a'), "@first", 'nothing has passed');

# Sent again, and taken.
limit(100000);
limit_is_known(100000);
query($node, 'SELECT outbox.pause()');
query($node, "SELECT outbox.redrive($refused)");
push @behind, emit('a', 100);
query($node, 'SELECT outbox.resume()');
status_is('sent again, it passes', dead_letters => 0, blocked_aggregates => 0, waiting => 0);
is(arrived('a'), "@first $refused @behind", 'it arrives first, then all that waited, in order, once');
push @first, $refused, @behind;
push @first, emit('a', 100);
drained($node, 'the aggregate is free');
is(arrived('a'), "@first", 'what is new comes at once');

# Given up.
limit(2000);
my @unwanted = split /\n/, query($node, q{SELECT outbox.emit('order', name, 'placed', to_jsonb(repeat('x', 3000))) FROM unnest('{c,d}'::text[]) name});
my %waits = map { $_ => emit($_, 100) } qw(c d);
status_is('two aggregates are blocked', dead_letters => 2, blocked_aggregates => 2, waiting => 2);
query($node, "SELECT outbox.discard($unwanted[0], 'a test')");
status_is('one is given up', dead_letters => 1, blocked_aggregates => 1, waiting => 1);
is(arrived('c'), $waits{c}, 'and what waited behind it arrives');
is(query($node, "SELECT discard_reason FROM outbox.dead_letter WHERE event_id = $unwanted[0]"), 'a test', 'it stays as a record');
my ($good, $said) = try_query($node, "SELECT outbox.redrive($unwanted[0])");
like($said, qr/ERROR:  55000:.*HINT:/s, 'and cannot be sent again');
limit(100000);
limit_is_known(100000);
is(query($node, 'SELECT outbox.redrive_all()'), '1', 'all others are sent again');
status_is('nothing is left', dead_letters => 0, blocked_aggregates => 0, waiting => 0);
is(arrived('d'), "$unwanted[1] $waits{d}", 'in order');

# Many wait, the server crashes while they are let go.
limit(2000);
my $poison = emit('e', 3000);
query($node, q{SELECT count(outbox.emit('order', 'e', 'placed', '{}')) FROM generate_series(1, 5000)});
status_is('many wait', waiting => 5000);
my $expected = "$poison " . query($node, q{SELECT string_agg(event_id::text, ' ' ORDER BY event_id) FROM outbox.waiting});
limit(100000);
limit_is_known(100000);
query($node, "SELECT outbox.redrive($poison)");
crash($node);
$node->start;
status_is('they are let go all the same', dead_letters => 0, blocked_aggregates => 0, waiting => 0);
is(arrived('e'), $expected, 'each once, in order');

# What a crash can still undo is not acted on: the WAL writer stands still here, so
# that nobody but the relay can have made the decision durable.
limit(2000);
my $late = emit('f', 3000);
my $after = emit('f', 100);
status_is('an event waits', dead_letters => 1, waiting => 1);
limit(100000);
limit_is_known(100000);
query($node, 'CHECKPOINT');
kill 'STOP', query($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
query($node, "SET synchronous_commit = off; SELECT outbox.redrive($late)");
eventually('sent again, it arrives', sub { arrived('f') eq "$late $after" });
crash($node);
$node->start;
status_is('and is no dead letter after a crash', dead_letters => 0, blocked_aggregates => 0, waiting => 0);
is(arrived('f'), "$late $after", 'nor sent twice');

# A row that is removed while its event is being sent, and the answer is waited for.
limit(2000);
my $gone = emit('g', 3000);
status_is('refused', dead_letters => 1);
set_conf($node, 'outbox.ack_timeout' => '20s');
limit(100000);
limit_is_known(100000);
limit(2000);
$broker->pause;
query($node, "SELECT outbox.redrive($gone)");
eventually('it is being sent', sub { query($node, 'SELECT in_flight FROM outbox.stat_relay') eq '1' });
query($node, "DELETE FROM outbox.dead_letter WHERE event_id = $gone");
my $log_before = -s $node->logfile;
$broker->resume;
eventually('the log names it', sub { log_between($node, $log_before) =~ /WARNING: .*refused event $gone leaves no dead letter/ });
my @free = map { emit('g', 100) } 1 .. 2;
set_conf($node, 'outbox.ack_timeout' => '1s');
status_is('its aggregate goes on', dead_letters => 0, blocked_aggregates => 0, waiting => 0);
is(arrived('g'), "@free", 'with what comes after it');

# A row that is removed while events wait behind it.
limit(100000);
limit_is_known(100000);
limit(2000);
$gone = emit('h', 3000);
my $orphan = emit('h', 100);
status_is('one waits', dead_letters => 1, waiting => 1);
query($node, "DELETE FROM outbox.dead_letter WHERE event_id = $gone");
status_is('it does not wait for ever', dead_letters => 0, blocked_aggregates => 0, waiting => 0);
is(arrived('h'), $orphan, 'but arrives');

$node->stop;
done_testing();
