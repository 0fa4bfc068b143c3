# In the middle of publishing: what relays give way to, and what they do not use up.
#
# Promises: Polite.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use OutboxBroker;
use OutboxTest;

# How long a command on a database may take; PostgreSQL itself gives up after that.
use constant AT_ONCE => 5;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, streaming => 1, conf => "max_worker_processes = 20\nautovacuum = off");

sub in { return { database => $_[0] } }

sub emit
{
	my ($name, $action, $count) = @_;
	query($node, "SELECT count(outbox.emit('order', (i % 10)::text, '$action', jsonb_build_object('i', i))) FROM generate_series(1, $count) i", in($name));
}

# A database in the middle of publishing: the broker has taken some events and
# stands still, many are on their way, more wait.
sub make_busy
{
	my ($name) = @_;
	query($node, "CREATE DATABASE $name");
	query($node, 'CREATE EXTENSION cleanoutbox', in($name));
	emit($name, 'first', 100);
	drained($node, "$name publishes", in($name));
	get_stuck($name);
}

sub get_stuck
{
	my ($name) = @_;
	$broker->pause;
	emit($name, 'stuck', 5000);
	eventually('events are on their way', sub { query($node, 'SELECT in_flight FROM outbox.stat_relay', in($name)) > 0 });
}

sub at_once
{
	my ($sql, $name) = @_;
	my $begin = time();
	my ($good, $said) = try_query($node, $sql);
	my $took = time() - $begin;
	ok($good && $took < AT_ONCE, sprintf '%s: %.1f s', $name, $took) or diag("$sql: $said");
}

sub relays
{
	return query($node, q{SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_stat_activity WHERE backend_type = 'cleanoutbox relay'});
}

