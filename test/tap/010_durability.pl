# Nothing is published that a crash of the server could still undo.
#
# With synchronous_commit = off a transaction is visible before its commit is on
# disk.  Here the WAL writer stands still, so that nobody but the relay can have
# written the commit: when its events are in the stream, the whole server is
# killed.  A row that was committed after them is lost each time, which shows
# that the crash did undo what was not flushed.
#
# Promises: Atomic.
use strict;
use warnings;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $rounds = 4;
my $stream = 'OUTBOX_postgres';
my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => "autovacuum = off\ncheckpoint_timeout = 1h");
make_things($node, 20);
query($node, 'CREATE TABLE bystander (round integer)');
drained($node, 'ready');

my $lost = 0;
foreach my $round (1 .. $rounds)
{
	query($node, 'CHECKPOINT');
	my $writer = query($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
	kill 'STOP', $writer;
	my $before = $broker->count($stream);
	query($node, <<'SQL');
SET synchronous_commit = off;
SELECT change(i) FROM generate_series(1, 10) i;
BEGIN; SAVEPOINT s; SELECT change(11); RELEASE s; SELECT change(12); COMMIT;
SELECT change(i) FROM generate_series(13, 20) i;
SQL
	eventually("round $round: events of transactions that are not durable arrive", sub { $broker->count($stream) == $before + 20 });
	query($node, "SET synchronous_commit = off; INSERT INTO bystander VALUES ($round)");
	crash($node);
	$node->start;
	drained($node, 'after the crash the relay goes on');
	same_as_log($node, $broker, 'every event in the stream is in the log, and once');
	$lost += 1 - query($node, "SELECT count(*) FROM bystander WHERE round = $round");
	query($node, 'SELECT change(i) FROM generate_series(1, 5) i');
	drained($node, 'transactions that take the place of lost ones are published');
	same_as_log($node, $broker, 'as events of their own');
}
is($lost, $rounds, 'what was committed behind the events was lost every time');
my @messages = $broker->messages($stream);
things_are_complete($node, \@messages, 'every change has arrived in order');

# What is settled becomes durable before a crash could forget more than can be recalled.
my $many = 20000;
query($node, 'CHECKPOINT');
kill 'STOP', query($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
my $before = $broker->count($stream);
query($node, "SELECT count(outbox.emit('thing', 'many', 'counted', '{}')) FROM generate_series(1, $many)");
eventually('many events arrive', sub { $broker->count($stream) == $before + $many });
crash($node);
$node->start;
drained($node, 'after the crash the relay goes on');
cmp_ok(query($node, 'SELECT published FROM outbox.relay_state()'), '<=', 8192 + 1000, 'only so many are sent again');
is($broker->count($stream), $before + $many, 'and none is stored twice');

$node->stop;
done_testing();
