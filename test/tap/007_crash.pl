# Kills under load: relay, launcher, broker, the whole server.
#
# Promises: Once in the stream.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep);
use OutboxBroker;
use OutboxTest;

my $stream = 'OUTBOX_postgres';
my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => "outbox.ack_timeout = '1s'");
make_things($node, 60);
drained($node, 'ready');

my $load = start_load($node, 4,
	one => '6:\set i random(1, 40)' . "\nSELECT change(:i);\n",
	two => '3:\set i random(1, 40)' . "\nBEGIN;\nSELECT change(:i);\nSAVEPOINT s;\nSELECT change(:i);\nROLLBACK TO s;\nSELECT change(:i);\nCOMMIT;\n",
	undone => '2:\set i random(1, 40)' . "\nBEGIN;\nSELECT change(:i);\nROLLBACK;\n",
	many => '1:\set i random(1, 40)' . "\nSELECT count(change(:i)) FROM generate_series(1, 200);\n",
	prepared => '1:\set n random(1, 1000000000)' . "\nBEGIN;\nSELECT change(id) FROM (SELECT id FROM thing WHERE id > 40 LIMIT 1 FOR UPDATE SKIP LOCKED) t;\n"
	  . "PREPARE TRANSACTION 'p_:n';\nCOMMIT PREPARED 'p_:n';\n");

# Waits until more of the load arrives.
my $at = 0;
sub flows
{
	my ($name) = @_;
	$at = $broker->count($stream);
	eventually($name, sub { $broker->count($stream) > $at + 300 }, sub { status($node) });
}

sub pid_of
{
	my ($type) = @_;
	my ($good, $said) = try_query($node, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'cleanoutbox $type'");
	return $good && $said =~ /^\d+$/ ? $said : 0;
}

# Waits for another process of that type.
sub replaced
{
	my ($type, $before, $name) = @_;
	eventually($name, sub { my $now = pid_of($type); $now && $now != $before });
}

flows('events flow');
foreach my $type (qw(relay launcher))
{
	my $before = pid_of($type);
	query($node, "SELECT pg_terminate_backend($before)");
	replaced($type, $before, "pg_terminate_backend of the $type: another takes its place");
	flows('events flow again');
	$before = pid_of($type);
	kill 'KILL', $before;
	replaced($type, $before, "kill -9 of the $type: the server starts anew, and with it another $type");
	flows('events flow again');
}
for my $i (1 .. 3)
{
	$broker->kill9;
	state_is($node, 'broker unreachable', "kill -9 of nats-server, time $i: it is missed");
	$broker->start;
	flows('events flow again');
}
$broker->pause;
state_is($node, 'broker unreachable', 'nats-server is stopped in its tracks: it is missed', {}, reason => qr/./);
$broker->resume;
flows('it goes on, and events flow again');
crash($node);
$node->start;
flows('kill -9 of the whole server: after recovery events flow');
$broker->kill9;
crash($node);
$broker->start;
$node->start;
flows('kill -9 of both');
kill 'KILL', pid_of('relay');
$broker->kill9;
$broker->start;
flows('kill -9 of relay and broker');
stop_load($load);

# What a crash has left prepared: some is committed, some is not.
my @prepared = split /\n/, query($node, 'SELECT gid FROM pg_prepared_xacts ORDER BY gid');
query($node, (($_ % 2) ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$prepared[$_]'") foreach 0 .. $#prepared;
drained($node, 'in the end all is published');
my @messages = same_as_log($node, $broker, 'the stream holds the log: nothing missing, invented, twice or out of order', { brief => 1 });
my $changes = things_are_complete($node, \@messages, 'each aggregate tells its versions without a gap');
is(scalar @messages, $changes, "every one of $changes changes");
ok(!query($node, q{SELECT count(*) FROM outbox.dead_letter}), 'there is no dead letter');
unlike(log_between($node, 0), qr/PANIC|TRAP|terminated by signal (?!9)/, 'nothing has crashed by itself');

$node->stop;
done_testing();
