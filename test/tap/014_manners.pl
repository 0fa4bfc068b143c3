# Relays give way to what others do with their databases, and lose nothing by it.
#
# Promises: Polite.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use OutboxBroker;
use OutboxTest;

# How long a command on a database may take; PostgreSQL itself gives up after that.
use constant AT_ONCE => 5;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => "max_worker_processes = 20\noutbox.poll_interval = '100ms'");

sub in { return { database => $_[0] } }

sub make_database
{
	my ($name) = @_;
	query($node, "CREATE DATABASE $name");
	query($node, 'CREATE EXTENSION cleanoutbox', in($name));
	emit($name, 'first');
	drained($node, "$name publishes", in($name));
}

# Emits as many events, of aggregates 1, 2 ..., in one transaction.
sub emit
{
	my ($name, $action, $count) = @_;
	query($node, "SELECT count(outbox.emit('order', i::text, '$action')) FROM generate_series(1, @{[ $count // 1 ]}) i", in($name));
}

sub at_once
{
	my ($sql, $name) = @_;
	my $begin = time();
	my ($good, $said) = try_query($node, $sql);
	my $took = time() - $begin;
	ok($good && $took < AT_ONCE, $name) or diag("$sql: $took s $said");
}

sub refused
{
	my ($sql, $name, $where) = @_;
	my ($good, $said) = try_query($node, $sql, $where);
	like($said, qr/ERROR:  0A000:/, $name);
	is(query($node, 'SELECT count(*) FROM pg_prepared_xacts'), 0, 'nothing is left prepared');
}

sub launcher
{
	my ($good, $said) = try_query($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'cleanoutbox launcher'});
	return $good ? $said : '';
}

sub relays
{
	return query($node, q{SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_stat_activity WHERE backend_type = 'cleanoutbox relay'});
}

# VACUUM FULL moves rows that the relay has found and not yet sent.
make_database('moved');
$broker->pause;
query($node, q{BEGIN; SELECT count(outbox.emit('order', i::text, 'undone')) FROM generate_series(1, 3000) i; ROLLBACK}, in('moved'));
emit('moved', 'vh', 5000);
eventually('events are on their way', sub { query($node, 'SELECT in_flight FROM outbox.stat_relay', in('moved')) > 0 });
emit('moved', 'vi', 5000);
query($node, "VACUUM FULL outbox.event_$_", in('moved')) foreach 0 .. 2;
$broker->resume;
drained($node, 'after VACUUM FULL all is published', in('moved'));
my @messages = same_as_log($node, $broker, 'once and in order', { database => 'moved', brief => 1 });
is(scalar @messages, 10001, 'every event');
is(query($node, 'SELECT count(*) FROM outbox.dead_letter', in('moved')), 0, 'and no dead letter');

# Another launcher finds the relays of the one before.
make_database('kept');
my $before = launcher();
query($node, "SELECT pg_terminate_backend($before)");
eventually('another launcher takes the place of one that was ended', sub { my $now = launcher(); $now ne '' && $now ne $before });
foreach my $turn (1 .. 3)
{
	$node->reload;
	make_database("turn$turn");
	my $wanted = join ' ', sort qw(kept moved postgres), map { "turn$_" } 1 .. $turn;
	eventually("each database has one relay, turn $turn", sub { relays() eq $wanted }, \&relays);
}
query($node, 'SELECT outbox.pause()', in('kept'));
my $published = $broker->count('OUTBOX_kept');
foreach my $turn (1 .. 5)
{
	emit('kept', 'paused');
	emit('turn1', 'meanwhile', 10);
	drained($node, "others go on beside a paused database, turn $turn", in('turn1'));
}
is($broker->count('OUTBOX_kept'), $published, 'nothing of the paused one is published');
query($node, 'SELECT outbox.resume()', in('kept'));
drained($node, 'until it is resumed', in('kept'));
same_as_log($node, $broker, 'and all is there once', in('kept'));
at_once('ALTER DATABASE kept RENAME TO renamed', 'it can be renamed at once');
emit('renamed', 'renamed');
drained($node, 'and publishes under its new name', in('renamed'));
query($node, "DROP DATABASE turn$_") foreach 2, 3;

