# outbox.log_format = json: one object for each change of state, without payloads or secrets.
use strict;
use warnings;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $canary = 'canary4711';
my $trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
my $folder = PostgreSQL::Test::Utils::tempdir();
my $broker = OutboxBroker->new(user => 'outbox', password => "$canary-right")->start;
my $node = new_node('main', $broker, create => 0, conf => <<"CONF");
outbox.log_format = json
outbox.nats_user = 'outbox'
outbox.nats_password_file = '@{[ secret('right') ]}'
max_worker_processes = 8
CONF
my $database = qq{caf\x{e9} "shop"};
utf8::encode(my $name = $database);
my $where = { database => $name };
my $stream = 'SHOP';

sub secret
{
	my ($which) = @_;
	append_to_file("$folder/$which", "$canary-$which\n");
	chmod 0600, "$folder/$which";
	return "$folder/$which";
}

# The objects in the log, in its order; each must be one line.
sub entries
{
	my ($offset) = @_;
	return map { JSON::PP->new->decode($_) } log_between($node, $offset // 0) =~ /(?:LOG|WARNING):  (\{.*\})$/mg;
}

# Waits for an entry of this change since the offset, and returns it.
sub told
{
	my ($change, $offset, %wanted) = @_;
	my @found;
	eventually("$change: " . join(', ', map { "$_ = $wanted{$_}" } sort keys %wanted), sub {
		@found = grep { my $entry = $_; $entry->{change} eq $change && !grep { ref $wanted{$_} ? ($entry->{$_} // '') !~ $wanted{$_} : ($entry->{$_} // '') ne $wanted{$_} } keys %wanted } entries($offset);
	}, sub { [ entries($offset) ] });
	return $found[0];
}

(my $quoted = $name) =~ s/"/""/g;
query($node, qq{CREATE DATABASE "$quoted"});
query($node, qq{ALTER DATABASE "$quoted" SET outbox.stream = '$stream'});
query($node, 'CREATE EXTENSION cleanoutbox', $where);
my $uuid = query($node, 'SELECT uuid FROM outbox.identity', $where);
my %common = (database => $database, outbox => $uuid, stream => $stream);
told('relay_started', 0, database => $database, outbox => $uuid);
told('relay_connected', 0, %common, message => 'relay is connected to stream "SHOP"');

# Trouble, with everything that it can be traced by.
my $offset = -s $node->logfile;
query($node, qq{SELECT outbox.emit('order', '1', 'placed', '"$canary-payload"', '{"note": "$canary-header"}')}, $where);
drained($node, 'published', $where);
set_conf($node, 'outbox.nats_password_file' => secret('wrong'));
told('relay_cannot_publish', $offset, %common, verdict => 'unauthorized', cause => 'authentication_refused', code => qr/^\d+$/, sequence => 1, attempt => qr/^[1-9]/, reason => qr/[Aa]uthorization/);
set_conf($node, 'outbox.nats_password_file' => "$folder/right");
told('relay_publishes_again', $offset, %common);
my @same = grep { $_->{change} eq 'relay_cannot_publish' } entries($offset);
is(scalar @same, 1, 'told once, not while it lasts') or diag(explain(\@same));

# A refused event: which, why, and what caused it.
$offset = -s $node->logfile;
query($node, 'SELECT outbox.pause()', $where);
my $id = query($node, qq{SET outbox.traceparent = '$trace'; SET outbox.actor = '$canary-actor'; SELECT outbox.emit('order', '$canary-id', 'placed', to_jsonb(repeat('$canary', 500)))}, $where);
told('relay_cannot_publish', $offset, database => $database, outbox => $uuid, cause => 'paused', reason => 'publishing is paused');
$broker->stream('update', $stream, 'max_msg_size=2000');
query($node, 'SELECT outbox.resume()', $where);
told('event_refused', $offset, %common, event_id => $id, verdict => 'refused', reason => qr/large|size/, count => 1, traceparent => $trace);

# What the broker loses.
$broker->stream('update', $stream, 'max_msg_size=-1');
query($node, qq{SELECT outbox.emit('order', '2', 'placed')}, $where);
drained($node, 'another one', $where);
$offset = -s $node->logfile;
$broker->stream('delete', $stream);
query($node, qq{SELECT outbox.emit('order', '3', 'placed')}, $where);
told('stream_lost_events', $offset, %common, count => 2);
told('stream_repaired', $offset, %common, count => 2);
drained($node, 'repaired', $where);

# What the launcher tells.
$offset = -s $node->logfile;
query($node, 'SELECT pg_terminate_backend(pid) FROM outbox.stat_relay', $where);
told('relay_failed', $offset, database => $database, cause => 'failing', attempt => 1);
told('relay_connected', $offset, %common);
set_conf($node, 'outbox.databases' => 'other');
told('relay_excluded', $offset, database => $database, cause => 'excluded');
set_conf($node, 'outbox.databases' => '', 'outbox.enabled' => 'off');
told('relay_disabled', $offset, database => $database, cause => 'disabled');
set_conf($node, 'outbox.enabled' => 'on');
drained($node, 'enabled again', $where);

# Any format of the server's log carries it.
set_conf($node, 'log_destination' => 'stderr', 'outbox.nats_url' => 'nats://127.0.0.1:1');
told('relay_cannot_publish', $offset, %common, verdict => 'transient');
set_conf($node, 'outbox.nats_url' => $broker->url);
drained($node, 'back again', $where);

# Back to text, by a reload.
set_conf($node, 'outbox.log_format' => 'text');
$offset = -s $node->logfile;
query($node, 'SELECT pg_terminate_backend(pid) FROM outbox.stat_relay', $where);
eventually('text is as it was', sub { log_between($node, $offset) =~ /LOG:  relay is connected to stream "SHOP"$/m }, sub { log_between($node, $offset) });
is(scalar entries($offset), 0, 'and nothing is JSON any more');

my $log = log_between($node, 0);
my @lines = grep { /\{"change"/ } split /\n/, $log;
is(scalar @lines, scalar entries(), 'every object is one line, and JSON');
is_deeply([ grep { /$canary/ } @lines ], [], 'without payloads, headers, aggregate ids and secrets');
is_deeply([ grep { /[^\x20-\x7e]/ } @lines ], [], 'in ASCII');

$node->stop;
done_testing();
