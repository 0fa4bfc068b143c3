# What is counted: every published event once, whatever is killed.
#
# Promises: Accounted.
use strict;
use warnings;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use OutboxBroker;
use OutboxTest;

my $stream = 'OUTBOX_postgres';
my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker);

# outbox.stat_relay as a hash; empty when the server does not answer.
sub relay
{
	my ($good, $said) = try_query($node, 'SELECT row_to_json(r) FROM outbox.stat_relay r', @_);
	return $good ? JSON::PP::decode_json($said) : {};
}

# Does the relay's row show this, in the end?
sub shows
{
	my ($name, %wanted) = @_;
	my $seen;
	eventually($name, sub { $seen = relay(); !grep { ($seen->{$_} // '') ne $wanted{$_} } keys %wanted }, sub { $seen });
	return $seen;
}

# What was counted is what there is: in the stream, by type, and in the histogram.
sub adds_up
{
	my ($name) = @_;
	my $there = $broker->count($stream);
	my $row = shows("$name: as many as the stream holds", published => $there);
	my ($of_types, $bytes, $refused) = split /\|/, query($node, 'SELECT sum(published), sum(bytes), sum(refused) FROM outbox.stat_event');
	is("$of_types $bytes $refused", "$row->{published} $row->{bytes} $row->{refused}", "$name: so do the types");
	is($row->{acknowledged} + $row->{recalled}, $there, "$name: each was acknowledged or recalled");
	is(query($node, 'SELECT max(cumulative) || $$ $$ || sum(events) FROM outbox.stat_latency'), "$row->{latency_count} $row->{latency_count}", "$name: so does the histogram");
	return $row;
}

sub emit
{
	my ($action, $from, $to) = @_;
	query($node, "SELECT count(outbox.emit('order', i::text, '$action', jsonb_build_object('fill', repeat('x', i)))) FROM generate_series($from, $to) i");
}

# Numbers.
shows('in the beginning nothing is counted', published => 0);
my $begin = time();
emit('placed', 1, 300);
emit('shipped', 1, 50);
drained($node, 'some are published');
my $row = adds_up('some events');
my $took = time() - $begin;
is($row->{sent}, 350, 'each was sent once');
is($row->{recalled} + $row->{duplicates} + $row->{retries} + $row->{conflicts} + $row->{refused}, 0, 'and nothing went wrong');
is($row->{connections}, 1, 'one connection');
is($row->{latency_count}, 350, 'each was timed');
cmp_ok($row->{latency_sum_ms}, '>', 0, 'latencies are not 0');
cmp_ok($row->{latency_sum_ms}, '<', 350 * $took * 1000, 'nor longer than all took');
my $least = query($node, q{SELECT min(upper_bound_us) FROM outbox.stat_latency WHERE events > 0});
cmp_ok($row->{latency_sum_ms} * 1000, '>', $least / 2 * 350, 'sum and histogram agree: not less') if $least > 128;
my $most = query($node, q{SELECT max(upper_bound_us) FROM outbox.stat_latency WHERE events > 0});
cmp_ok($row->{latency_sum_ms} * 1000, '<=', $most * 350, 'nor more');
is(query($node, 'SELECT count(*) || $$ $$ || count(upper_bound_us) || $$ $$ || min(upper_bound_us) FROM outbox.stat_latency'), '24 23 128', 'a row for each bucket');
is(query($node, 'SELECT event_type, published, refused FROM outbox.stat_event ORDER BY 1'), "order.placed|300|0\norder.shipped|50|0", 'each type for itself');
my ($bytes, $messages) = split /\|/, query($node, q{SELECT bytes, (SELECT sum(length(payload)) FROM outbox.event WHERE action = 'placed') FROM outbox.stat_event WHERE action = 'placed'});
cmp_ok($bytes, '>', $messages, 'bytes are those of the messages, headers as well');
cmp_ok($bytes, '<', $messages + 300 * 1000, 'and no more');
is(query($node, q{SELECT count(*) FROM outbox.stat_event WHERE last_published_at BETWEEN now() - interval '1 min' AND now()}), 2, 'just now');
is(query($node, 'SELECT name, highest_id, stream_sequence, pending_events, pending_bytes, lag IS NULL FROM outbox.stat_consumer'), 'relay|350|350|0|0|t', 'the cursor is at the end');

# A replay is published again, but says nothing about latency.
query($node, q{SELECT outbox.replay('{order.shipped}')});
drained($node, 'copies are published');
$row = adds_up('with copies');
is($row->{published} - $row->{latency_count}, 50, 'they are not timed');

# The broker away.
$broker->kill9;
state_is($node, 'broker unreachable', 'the broker is away');
emit('paid', 1, 20);
is(query($node, q{SELECT pending_events, pending_bytes > 20, lag BETWEEN '0' AND '1 min', oldest_pending IS NOT NULL FROM outbox.stat_consumer}), '20|t|t|t', 'what waits is told');
eventually('tries are counted', sub { relay()->{retries} > 2 });
$broker->start;
drained($node, 'the broker is back');
$row = adds_up('after an outage');
is($row->{connections}, 2, 'another connection');

# Refused.
$broker->stream('update', $stream, 'max_msg_size=2000');
query($node, q{SELECT outbox.emit('invoice', '1', 'sent', to_jsonb(repeat('x', 3000)))});
query($node, q{SELECT outbox.emit('invoice', '2', 'sent')});
state_is($node, 'idle', 'an event is refused', {}, backlog => 0, dead_letters => 1);
$row = adds_up('with a refused one');
is($row->{refused}, 1, 'it is counted');
is(query($node, q{SELECT published, refused FROM outbox.stat_event WHERE event_type = 'invoice.sent'}), '1|1', 'with its type');

# Killed, again and again: nothing is counted twice, nothing is forgotten, no count falls.
my %former = %{ relay() };
my @falls;
sub watch
{
	my $now = relay();
	return 0 unless defined $now->{published} && $now->{pid};
	push @falls, map { "$_ from $former{$_} to $now->{$_}" } grep { $now->{$_} < $former{$_} } qw(published bytes acknowledged recalled sent connections retries latency_count);
	%former = (%$now);
	return 1;
}
make_things($node, 20);
my $load = start_load($node, 3, change => '\set i random(1, 20)' . "\nSELECT change(:i);\n");
sub flows
{
	my ($name) = @_;
	my $before = $broker->count($stream);
	eventually($name, sub { watch(); $broker->count($stream) > $before + 200 });
}
flows('events flow');
foreach my $time (1 .. 4)
{
	my $pid;
	eventually('there is a relay', sub { ($pid = relay_pid($node)) =~ /^\d+$/ && kill 'KILL', $pid });
	eventually('another one takes over', sub { my $now = relay_pid($node); $now =~ /^\d+$/ && $now ne $pid });
	flows("kill -9 of the relay, $time: events flow again");
}
eventually('a session is killed', sub {
	my ($good, $pid) = try_query($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1});
	$good && $pid =~ /^\d+$/ && kill('KILL', $pid) });
flows('kill -9 of a session: events flow again');
$broker->kill9;
$broker->start;
flows('kill -9 of the broker: events flow again');
try_query($node, 'SELECT pg_terminate_backend(pid) FROM outbox.stat_relay');
flows('the relay is terminated: events flow again');
stop_load($load);
drained($node, 'in the end all is published');
$row = adds_up('after all that');
is_deeply(\@falls, [], 'no count has ever fallen');
is(query($node, q{SELECT published FROM outbox.stat_event WHERE event_type = 'thing.changed'}), query($node, 'SELECT sum(n) FROM thing'), 'each change is counted once');

# The whole server killed, and restarted.
emit('late', 1, 500);
eventually('some more are under way', sub { $broker->count($stream) > $row->{published} });
crash($node);
$node->start;
drained($node, 'the whole server was killed');
my $since = adds_up('after that')->{stats_reset};
is($since, $row->{stats_reset}, 'they count since they did before');
$node->restart;
drained($node, 'the server was restarted');
is(adds_up('after a restart')->{stats_reset}, $since, 'still');

# Beside other writers.
alter_database($node, 'outbox.publish_mode = shared', 'a shared stream');
emit('shared', 1, 300);
drained($node, 'is published to');
adds_up('on a shared stream');
alter_database($node, 'outbox.publish_mode = fenced', 'a stream of its own again');

# Reset.
my $before = $broker->count($stream);
query($node, 'BEGIN; SELECT outbox.stat_reset(); ROLLBACK');
$row = relay();
is("@$row{qw(published bytes acknowledged sent connections latency_count latency_sum_ms)}", '0 0 0 0 0 0 0', 'a reset holds at once, whatever becomes of the transaction');
is(query($node, 'SELECT count(*) FROM outbox.stat_event'), 0, 'no types');
is(query($node, 'SELECT sum(events) FROM outbox.stat_latency'), 0, 'no latencies');
cmp_ok($row->{stats_reset}, 'gt', $since, 'they count since now');
emit('renewed', 1, 10);
drained($node, 'more is published');
shows('counted from 0 on', published => 10, sent => 10);
is(query($node, 'SELECT event_type, published FROM outbox.stat_event'), 'order.renewed|10', 'as its type is');
my $pid = relay_pid($node);
kill 'KILL', $pid;
eventually('kill -9 of the relay after a reset', sub { my $now = relay_pid($node); $now =~ /^\d+$/ && $now ne $pid });
drained($node, 'is nothing');
shows('the reset lasts', published => 10, stats_reset => $row->{stats_reset});
query($node, 'ALTER DATABASE postgres SET outbox.enabled = off');
$node->reload;
state_is($node, 'disabled', 'without a relay');
shows('counts are still there', published => 10, pid => '');
query($node, 'SELECT outbox.stat_reset()');
shows('and can be reset', published => 0);
query($node, 'ALTER DATABASE postgres RESET outbox.enabled');
$node->reload;
drained($node, 'with a relay again');
shows('they are still 0', published => 0);

# More types than there is room for.
query($node, q{SELECT count(outbox.emit('many', '1', 'a' || i)) FROM generate_series(1, 520) i});
drained($node, 'many types are published');
shows('all are counted', published => 520);
is(query($node, q{SELECT count(*), sum(published) FROM outbox.stat_event}), '501|520', '500 of them for themselves');
is(query($node, q{SELECT published, aggregate IS NULL, action IS NULL FROM outbox.stat_event WHERE event_type = '(other)'}), '20|t|t', 'the others together');
$pid = relay_pid($node);
kill 'KILL', $pid;
eventually('kill -9 of the relay', sub { my $now = relay_pid($node); $now =~ /^\d+$/ && $now ne $pid });
drained($node, 'is nothing, either');
is(query($node, q{SELECT count(*), sum(published) FROM outbox.stat_event}), '501|520', 'all types are still there');

# A file that cannot be read is no file; one that cannot be written is told of.
my $file = $node->data_dir . '/pg_stat_tmp/outbox.tally.' . query($node, q{SELECT oid FROM pg_database WHERE datname = 'postgres'});
ok(-s $file, 'there is a file');
$node->stop;
open(my $out, '+<:raw', $file) or die "$file: $!";
seek($out, 100, 0);
print $out 'damaged';
close $out;
$node->start;
drained($node, 'with a damaged file the relay runs');
shows('and counts anew', published => 0);
$node->stop;
unlink $file;
mkdir $file;
my $offset = -s $node->logfile;
$node->start;
emit('unkept', 1, 10);
drained($node, 'with no file it does, too');
shows('and counts', published => 10);
emit('unkept', 11, 20);
drained($node, 'and goes on');
is(() = log_between($node, $offset) =~ /could not write the statistics of a relay/g, 1, 'the log says once that they cannot be kept');
rmdir $file;

# Another outbox of the same database.
query($node, 'DROP EXTENSION cleanoutbox');
$broker->stream('delete', $stream);
query($node, 'CREATE EXTENSION cleanoutbox');
drained($node, 'another outbox');
shows('counts for itself', published => 0);

# What sessions see of the processes.
is(query($node, q{SELECT backend_type, state, wait_event_type, query FROM pg_stat_activity WHERE backend_type ~ '^cleanoutbox' ORDER BY 1}),
	"cleanoutbox launcher|idle|Extension|looking for databases\ncleanoutbox relay|idle|Extension|publishing to stream $stream", 'pg_stat_activity shows what they do');
if (query($node, 'SHOW server_version_num') >= 170000)
{
	is(query($node, q{SELECT string_agg(wait_event, ' ' ORDER BY wait_event) FROM pg_stat_activity WHERE backend_type ~ '^cleanoutbox'}), 'OutboxLauncher OutboxRelay', 'and what they wait for');
}
$broker->pause;
emit('stuck', 1, 5);
eventually('a relay that has work is active', sub { query($node, q{SELECT state FROM pg_stat_activity WHERE backend_type = 'cleanoutbox relay'}) eq 'active' });
$broker->resume;
drained($node, 'and at rest');
eventually('idle again', sub { query($node, q{SELECT state FROM pg_stat_activity WHERE backend_type = 'cleanoutbox relay'}) eq 'idle' });
my $scans = q{SELECT sum(seq_scan) FROM pg_stat_sys_tables WHERE relname = 'pg_database'};
my $seen = query($node, $scans);
query($node, 'CREATE DATABASE another');
eventually('the launcher reports what it reads', sub { query($node, $scans) > $seen });
eventually('and the relay what it does', sub { query($node, q{SELECT n_tup_upd > 0 FROM pg_stat_user_tables WHERE relid = 'outbox.cursor'::regclass}) eq 't' });

$node->stop;
done_testing();
