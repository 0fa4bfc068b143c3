# Safe mode: an event that crashes the relay does not keep the server down.
#
# Promises: Polite.
use strict;
use warnings;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use OutboxBroker;
use OutboxTest;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $library = "$folder/crash.so";
my $order = "$folder/order";
system('gcc', '-shared', '-fPIC', '-O1', '-o', $library, dirname(__FILE__) . '/crash.c', '-ldl') == 0 or die 'crash.c does not build';

# Everything that the server starts has the library, which does nothing yet.
$ENV{OUTBOX_CRASH} = $order;
my $broker = OutboxBroker->new->start;
my $node;
preloaded(sub { $node = new_node('main', $broker, conf => "max_worker_processes = 20") });
my $emitted = 0;

sub preloaded
{
	my ($start) = @_;
	local $ENV{LD_PRELOAD} = $library;
	$start->();
}

sub in { return { database => $_[0] } }

sub crash_on
{
	my ($signal, $text) = @_;
	unlink $order;
	append_to_file("$order.new", "$signal $text\n");
	rename "$order.new", $order;
}

# Emits one event of each of these kinds, each of another aggregate, in one
# transaction; returns their ids.
sub emit
{
	my ($where, @kinds) = @_;
	my $rows = join ', ', map { "(@{[++$emitted]}, '$_')" } @kinds;
	return split /\n/, query($node, "SELECT outbox.emit('order', n::text, 'placed', jsonb_build_object('kind', k)) FROM (VALUES $rows) v(n, k)", $where);
}

# Emits as well, and makes the relay crash on one of them; its crash may reset the
# server before an answer is read, so the events are there before it starts.
sub provoke
{
	my ($where, $signal, $text, @kinds) = @_;
	query($node, 'SELECT outbox.pause()', $where);
	my @ids = emit($where, @kinds);
	crash_on($signal, $text);
	try_query($node, 'SELECT outbox.resume()', $where);
	return @ids;
}

# How often the server has started anew since the offset into its log.
sub resets
{
	my ($offset) = @_;
	return scalar(() = log_between($node, $offset) =~ /all server processes terminated; reinitializing/g);
}

sub refused
{
	my ($sql, $pattern, $name) = @_;
	my ($good, $said) = try_query($node, $sql);
	like($said, $pattern, $name);
}

drained($node, 'ready');
emit({}, qw(plain plain plain));
drained($node, 'events are published');
my $offset;
refused('SELECT outbox.set_aside(1)', qr/ERROR:  55000: .*not in safe mode/, 'there is nothing to set aside');

