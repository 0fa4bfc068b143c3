# Broadcasts: from a commit to whoever listens on core NATS at that moment.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep);
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => "outbox.broadcast_buffer = 64kB\nmax_worker_processes = 12");

sub counts
{
	my ($where) = @_;
	my ($good, $said) = try_query($node, 'SELECT row_to_json(s) FROM outbox.stat_broadcast s', $where);
	return $good ? JSON::PP::decode_json($said) : {};
}

sub ready
{
	my ($name, $where) = @_;
	eventually($name, sub { (counts($where)->{state} // '') eq 'ready' }, sub { counts($where) });
}

# Waits until so many have been heard, and returns them.
sub hears
{
	my ($listener, $count, $name) = @_;
	my @heard;
	eventually($name, sub { @heard = $broker->heard($listener); @heard >= $count }, sub { [ scalar @heard, counts() ] });
	return @heard;
}

sub shout
{
	my ($id, $where) = @_;
	query($node, "SELECT outbox.broadcast('shout', '$id', 'made')", $where);
}

# Tells all that came before the next broadcast of this id.
sub ids_until
{
	my ($listener, $last, $name) = @_;
	my @heard;
	shout($last);
	eventually($name, sub { @heard = map { $_->{aggregate_id} } $broker->heard($listener); grep { $_ eq $last } @heard }, sub { \@heard });
	return grep { $_ ne $last } @heard;
}

drained($node, 'the relay comes up');
ready('broadcasts are admitted');
my $listener = $broker->listen('broadcast.postgres.>');

# One, as it looks on the wire.
query($node, q{SET outbox.actor = 'alice'; SELECT outbox.broadcast('order', '42', 'viewed', '{"by": 7}', '{"tenant": "north"}')});
my ($one) = hears($listener, 1, 'a broadcast is heard');
my $uuid = query($node, 'SELECT uuid FROM outbox.identity');
is($one->{subject}, 'broadcast.postgres.order.viewed', 'under its own subject');
is($one->{payload}, '{"by": 7}', 'payload');
my %headers = %{ $one->{headers} };
like($headers{'ce-id'}, qr/^\Q$uuid\E-b\d+$/, 'with an id');
is("$headers{'ce-type'} $headers{'ce-subject'} $headers{'ce-source'}", 'order.viewed 42 /postgres', 'the attributes of an event');
is("$headers{'tenant'} $headers{'Outbox-Actor'}", 'north alice', 'headers of caller and session');
is($headers{'Outbox-Delivery'}, 'best-effort', 'marked as best effort');
is_deeply([ grep { /^(Nats-|Outbox-Tx)/ } keys %headers ], [], 'and nothing of the log or the stream');
is($broker->count('OUTBOX_postgres'), 0, 'the stream has not stored it');

# At commit, not before; not what is rolled back.
my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN; SELECT outbox.broadcast('order', 'open', 'viewed')});
my @before = ids_until($listener, 'probe', 'another transaction is heard meanwhile');
is("@before", '42', 'an open transaction is not heard');
$session->query_safe('COMMIT');
hears($listener, 3, 'once it has committed it is');
$session->quit;
query($node, <<'SQL');
BEGIN;
SELECT outbox.broadcast('note', 'undone', 'made');
ROLLBACK;
BEGIN;
SELECT outbox.broadcast('note', 'a', 'made');
SAVEPOINT one;
SELECT outbox.broadcast('note', 'undone', 'made');
SAVEPOINT two;
SELECT outbox.broadcast('note', 'undone', 'made');
RELEASE two;
ROLLBACK TO one;
SELECT outbox.broadcast('note', 'b', 'made');
SAVEPOINT three;
SELECT outbox.broadcast('note', 'c', 'made');
RELEASE three;
DO $$
BEGIN
	PERFORM outbox.broadcast('note', 'undone', 'made');
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	PERFORM outbox.broadcast('note', 'd', 'made');
END $$;
COMMIT;
CREATE PROCEDURE halves() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM outbox.broadcast('note', 'e', 'made');
	COMMIT;
	PERFORM outbox.broadcast('note', 'undone', 'made');
	ROLLBACK;
	PERFORM outbox.broadcast('note', 'f', 'made');
END $$;
CALL halves();
SQL
is(join(' ', ids_until($listener, 'probe-2', 'and what follows')), '42 probe open a b c d e f', 'what was undone is never heard; the rest in order');

# Nothing is written: no WAL, no transaction id, no row; read-only transactions may.
my $sends = q{SELECT outbox.broadcast('quiet', n::text, 'made') FROM generate_series(1, 100) n};
my $written = query($node, <<"SQL");
BEGIN READ ONLY;
EXPLAIN (ANALYZE, WAL, COSTS OFF, TIMING OFF, SUMMARY OFF) $sends;
SELECT 'xid: ' || coalesce(pg_current_xact_id_if_assigned()::text, 'none');
COMMIT;
SELECT 'events: ' || count(*) FROM outbox.event;
SQL
unlike($written, qr/WAL:/, '100 broadcasts write no WAL');
like($written, qr/rows=100(?:\.00)? .*xid: none\nevents: 0/s, 'take no transaction id, and leave no row');
is(scalar(grep { $_->{type} eq 'quiet.made' } hears($listener, 110, 'all of them are heard')), 100, 'from a read-only transaction');
my $emits = $sends =~ s/broadcast/emit/r;
like(query($node, "BEGIN; EXPLAIN (ANALYZE, WAL, COSTS OFF, TIMING OFF) $emits; ROLLBACK"), qr/WAL: records=/, 'as events do');

# What a relay has no room for is dropped, and counted.
my $relay = relay_pid($node);
my %at = %{ counts() };
is($at{dropped}, 0, 'nothing has been dropped so far');
kill 'STOP', $relay;
query($node, q{SELECT count(outbox.broadcast('crowd', n::text, 'made')) FROM generate_series(1, 100) n}) for 1 .. 20;
kill 'CONT', $relay;
eventually('the relay goes on', sub { my %now = %{ counts() }; $now{sent} + $now{dropped_full} == $at{sent} + 2000 }, sub { counts() });
my %now = %{ counts() };
cmp_ok($now{dropped_full}, '>', 500, 'transactions do not wait for room in the buffer; what has none is dropped');
my @crowd = map { $_->{aggregate_id} } grep { $_->{type} eq 'crowd.made' } hears($listener, 110 + $now{sent} - $at{sent}, 'the others are heard');
cmp_ok(scalar @crowd, '>', 200, 'as many as had room');
my $out_of_order = grep { $crowd[$_] != $crowd[ $_ - 1 ] + 1 && $crowd[$_] != 1 } 1 .. $#crowd;
is($out_of_order, 0, 'the first ones of a transaction');

# Too many of one transaction.
my ($good, $said, $warned) = try_query($node, q{SELECT count(outbox.broadcast('much', n::text, 'made')) FROM generate_series(1, 3000) n});
is($said, 3000, 'a transaction that broadcasts too much succeeds');
is(() = $warned =~ /WARNING/g, 1, 'with one warning');
like($warned, qr/WARNING:  01000: transaction broadcasts more than the buffer holds/, 'that says so');
my %much = %{ counts() };
cmp_ok($much{dropped_excess}, '>', 1000, 'what was too much is counted');
eventually('the rest is sent', sub { my %c = %{ counts() }; $c{sent} - $now{sent} + $c{dropped_excess} + $c{dropped_full} - $now{dropped_full} == 3000 }, sub { counts() });

# Too large for the buffer.
($good, $said) = try_query($node, q{SELECT outbox.broadcast('much', '1', 'made', to_jsonb(repeat('x', 65000)))});
ok($good, 'an event that fills the buffer is broadcast');
($good, $said) = try_query($node, q{SELECT outbox.broadcast('much', '1', 'made', to_jsonb(repeat('x', 66000)))});
like($said, qr/ERROR:  54000: event is too large to be broadcast.*HINT: .*outbox\.broadcast_buffer/s, 'a larger one is refused');

# The broker away: the transaction succeeds, the broadcast is lost.
ids_until($listener, 'probe-3', 'still ready');
%at = %{ counts() };
$broker->kill9;
state_is($node, 'broker unreachable', 'the broker is away');
is(counts()->{state}, 'offline', 'so are broadcasts');
shout('lost') for 1 .. 5;
is(counts()->{dropped_offline} - $at{dropped_offline}, 5, 'they are dropped where they commit, and counted');
$broker->start;
ready('it is back');
$listener = $broker->listen('broadcast.postgres.>');
is(join(' ', ids_until($listener, 'after', 'new ones are heard')), '', 'old ones are not');

# A broker that does not read: late is never.
%at = %{ counts() };
$broker->pause;
eventually('a broker that does not read: what waits for too long is dropped', sub {
	query($node, q{SELECT count(outbox.broadcast('stall', n::text, 'made', to_jsonb(repeat('x', 20000)))) FROM generate_series(1, 3) n}) for 1 .. 10;
	counts()->{dropped_late} > $at{dropped_late};
}, sub { counts() });
cmp_ok(counts()->{dropped_full}, '>', $at{dropped_full}, 'and what has no room; nobody waits');
$broker->resume;
ready('it reads again');
ids_until($listener, 'resumed', 'and new ones are heard');

# Paused, disabled, captured.
query($node, 'SELECT outbox.pause()');
state_is($node, 'paused', 'publishing is paused');
eventually('broadcasts as well', sub { counts()->{state} eq 'offline' });
%at = %{ counts() };
shout('paused');
is(counts()->{dropped_offline} - $at{dropped_offline}, 1, 'dropped and counted');
query($node, 'SELECT outbox.resume()');
ready('resumed');
my $offset = -s $node->logfile;
alter_database($node, q{outbox.broadcast_template = 'postgres.{aggregate}.{action}'}, 'a template with the subjects of the stream');
eventually('is noticed', sub { counts()->{state} eq 'captured' }, sub { counts() });
%at = %{ counts() };
shout('captured');
is(counts()->{dropped_captured} - $at{dropped_captured}, 1, 'dropped and counted');
like(log_between($node, $offset), qr/broadcasts are dropped: stream "OUTBOX_postgres" captures their subjects/, 'the log says so');
is($broker->count('OUTBOX_postgres'), 0, 'the stream has stored nothing of them');
alter_database($node, q{outbox.broadcast_template = 'live.{aggregate}.{aggregate_id}'}, 'another template');
ready('of other subjects');
my $live = $broker->listen('live.>');
shout('a b');
is((hears($live, 1, 'is heard'))[0]{subject}, 'live.shout.a%20b', 'with an id that is encoded');
($good, $said) = try_query($node, q{ALTER DATABASE postgres SET outbox.broadcast_template = '{aggregate}.{action}'});
like($said, qr/ERROR:  22023:/, 'a template whose first token varies is refused');
alter_database($node, q{outbox.broadcast_template = 'broadcast.{database}.{aggregate}.{action}'}, 'the first template again');

# Two databases keep apart.
query($node, 'CREATE DATABASE other');
query($node, 'CREATE EXTENSION cleanoutbox', { database => 'other' });
my $other = $broker->listen('broadcast.other.>');
ready('another database', { database => 'other' });
ready('beside this one');
shout('here');
shout('there', { database => 'other' });
is((hears($other, 1, 'its broadcasts are heard'))[0]{aggregate_id}, 'there', 'under its own name');
is(counts({ database => 'other' })->{sent}, 1, 'and counted for itself');

# Under load, with kills: integration events are none the worse for it.
make_things($node, 40);
my $before = query($node, 'SELECT conflicts FROM outbox.stat_relay');
my $load = start_load($node, 4,
	emit => '3:\set i random(1, 40)' . "\nBEGIN;\nSELECT change(:i);\nSELECT outbox.broadcast('thing', :i::text, 'seen', jsonb_build_object('at', :i));\nCOMMIT;\n",
	air => '3:\set i random(1, 40)' . "\nSELECT outbox.broadcast('thing', :i::text, 'heard');\n",
	undone => '1:\set i random(1, 40)' . "\nBEGIN;\nSELECT outbox.broadcast('thing', 'undone', 'heard');\nROLLBACK;\n");
sub both_flow
{
	my ($name) = @_;
	my ($stored, $sent) = ($broker->count('OUTBOX_postgres'), counts()->{sent} // 0);
	eventually($name, sub { $broker->count('OUTBOX_postgres') > $stored + 300 && (counts()->{sent} // 0) > $sent + 300 }, sub { [ status($node), counts() ] });
}
both_flow('events and broadcasts flow');
both_flow('and go on');
is(query($node, 'SELECT conflicts FROM outbox.stat_relay'), $before, 'the fence has met nothing unexpected');
sub kill_session
{
	my ($good, $pid);
	eventually("a session is found", sub {
		($good, $pid) = try_query($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1});
		$good && $pid =~ /^\d+$/ && kill('KILL', $pid) });
}
foreach my $time (1 .. 3)
{
	kill_session();
	eventually('kill -9 of it: the server starts anew', sub { (counts()->{state} // '') eq 'ready' }, sub { [ status($node), counts() ] });
	both_flow('and both flow again');
}
$broker->kill9;
state_is($node, 'broker unreachable', 'kill -9 of nats-server');
$broker->start;
both_flow('both flow again');
stop_load($load);
drained($node, 'in the end all events are published');
my @messages = same_as_log($node, $broker, 'the stream holds the log: nothing missing, invented, twice or out of order', { brief => 1, whole => 0 });
things_are_complete($node, \@messages, 'versions are complete');

$node->stop;

# Without a buffer.
$node->append_conf('postgresql.conf', 'outbox.broadcast_buffer = 0');
$node->start;
drained($node, 'a server without a buffer publishes');
is(counts()->{state}, 'disabled', 'but broadcasts are disabled');
eventually('and counted as dropped', sub { shout('mute'); counts()->{dropped_offline} > 0 }, sub { counts() });
$node->stop;
done_testing();
