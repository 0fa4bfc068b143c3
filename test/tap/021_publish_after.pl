# publish_after = standby: what is published survives the loss of the server.
#
# Promises: Atomic.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep);
use OutboxBroker;
use OutboxTest;

my $stream = 'OUTBOX_postgres';
my $broker = OutboxBroker->new->start;
my $primary = new_node('primary', $broker, streaming => 1, conf => "outbox.publish_after = 'standby'\nwal_keep_size = '64MB'\nautovacuum = off");
make_things($primary, 20);
my $stopped;

END { kill 'CONT', $stopped if $stopped }

sub follow
{
	my ($primary, $name) = @_;
	$primary->backup("for_$name");
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($primary, "for_$name", has_streaming => 1);
	$standby->append_conf('postgresql.conf', "wal_receiver_timeout = 0\nsynchronous_standby_names = ''");
	$standby->start;
	return $standby;
}

sub walreceiver { return (try_query($_[0], 'SELECT pid FROM pg_stat_wal_receiver'))[1] }

# The standby gets nothing more, until it is woken.
sub lull
{
	my ($standby) = @_;
	eventually('the standby streams', sub { walreceiver($standby) =~ /^\d+$/ });
	$stopped = walreceiver($standby);
	kill 'STOP', $stopped or die "the standby's receiver is not there";
}

sub wake
{
	kill 'CONT', $stopped;
	$stopped = undef;
}

sub change
{
	my ($node, $level) = @_;
	query($node, "SET synchronous_commit = $level; SELECT change(i) FROM generate_series(1, 20) i");
}

# Without a standby nothing can be promised, so nothing is published.
change($primary, 'on');
my $status = state_is($primary, 'waiting for a standby', 'no standby is named: events wait', {}, backlog => 20, reason => qr/synchronous_standby_names.*no standby/);
like($status->{hint}, qr/outbox\.publish_after = local/, 'and the status says what to do');
ok(!$status->{publishing}, 'nothing is published');
set_conf($primary, 'outbox.publish_after' => 'local');
drained($primary, 'publish_after = local publishes them');
set_conf($primary, 'outbox.publish_after' => 'standby', synchronous_standby_names => 'standby');
my $standby = follow($primary, 'standby');
change($primary, $_) foreach qw(on local off);
drained($primary, 'with a synchronous standby, events are published');

# A standby that lags.
lull($standby);
my $count = $broker->count($stream);
change($primary, $_) foreach qw(local off local);
is(query($primary, 'SELECT count(*) FROM outbox.pending'), 60, 'what is committed locally is visible');
$status = state_is($primary, 'waiting for a standby', 'the standby does not have it', {}, backlog => 60, reason => qr/lack \d+ bytes/);
ok($status->{since} gt $status->{oldest_pending}, 'since when is told');
my $samples = 0;
foreach (1 .. 40)
{
	$samples += query($primary, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cleanoutbox relay' AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)});
	sleep 0.02;
}
is($samples, 0, 'the relay waits outside of transactions');
is($broker->count($stream), $count, 'and has published nothing');
$primary->stop('immediate');
$primary->start;
state_is($primary, 'waiting for a standby', 'a relay that begins anew waits as well');
is($broker->count($stream), $count, 'still nothing is published');
query($primary, 'SELECT pg_terminate_backend(pid) FROM outbox.stat_relay');
wake();
drained($primary, 'the standby goes on, and all is published');
my @messages = same_as_log($primary, $broker, 'once and in order');

# The server is lost, and the standby takes its place: nobody was told of what it lacks.
my $load = start_load($primary, 4,
	off => '1:\set i random(1, 20)' . "\nSET synchronous_commit = off;\nSELECT change(:i);\n",
	local => '1:\set i random(1, 20)' . "\nSET synchronous_commit = local;\nSELECT change(:i);\nSELECT change(:i);\n");
$count = $broker->count($stream);
eventually('events flow', sub { $broker->count($stream) > $count + 500 }, sub { status($primary) });
lull($standby);
my $newest = query($primary, 'SELECT max(id) FROM outbox.event');
eventually('more is committed than the standby has', sub { query($primary, 'SELECT max(id) FROM outbox.event') > $newest + 200 });
sleep 0.5;
crash($primary);
stop_load($load);
wake();
eventually('the standby has replayed what it has', sub { query($standby, 'SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND NOT EXISTS (SELECT FROM pg_stat_wal_receiver)') eq 't' });
set_conf($standby, 'outbox.publish_after' => 'local');
my $kept = query($standby, 'SELECT max(id) FROM outbox.event');
$standby->promote;
drained($standby, 'promoted, it publishes the rest');
change($standby, 'on') foreach 1 .. 3;
drained($standby, 'and goes on');
@messages = same_as_log($standby, $broker, 'the stream holds the log of the standby: no phantom, nothing lost, nothing twice', { brief => 1, whole => 0 });
things_are_complete($standby, \@messages, 'every change has arrived in order');

$standby->stop;
done_testing();