# What kills the whole server, or another process, is not the relay's doing.
foreach my $time (1 .. 4)
{
	emit({}, 'plain');
	crash($node);
	preloaded(sub { $node->start });
}
drained($node, 'a server that was killed four times publishes');
foreach my $time (1 .. 4)
{
	$offset = -s $node->logfile;
	emit({}, 'plain');
	kill 'KILL', query($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
	eventually("another process is killed, time $time", sub { resets($offset) > 0 && (try_query($node, 'SELECT'))[0] });
}
drained($node, 'and so it does when another process has crashed');
unlike(log_between($node, 0), qr/relay is careful/, 'no relay is suspected of anything');

# A crash on one event, among others.
$offset = -s $node->logfile;
my $before = $broker->count('OUTBOX_postgres');
my @ids = provoke({}, 11, 'poison', ('plain') x 20, 'poison', ('plain') x 20);
my $begin = time();
my $status = state_is($node, 'safe mode', 'a relay that crashes again and again stays down', {}, publishing => JSON::PP::false());
diag(sprintf 'safe mode after %.1f s and %d resets', time() - $begin, resets($offset));
is(resets($offset), 3, 'after three resets of the server');
like($status->{reason}, qr/\b3 times in a row.*signal 11.*event $ids[20]\b/, 'its status names the event');
like($status->{hint}, qr/outbox\.resume\(\).*outbox\.set_aside\(event_id\)/, 'and what to do');
cmp_ok($status->{backlog}, '>=', 21, 'it and what follows is not published');
eventually('the log has it', sub { log_between($node, $offset) =~ /relay for database "postgres" stays down: .*event $ids[20]/ });
is($broker->count('OUTBOX_postgres'), $before + 20, 'what comes before it has arrived, and nothing else');
ok(emit({}, 'plain'), 'events are recorded meanwhile');

# Nothing brings it up but somebody who wants it to.
query($node, q{ALTER DATABASE postgres SET outbox.batch_size = 100});
$node->reload;
preloaded(sub { $node->restart });
state_is($node, 'safe mode', 'it lasts over a restart', {}, reason => qr/event $ids[20]\b/);
query($node, 'CREATE DATABASE other');
my $other = in('other');
query($node, 'CREATE EXTENSION cleanoutbox', $other);
emit(in('other'), 'plain');
drained($node, 'other databases publish meanwhile', $other);
is(status($node)->{state}, 'safe mode', 'and this one does not');
refused("SELECT outbox.set_aside($ids[3])", qr/ERROR:  55000: .*event $ids[3] is not the one/, 'an event that nobody suspects is not set aside');
refused('SELECT outbox.set_aside(NULL)', qr/ERROR:  22004:/, 'nor a null');
refused('BEGIN; SELECT outbox.resume(); PREPARE TRANSACTION \'p\'', qr/ERROR:  0A000:/, 'resuming cannot be prepared');
query($node, 'BEGIN; SELECT outbox.resume(); ROLLBACK');
is(status($node)->{state}, 'safe mode', 'and belongs to its transaction');

# The cause is still there: one more crash, then it is down again.
$offset = -s $node->logfile;
try_query($node, 'SELECT outbox.resume()');
eventually('resumed, it crashes again', sub { resets($offset) > 0 });
state_is($node, 'safe mode', 'and is down again', {}, reason => qr/event $ids[20]\b/);
is(resets($offset), 1, 'after one reset');

# The cause is gone.
unlink $order;
query($node, 'SELECT outbox.resume()');
drained($node, 'resumed without the cause, it publishes everything');
same_as_log($node, $broker, 'once and in order');
is(status($node)->{dead_letters}, 0, 'there is no dead letter');

# Killed without a word while it handles an event.
$offset = -s $node->logfile;
@ids = provoke($other, 9, 'greedy', 'plain', 'greedy', 'plain');
state_is($node, 'safe mode', 'a relay that is killed again and again on one event stays down', $other, reason => qr/killed from outside.*event $ids[1]\b/);
is(resets($offset), 3, 'after three resets of the server');
query($node, "SELECT outbox.set_aside($ids[1])", $other);
state_is($node, 'idle', 'without the event it goes on', $other, backlog => 0, dead_letters => 1);
is(query($node, 'SELECT event_id, reason FROM outbox.dead_letter', $other), "$ids[1]|set aside: the relay ended while it handled this event", 'the event is a dead letter, with the reason');
same_as_log($node, $broker, 'all others are published', { database => 'other', whole => 0 });
unlink $order;
query($node, "SELECT outbox.redrive($ids[1])", $other);
state_is($node, 'idle', 'sent again without the cause, it passes', $other, dead_letters => 0, backlog => 0);
is($broker->count('OUTBOX_other'), query($node, 'SELECT count(*) FROM outbox.event', $other), 'and is in the stream with all others');

# Killed at any time, it goes on.
my $load = start_load($node, 4, emit => "SELECT outbox.emit('load', '1', 'made');\n");
my $at = 0;
foreach my $time (1 .. 6)
{
	my $pid;
	eventually("a relay runs, time $time", sub { $pid = relay_pid($node); $pid =~ /^\d+$/ });
	sleep(0.05 * $time) if $time % 2;
	kill 'KILL', $pid;
	eventually('the server starts anew', sub { my $now = relay_pid($node); $now ne '' && $now ne $pid });
}
stop_load($load);
drained($node, 'a relay that is killed while it works publishes all in the end');
# A database that goes takes the mark with it.
provoke($other, 11, 'poison', 'poison');
state_is($node, 'safe mode', 'another database in safe mode', $other);
query($node, 'DROP EXTENSION cleanoutbox; CREATE EXTENSION cleanoutbox;', $other);
query($node, q{SELECT outbox.emit('order', '1', 'placed')}, $other);
drained($node, 'the extension made anew publishes', $other);
my $oid = query($node, q{SELECT oid FROM pg_database WHERE datname = 'other'});
ok(-e "@{[$node->data_dir]}/pg_stat_tmp/outbox.$oid", 'a relay has a mark');
query($node, 'DROP DATABASE other');
eventually('its mark goes with it', sub { !-e "@{[$node->data_dir]}/pg_stat_tmp/outbox.$oid" });
unlike(log_between($node, 0), qr/PANIC|TRAP/, 'nothing has gone wrong beside that');

$node->stop;
done_testing();