# Another envelope needs more room.
make_database('enveloped');
query($node, q{ALTER SYSTEM SET outbox.envelope = 'cloudevents-structured'});
$node->reload;
query($node, q{SELECT outbox.emit('order', '1', 'large', to_jsonb(repeat('x', 300000)))}, in('enveloped'));
drained($node, 'a large event is published in an envelope set by a reload', in('enveloped'));
is(status($node, in('enveloped'))->{dead_letters}, 0, 'it is no dead letter');
@messages = $broker->messages('OUTBOX_enveloped');
like($messages[-1]{payload}, qr/^\{.*"specversion".*(?:x{30000}){10}/s, 'all of it');
query($node, 'ALTER SYSTEM RESET outbox.envelope');
$node->reload;

# What is told to relays at the commit cannot be prepared.
refused(q{BEGIN; SELECT outbox.pause('for now'); PREPARE TRANSACTION 'p'}, 'a pause cannot be prepared', in('turn1'));
emit('turn1', 'not_paused');
drained($node, 'and has not paused anything', in('turn1'));
query($node, 'CREATE DATABASE prepared');
refused(q{BEGIN; CREATE EXTENSION cleanoutbox; PREPARE TRANSACTION 'p'}, 'CREATE EXTENSION cannot be prepared', in('prepared'));
is(query($node, q{SELECT count(*) FROM pg_extension WHERE extname = 'cleanoutbox'}, in('prepared')), 0, 'and has not created anything');
query($node, 'CREATE EXTENSION cleanoutbox', in('prepared'));
emit('prepared', 'first');
drained($node, 'by itself it works', in('prepared'));

# Two databases in one transaction.
my @two = qw(prepared turn1);
query($node, "BEGIN; @{[ map { qq{ALTER DATABASE $_ SET outbox.enabled = off;} } @two ]} COMMIT");
state_is($node, 'disabled', "$_ is disabled together with another", in($_)) foreach @two;
query($node, "BEGIN; @{[ map { qq{ALTER DATABASE $_ RESET outbox.enabled;} } @two ]} COMMIT");
foreach (@two)
{
	emit($_, 'enabled');
	drained($node, "$_ is enabled again", in($_));
}

# Databases that are closed, and templates.
query($node, 'ALTER DATABASE prepared ALLOW_CONNECTIONS false');
at_once('DROP DATABASE prepared', 'a database without connections can be dropped at once');
query($node, 'ALTER DATABASE turn1 IS_TEMPLATE true');
at_once('CREATE DATABASE copied TEMPLATE turn1', 'a database that became a template can be copied at once');
query($node, 'ALTER DATABASE turn1 IS_TEMPLATE false');
emit('turn1', 'ordinary');
drained($node, 'an ordinary one again, it publishes', in('turn1'));
same_as_log($node, $broker, 'and nothing is lost', in('turn1'));

# Sessions there have another role.
{
	local $ENV{PGOPTIONS} = '-c role=none';
	query($node, 'CREATE ROLE nobody');
	alter_database($node, 'role = nobody', 'a database sets a role for its sessions', in('renamed'));
	emit('renamed', 'as_nobody', 10);
	drained($node, 'its relay publishes', in('renamed'));
}

# The extension goes while clients emit, each for aggregates of its own: they hold no row.
my $load = start_load($node, 4, emit => "BEGIN;\nSELECT outbox.emit('order', :client_id::text, 'loaded');\nSELECT outbox.emit('item', :client_id::text, 'loaded');\nCOMMIT;\n");
foreach my $time (1 .. 4)
{
	my $at = $broker->count('OUTBOX_postgres');
	eventually("clients emit, time $time", sub { $broker->count('OUTBOX_postgres') > $at + 100 }, sub { status($node) });
	my ($good, $said) = try_query($node, 'DROP EXTENSION cleanoutbox');
	ok($good, 'DROP EXTENSION beside them') or diag($said);
	query($node, 'CREATE EXTENSION IF NOT EXISTS cleanoutbox');
}
stop_load($load);
emit('postgres', 'last', 10);
drained($node, 'what is created last publishes');
my $uuid = query($node, 'SELECT uuid FROM outbox.identity');
@messages = grep { $_->{id} =~ /^\Q$uuid\E/ } $broker->brief('OUTBOX_postgres');
is_deeply([ problems($node, \@messages) ], [], 'its events, all of them, once and in order');

my $log = log_between($node, 0);
is(() = $log =~ /deadlock detected/g, 0, 'nobody was in a deadlock');
is(() = $log =~ /terminated by signal|PANIC|TRAP/g, 0, 'nothing has crashed');

$node->stop;
done_testing();
