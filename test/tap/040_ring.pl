# No bloat: the log's room comes back, whoever is in the way, and nobody waits for that.
#
# The ring turns every second or so here.  Old events must go when they are as old as
# the retention, and not before, and what the log takes must not grow from one lap of
# the ring to the next.
#
# Promises: No bloat.
use strict;
use warnings;
use IPC::Run;
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep time);
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, streaming => 1, conf => <<'CONF');
autovacuum = off
outbox.retention = '2s'
outbox.hold_time = 0
outbox.poll_interval = '100ms'
CONF

# A session that stays open between what it is asked.
sub open_session
{
	my ($server) = @_;
	my $session = { in => '', out => '' };
	$session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $server->connstr('postgres'), '-f', '-' ],
		'<', \$session->{in}, '>', \$session->{out}, '2>&1', IPC::Run::timer(120));
	return $session;
}

sub ask
{
	my ($session, $sql) = @_;
	$session->{out} = '';
	$session->{in} .= "$sql;\n\\echo asked\n";
	IPC::Run::pump($session->{run}) until $session->{out} =~ s/asked\n\z//;
	chomp $session->{out};
	return $session->{out};
}

sub close_session
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	IPC::Run::finish($session->{run});
}

sub current { return query($node, 'SELECT child FROM outbox.ring WHERE current') }
sub pages { return query($node, "SELECT pg_relation_size('outbox.event_$_[0]') / 8192") }
sub all_pages { return query($node, q{SELECT sum(pg_total_relation_size(c)) / 8192 FROM unnest('{outbox.event_0,outbox.event_1,outbox.event_2}'::regclass[]) c}) }

sub emit
{
	my ($count) = @_;
	query($node, "SELECT count(outbox.emit('thing', (i % 10)::text, 'made', jsonb_build_object('i', i, 'fill', repeat('x', 300)))) FROM generate_series(1, $count) i");
}

# Until another child than this takes new events.
sub turned
{
	my ($from, $name) = @_;
	eventually($name, sub { current() ne $from });
}

sub relay_waits
{
	return query($node, q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.backend_type = 'cleanoutbox relay' AND NOT l.granted});
}

drained($node, 'ready');
my $relay = relay_pid($node);

# Lap after lap.  A turn finds the events of the turns before in at most two children.
my (@lap, %seen);
foreach my $lap (1 .. 3)
{
	my $most = 0;
	foreach my $turn (1 .. 3)
	{
		my $child = current();
		$seen{$child}++;
		emit(1000);
		$most = max($most, all_pages());
		turned($child, "lap $lap: child $child is left");
	}
	push @lap, $most;
}
is(scalar keys %seen, 3, 'the ring goes round');
cmp_ok($lap[2], '<=', $lap[1] * 1.1, "the last lap takes no more room than the one before: @lap pages");
cmp_ok($lap[2], '<=', $lap[0] * 3.5, 'and no more than all children of the first one would');
eventually('in the end all room has come back', sub { emit(1); all_pages() < $lap[0] / 4 }, \&all_pages);
cmp_ok(query($node, q{SELECT sum(pg_relation_size(c)) / 8192 FROM unnest('{outbox.cursor,outbox.ring}'::regclass[]) c}),
	'<=', 8, 'the cursor and the ring take a few pages, without any VACUUM');
is(query($node, q{SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = 'outbox' AND relname LIKE 'event%'}), 0, 'no event was updated or deleted');