# Commands that want the database for themselves.
my $folder = PostgreSQL::Test::Utils::tempdir();
query($node, "CREATE TABLESPACE away LOCATION '$folder'");
make_busy('moving');
at_once('ALTER DATABASE moving SET TABLESPACE away', 'another tablespace');
at_once('CREATE DATABASE copy TEMPLATE moving', 'a copy');
at_once('ALTER DATABASE moving RENAME TO moved', 'another name');
$broker->resume;
drained($node, 'in the end all is published', in('moved'));
my @messages = map { $broker->messages($_) } grep { $broker->count($_) } qw(OUTBOX_moving OUTBOX_moved);
my %times;
$times{ $_->{id} }++ foreach @messages;
is(keys %times, 5100, 'every event has arrived');
is(status($node, in('copy'))->{state}, 'fenced copy', 'and none of the copy');
query($node, 'DROP DATABASE copy');
foreach my $force ('', ' WITH (FORCE)')
{
	make_busy('doomed');
	at_once("DROP DATABASE doomed$force", "DROP DATABASE$force");
	unlike(relays(), qr/doomed/, 'its relay is gone');
	$broker->resume;
	my $old = $broker->count('OUTBOX_doomed');
	query($node, 'CREATE DATABASE doomed');
	query($node, 'CREATE EXTENSION cleanoutbox', in('doomed'));
	emit('doomed', 'again', 10);
	drained($node, 'one of the same name publishes', in('doomed'));
	@messages = $broker->messages('OUTBOX_doomed');
	is_deeply([ problems($node, [ @messages[ $old .. $#messages ] ], in('doomed')) ], [], 'its own events, behind those of the old one');
	query($node, 'DROP DATABASE doomed');
	$broker->stream('delete', 'OUTBOX_doomed');
}

# The extension goes and comes.
query($node, 'CREATE DATABASE again');
query($node, 'CREATE EXTENSION cleanoutbox', in('again'));
drained($node, 'again publishes', in('again'));
get_stuck('again');
query($node, 'DROP EXTENSION cleanoutbox', in('again'));
eventually('the relay leaves when its extension is dropped', sub { relays() !~ /again/ }, \&relays);
get_back('again');
get_stuck('again');
query($node, 'BEGIN; DROP EXTENSION cleanoutbox; CREATE EXTENSION cleanoutbox; COMMIT', in('again'));
get_back('again', 1);

sub get_back
{
	my ($name, $there) = @_;
	query($node, 'CREATE EXTENSION cleanoutbox', in($name)) unless $there;
	emit($name, 'back', 20);
	$broker->resume;
	drained($node, 'created again, it publishes', in($name));
	my $uuid = query($node, 'SELECT uuid FROM outbox.identity', in($name));
	my @ours = grep { $_->{id} =~ /^\Q$uuid\E/ } $broker->brief("OUTBOX_$name");
	is_deeply([ problems($node, \@ours, in($name)) ], [], 'its events, all of them');
}

# Who emits while the extension is being dropped is told what has happened.
my $dropper = $node->background_psql('again');
$dropper->query_safe('BEGIN; DROP EXTENSION cleanoutbox');
my ($said, $error) = ('', '');
my $emitter = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('again'), '-c', q{SELECT outbox.emit('order', '1', 'late')} ], '>', \$said, '2>', \$error);
eventually('somebody emits behind a DROP EXTENSION', sub { query($node, q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'again' AND wait_event_type = 'Lock'}) eq 1 });
$dropper->query_safe('COMMIT');
$emitter->finish;
like($error, qr/ERROR:  42P01: relation "outbox\.\w+" does not exist\nHINT:  Run CREATE EXTENSION cleanoutbox/, 'he is told that it is gone');
$dropper->quit;

# VACUUM, while hundreds of thousands of events go out.
query($node, 'CREATE TABLE work AS SELECT generate_series(1, 1000) AS i');
$broker->pause;
emit('postgres', 'large', 20000) foreach 1 .. 6;
query($node, <<'SQL');
CREATE FUNCTION watch(goal bigint, OUT samples integer, OUT longest float8) LANGUAGE plpgsql AS $$
DECLARE
	since timestamptz := clock_timestamp();
	last timestamptz;
	now timestamptz;
BEGIN
	samples := 0;
	longest := 0;
	WHILE (SELECT published FROM outbox.relay_state()) < goal AND samples < 20000 LOOP
		PERFORM pg_stat_clear_snapshot();
		SELECT xact_start INTO now FROM pg_stat_activity
		 WHERE backend_type = 'cleanoutbox relay' AND datname = 'postgres' AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL);
		IF now IS NULL OR now IS DISTINCT FROM last THEN
			since := clock_timestamp();
		END IF;
		last := now;
		longest := greatest(longest, extract(epoch FROM clock_timestamp() - since));
		samples := samples + 1;
		PERFORM pg_sleep(0.005);
	END LOOP;
END $$;
SQL
my $goal = query($node, 'SELECT published FROM outbox.relay_state()') + 120000;
$broker->resume;
my ($samples, $longest) = split /\|/, query($node, "SELECT * FROM watch($goal)");
diag(sprintf '%d samples, in one transaction for at most %.2f s', $samples, $longest);
cmp_ok($samples, '>', 20, 'a large interval goes out, and the relay is watched');
cmp_ok($longest, '<', 5, 'no transaction of it lasts');
query($node, 'DELETE FROM work; INSERT INTO work SELECT generate_series(1, 1000)');
drained($node, 'all of it is published');
(undef, undef, $said) = try_query($node, 'VACUUM (VERBOSE) work');
like($said, qr/ 0 are dead but not yet removable/, 'and VACUUM is not held back');
is($broker->count('OUTBOX_postgres'), 120000, 'every event has arrived');

# Descriptors, threads and memory, over many connections.
sub usage
{
	my $pid = relay_pid($node);
	my ($memory) = slurp_file("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/;
	return { pid => $pid, files => scalar(my @f = glob "/proc/$pid/fd/*"), threads => scalar(my @t = glob "/proc/$pid/task/*"), kB => $memory };
}

sub sockets
{
	my $pid = relay_pid($node);
	return grep { /^socket:/ } map { readlink // '' } glob "/proc/$pid/fd/*";
}

# Reloads make it connect anew, each time with another socket.
sub reconnect
{
	my ($count) = @_;
	my %seen = map { $_ => 1 } sockets();
	foreach my $time (1 .. $count)
	{
		my $end = time() + 60;
		$node->reload;
		my @new;
		sleep 0.005 until @new = grep { !$seen{$_}++ } sockets() or time() > $end;
		return fail("connection $time") unless @new;
		emit('postgres', 'reconnected', 1) if $time % 10 == 0;
	}
	drained($node, "$count times connected anew");
}

my $times = $ENV{RECONNECTS} // 200;
reconnect(20);
my $before = usage();
reconnect($times);
my $after = usage();
diag(join ' ', map { "$_ $before->{$_} -> $after->{$_};" } qw(files threads kB));
is($after->{pid}, $before->{pid}, 'it is the same relay');
# A few of the tables' files may be opened late.
cmp_ok($after->{files}, '<=', $before->{files} + 10, 'it holds no more files');
cmp_ok($after->{threads}, '<=', $before->{threads} + 2, 'nor threads');
cmp_ok($after->{kB}, '<', $before->{kB} + 4096, 'nor memory');

# Workers are used up, and one becomes free.
query($node, "CREATE DATABASE second");
query($node, 'CREATE EXTENSION cleanoutbox', in('second'));
my $wanted = query($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('cleanoutbox launcher', 'logical replication launcher')}) + 1;
query($node, 'DROP DATABASE moved');
query($node, 'DROP TABLESPACE away');
query($node, 'DROP DATABASE again');
set_conf($node, 'max_worker_processes' => $wanted);
$node->restart;
my %states;
eventually('one of two databases gets no worker, and says so', sub {
		%states = map { $_ => status($node, in($_))->{state} // '' } qw(postgres second);
		join(' ', sort values %states) eq 'idle no free worker slot' }, sub { \%states });
my ($lucky, $starved) = $states{postgres} eq 'idle' ? qw(postgres second) : qw(second postgres);
emit($starved, 'starved', 10);
my $status = status($node, in($starved));
is($status->{backlog}, 10, 'its events wait');
like($status->{hint}, qr/max_worker_processes/, 'it says what to do');
query($node, "ALTER DATABASE $lucky SET outbox.enabled = off");
drained($node, 'a worker becomes free, and it publishes by itself', in($starved));
query($node, "ALTER DATABASE $lucky RESET outbox.enabled");
state_is($node, 'no free worker slot', 'the other one waits now', in($lucky));
set_conf($node, 'max_worker_processes' => 1);
$node->restart;
state_is($node, 'no free worker slot', 'nor is one left for the launcher itself', in($starved));
set_conf($node, 'max_worker_processes' => 20);
$node->restart;
drained($node, 'with enough workers all publish', in($_)) foreach qw(postgres second);

# A standby shows all there is to see, and publishes when it is promoted.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my @views = split /\n/, query($standby, q{SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'outbox'::regnamespace AND c.relkind = 'v'});
cmp_ok(scalar @views, '>', 3, 'there are views');
foreach my $view (@views)
{
	my ($good, $why) = try_query($standby, "SELECT * FROM $view");
	ok($good, "a standby shows $view") or diag($why);
}
is(status($standby)->{state}, 'standby', 'and says what it is');
$broker->pause;
emit('postgres', 'handed_over', 10);
eventually('the standby has the last events', sub { status($standby)->{backlog} == 10 });
$node->stop('immediate');
$broker->kill9;
$broker->start;
my $count = $broker->count('OUTBOX_postgres');
my $begin = time();
$standby->promote;
my $promoted = time();
eventually('promoted, it begins to publish', sub { $broker->count('OUTBOX_postgres') > $count });
diag(sprintf 'promotion: %.2f s, then %.2f s until the first event was in the stream', $promoted - $begin, time() - $promoted);
cmp_ok(time() - $promoted, '<', 10, 'within a short time');
drained($standby, 'all of it');

my $log = log_between($node, 0);
unlike($log, qr/terminated by signal|PANIC|TRAP/, 'nothing has crashed');
is(() = $log =~ /FATAL:  database .* does not exist/g, 0, 'no worker has gone after a database that is not there');
is(() = $log =~ /could not open relation with OID/g, 0, 'nobody has stumbled over a relation that is gone');

$standby->stop;
done_testing();
