# Servers that are copies, or successors, of others: nothing is published twice, and only one publishes.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $stream = 'OUTBOX_postgres';
my $folder = PostgreSQL::Test::Utils::tempdir();

sub change
{
	my ($node, $times) = @_;
	query($node, 'SELECT change(i) FROM generate_series(1, 20) i') foreach 1 .. $times;
}

# Of things: each version once, in order, as far as the server knows them.
sub complete
{
	my ($node, $name) = @_;
	my @messages = $broker->messages($stream);
	my %seen;
	is_deeply([ grep { $seen{$_}++ } map { $_->{id} } @messages ], [], "$name: nothing is there twice");
	return things_are_complete($node, \@messages, "$name: all is there, in order");
}

sub fenced
{
	my ($node, $reason, $name) = @_;
	return state_is($node, 'fenced copy', $name, {}, publishing => 0, reason => $reason, hint => qr/outbox\.adopt/);
}

sub adopt
{
	my ($node, $mode) = @_;
	query($node, "SELECT outbox.adopt('$mode')");
}

# What is known of a message when its id is forgotten is its place alone.
sub forget_ids
{
	$broker->stream('update', $stream, 'duplicates=100');
	sleep 0.5;
}

# The server's files, and the server that begins with them.
my $copies = 0;
sub copy_of
{
	my ($node, $name, %options) = @_;
	my $backup = 'backup' . ++$copies;
	$node->backup($backup);
	my $copy = PostgreSQL::Test::Cluster->new($name);
	$copy->init_from_backup($node, $backup, %options);
	return $copy;
}

my $first = new_node('first', $broker, streaming => 1);
make_things($first, 20);
change($first, 3);
drained($first, 'the first server publishes');
forget_ids();
my $uuid = query($first, 'SELECT uuid FROM outbox.identity');

# Files copied while it runs, started as a second server beside it.
my $second = copy_of($first, 'second');
$second->start;
fenced($second, qr/another data directory/, 'copied files are fenced');
change($first, 2);
change($second, 2);
drained($first, 'the first server goes on');
is($broker->count($stream), 100, 'what the copy has recorded is not in the stream');
complete($first, 'beside a fenced copy');

# Both claim to be the one: the first to publish is.
query($first, 'SELECT outbox.pause()');
change($first, 1);
query($second, 'UPDATE thing SET n = n + 100');
adopt($second, 'continue');
drained($second, 'the copy has been made the successor');
is($broker->count($stream), 140, 'it has published what it has recorded');
query($first, 'SELECT outbox.resume()');
fenced($first, qr/holds event \d+ of this outbox, which this database has never had/, 'the first server is locked out');
is($broker->count($stream), 140, 'and has published nothing more');
query($first, 'SELECT pg_reload_conf(); SELECT outbox.wake()');
$first->restart;
fenced($first, qr/never had/, 'nor after a restart');
change($second, 1);
drained($second, 'the successor goes on');
is($broker->count($stream), 160, 'alone');
$second->stop;

# The first one is the successor after all.
adopt($first, 'continue');
drained($first, 'adopted, the first server publishes again');
change($first, 1);
drained($first, 'and goes on');
is($broker->count($stream), 200, 'what it had recorded, once');
my %ids;
is_deeply([ grep { $ids{ $_->{id} }++ } $broker->messages($stream) ], [], 'no id is there twice');
$broker->stream('purge', $stream);
query($first, 'UPDATE thing SET n = 0');
change($first, 2);
drained($first, 'a new beginning');

# A dump of what waits, restored into a cluster of its own.  Meanwhile the first
# server has published it, and more.
$broker->pause;
change($first, 1);
query($first, q{BEGIN; SELECT change(1); SELECT change(2); SELECT change(1); COMMIT});
command_ok([ 'pg_dump', '-Fc', '-d', $first->connstr('postgres'), '-f', "$folder/dump" ], 'a dump with events that wait');
$broker->resume;
query($first, q{SELECT count(outbox.emit('filler', '1', 'added')) FROM generate_series(1, 20000)});
drained($first, 'they are published, and many more');
my $third = new_node('third', $broker, create => 0, streaming => 1);
command_ok([ 'pg_restore', '-d', $third->connstr('postgres'), "$folder/dump" ], 'the dump is restored into another cluster');
fenced($third, qr/restored here from a dump/, 'it is fenced');
change($third, 2);
forget_ids();
$first->stop;
adopt($third, 'continue');
drained($third, 'adopted, it publishes');
complete($third, 'after a restored dump');
is(query($third, 'SELECT uuid FROM outbox.identity'), $uuid, 'under the same identity');
change($third, 1);
drained($third, 'and goes on');
complete($third, 'and later');

# Files copied to try something out, with a broker of their own.
my $playground = OutboxBroker->new->start;
my $trial = copy_of($third, 'trial');
$trial->append_conf('postgresql.conf', "outbox.nats_url = '@{[$playground->url]}'");
$trial->start;
fenced($trial, qr/another data directory/, 'a copy is fenced, whatever its broker');
change($trial, 1);
adopt($trial, 'fork');
drained($trial, 'forked, it publishes');
change($trial, 1);
drained($trial, 'and goes on');
is($playground->count($stream), 40, 'to a stream of the same name, but nothing of what the original has published');
$trial->stop;
$third->stop;

unlike(log_between($_, 0), qr/terminated by signal|PANIC|TRAP/, 'nothing has crashed in ' . $_->name) foreach $first, $second, $third, $trial;
done_testing();
