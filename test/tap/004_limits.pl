# Streams that are missing, full or strict; messages and ids that are odd.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new(jetstream => 0)->start;
my $node = new_node('main', $broker, conf => 'max_worker_processes = 20');

# A database with settings of its own, given before the relay comes.
sub make_database
{
	my ($name, @settings) = @_;
	query($node, "CREATE DATABASE $name");
	query($node, "ALTER DATABASE $name SET $_") foreach @settings;
	query($node, 'CREATE EXTENSION cleanoutbox', { database => $name });
	return { database => $name };
}

sub emit
{
	my ($where, $aggregate_id, $bytes) = @_;
	return try_query($node, qq{SELECT outbox.emit('order', '$aggregate_id', 'placed', to_jsonb(repeat('x', $bytes - 2)))}, $where);
}

# A broker without JetStream.
ok((emit({}, '1', 10))[0], 'an event waits');
state_is($node, 'misconfigured', 'a broker without JetStream', {}, reason => qr/JetStream is not enabled/, backlog => 1);
$broker->stop;
$broker->change(jetstream => 1, max_payload => 8192)->start;
drained($node, 'JetStream is enabled, and the event is published');

# No stream.
my $strict = make_database('strict', 'outbox.stream_create = off', 'outbox.on_refusal = skip');
ok((emit($strict, $_, 100))[0], "event $_ waits") foreach 1 .. 3;
my $status = state_is($node, 'misconfigured', 'no stream, and none may be made', $strict, reason => qr/stream "OUTBOX_strict" does not exist/, backlog => 3);
like($status->{hint}, qr/Create stream OUTBOX_strict/, 'with what to do');
$broker->stream('create', 'OUTBOX_strict', 'elsewhere.>');
state_is($node, 'misconfigured', 'a stream for other subjects', $strict, reason => qr/does not capture/);
$broker->stream('delete', 'OUTBOX_strict');
$broker->stream('create', 'OUTBOX_strict', 'strict.>', 'max_msgs=5', 'discard=new');
drained($node, 'the stream is made, and the events are published', $strict);

# A full stream.
ok((emit($strict, $_, 100))[0], "event $_ is recorded") foreach 4 .. 9;
state_is($node, 'misconfigured', 'the stream is full', $strict, reason => qr/maximum messages exceeded/, backlog => 4);
is($broker->count('OUTBOX_strict'), 5, 'it has taken what has room');
$broker->stream('update', 'OUTBOX_strict', 'max_msgs=100');
drained($node, 'there is room again', $strict);
same_as_log($node, $broker, 'nothing is lost or twice', $strict);

# Too large: refused where it is emitted.
my ($good, $said) = emit({}, 'large', 8000);
ok(!$good, 'an event over max_payload is refused');
like($said, qr/ERROR:  54000: event with aggregate id "large" is too large for the broker/, 'with SQLSTATE and words');
like($said, qr/DETAIL: .*8000 bytes.* 8192 bytes \(max_payload\)/, 'both sizes');
like($said, qr/HINT: /, 'and a hint');
ok((emit({}, 'fits', 7000))[0], 'a smaller one passes');
$broker->stream('update', 'OUTBOX_strict', 'max_msg_size=4000');
alter_database($node, 'outbox.max_in_flight = 100', 'the relay looks at the stream anew', $strict);
drained($node, 'and knows its limits', $strict);
($good, $said) = emit($strict, 'large', 4000);
like($said, qr/54000: .*too large for the stream.*max_msg_size/s, 'an event over max_msg_size is refused');

# Too large, and seen too late: the broker refuses.
$broker->stream('update', 'OUTBOX_strict', 'max_msg_size=2000');
ok((emit($strict, 'bulky', 2300))[0], 'an event passes by limits that are no longer true');
ok((emit($strict, $_, 100))[0], 'others follow') foreach qw(bulky a b);
drained($node, 'all others are published', $strict);
# By then the relay may have looked at the stream again, and refuse it by itself.
like(query($node, q{SELECT aggregate_id, length(payload), code, reason FROM outbox.dead_letter}, $strict),
    qr/^bulky\|2300\|(10054\|.*maximum|0\|.*max_msg_size)/, 'the refused one is a dead letter');
is(status($node, $strict)->{dead_letters}, 1, 'and counted');
$broker->stream('update', 'OUTBOX_strict', 'max_msg_size=900');
$broker->kill9;
ok((emit($strict, 'stout', 1000))[0], 'one more is recorded while the broker is away');
ok((emit($strict, 'c', 100))[0], 'and another');
$broker->start;
drained($node, 'the relay sees the new limit and does not send it', $strict);
is(query($node, q{SELECT string_agg(aggregate_id, ' ' ORDER BY event_id) FROM outbox.dead_letter}, $strict), 'bulky stout', 'it is a dead letter as well');
same_as_log($node, $broker, 'nothing else is missing', $strict);

# Ids that would be trouble in a subject.
my $odd = make_database('odd', q{outbox.subject_template = '{database}.{aggregate}.{aggregate_id}.{action}'});
my @ids = ('a b', 'a.b', '.', '*', '>', 'x.>', '%20', "it''s", 'Zürich', '北京', '"', '\\', '$JS', '_INBOX', 'PUB x 1', 'x' x 80);
ok((emit($odd, $_, 10))[0], "id $_") foreach @ids;
drained($node, 'odd ids are published', $odd);
my @messages = same_as_log($node, $broker, 'each as it is', $odd);
my %subjects = map { $_->{subject} => 1 } @messages;
is(keys %subjects, @ids, 'each has a subject of its own');
is_deeply([ grep { !/^odd\.order\.[A-Za-z0-9_%-]+\.placed$/ } keys %subjects ], [], 'of legal tokens');
foreach my $case ([ "E'a\\r\\nPUB x 0'", '22023' ], [ "E'\\t'", '22023' ], [ "''", '22023' ], [ "repeat('x', 256)", '22023|54000' ], [ 'NULL', '22004' ])
{
	my ($id, $state) = @$case;
	($good, $said) = try_query($node, "SELECT outbox.emit('order', $id, 'placed')", $odd);
	like($said, qr/ERROR:  (?:$state):/, "id $id is refused");
}
($good, $said) = try_query($node, q{SELECT outbox.emit('or der', '1', 'placed')}, $odd);
like($said, qr/ERROR:  22023:/, 'a blank in the name of an aggregate is refused');
is($broker->count('OUTBOX_odd'), scalar @ids, 'nothing of that has left a trace');

$node->stop;
done_testing();