# Somebody reads the log, or dumps it, while children are due to be emptied.
eventually('all children but the current one are empty', sub { my $child = current(); !grep { $_ ne $child && pages($_) > 0 } 0 .. 2 });
emit(500);
my $full = current();
my $reader = open_session($node);
is(ask($reader, 'BEGIN; SELECT count(*) > 0 FROM outbox.event'), 't', 'a reader has read the log');
my $dump = open_session($node);
ask($dump, 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; LOCK TABLE outbox.event IN ACCESS SHARE MODE');
turned($full, 'with both in the way the next child takes new events');
my $toast = open_session($node);
ask($toast, 'BEGIN; SELECT count(*) FROM ' . query($node, "SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'outbox.event_$full'::regclass"));
my $load = start_load($node, 2, emit => "SET lock_timeout = '300ms';\nSELECT outbox.emit('load', '1', 'made');\n");
my ($waits, $slow) = (0, 0);

sub watch
{
	my ($seconds) = @_;
	for (my $end = time() + $seconds; time() < $end;)
	{
		my ($good) = try_query($node, q{SET lock_timeout = '300ms'; SELECT count(*) FROM outbox.pending});
		$slow++ unless $good;
		$waits += relay_waits();
	}
}
watch(4);
ok(pages($full) > 0, 'what is being read stays');
system('pg_dump', '-f', '/dev/null', $node->connstr('postgres')) == 0 or fail('pg_dump runs beside the ring');
close_session($reader);
close_session($dump);
watch(3);
ok(pages($full) > 0, 'and so while only its large values are');
close_session($toast);
stop_load($load);
is($waits, 0, 'the relay never waits for a lock');
is($slow, 0, 'so nobody queues up behind it to read');
unlike(log_between($node, 0), qr/lock timeout/, 'nor to emit');
eventually('when they are gone the child is emptied', sub { pages($full) == 0 }, sub { query($node, 'SELECT * FROM outbox.ring') });
is(relay_pid($node), $relay, 'all that by the same relay');

# Somebody emits, and ends when another child has long been current: the events are
# kept as long as all others.
eventually('all other children are empty again', sub { my $child = current(); !grep { $_ ne $child && pages($_) > 0 } 0 .. 2 });
set_conf($node, 'outbox.retention' => '6s');
my $left = current();
my $late = open_session($node);
my $event = ask($late, q{BEGIN; SELECT outbox.emit('late', '1', 'made')});
emit(10);
turned($left, 'the late emitter\'s child is left');
my $when = "SELECT coalesce(left_at, entered_at) FROM outbox.ring WHERE child = $left";
my $at = query($node, $when);
sleep 3;
isnt(query($node, $when), $at, 'while it is open, the child does not count as left');
is(ask($late, q{SELECT outbox.emit('late', '1', 'changed') > 0}), 't', 'it can still emit');
ask($late, 'COMMIT');
my $committed = query($node, 'SELECT clock_timestamp()');
eventually('its events are published', sub { query($node, 'SELECT count(*) FROM outbox.pending') == 0 });
close_session($late);
eventually('in the end they go', sub { pages($left) == 0 });
my $kept = query($node, "SELECT extract(epoch FROM clock_timestamp() - '$committed')");
cmp_ok($kept, '>=', 5, "after $kept s, no less than their retention");

# A standby that reports its oldest snapshot.
set_conf($node, 'outbox.retention' => '2s');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1\nmax_standby_streaming_delay = 1s\n");
$standby->start;
my $analyst = open_session($standby);
ask($analyst, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
eventually('the standby holds back the primary\'s horizon', sub { query($node, 'SELECT backend_xmin IS NOT NULL FROM pg_stat_replication') eq 't' });
foreach my $turn (1 .. 4)
{
	my $child = current();
	emit(1000);
	turned($child, "the ring turns all the same, turn $turn");
}
eventually('and gives back its room', sub { emit(1); all_pages() < $lap[0] / 2 }, \&all_pages);
$node->wait_for_catchup($standby);
is(ask($analyst, 'SELECT count(*) > 0 FROM pg_class'), 't', 'the standby\'s reader goes on, and the standby follows');
close_session($analyst);

drained($node, 'all is published');
my $log = log_between($node, 0);
is(() = $log =~ /cleanoutbox relay" \(PID|ERROR:(?!.*(?:lock timeout))/g, 0, 'no error and no relay that ended');
$standby->stop;
$node->stop;
done_testing();
