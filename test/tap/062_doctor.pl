# outbox.doctor finds what needs a broker, a standby, another session or another machine to be made.
use strict;
use warnings;
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use OutboxBroker;
use OutboxTest;

use constant AT_ONCE => 5;

my $folder = PostgreSQL::Test::Utils::tempdir();
system('gcc', '-O1', '-D_GNU_SOURCE', '-fPIC', '-shared', '-o', "$folder/disk.so", dirname(__FILE__) . '/disk.c', '-ldl') == 0 or die 'disk.c does not build';
$ENV{DISK_FILE} = "$folder/full";
my $broker = OutboxBroker->new(user => 'outbox', password => 'right', rights => 'publish: ">"')->start;
append_to_file("$folder/password", "right\n");
chmod 0600, "$folder/password";
my $node;
{
	local $ENV{LD_PRELOAD} = "$folder/disk.so";
	$node = new_node('main', $broker, streaming => 1, conf => <<"CONF");
fsync = on
full_page_writes = on
max_worker_processes = 8
outbox.nats_user = 'outbox'
outbox.nats_password_file = '$folder/password'
CONF
}

# The rows of a check, as "status: finding"; and that each bad one has a remedy.
sub findings
{
	my ($check, $where, $set) = @_;
	my ($good, $said) = try_query($where->{node} // $node, ($set // '') . qq{; SELECT d.status || ': ' || d.finding || CASE WHEN (d.status <> 'ok') = (coalesce(d.remedy, '') <> '') THEN '' ELSE ' (remedy?)' END FROM outbox.doctor() d WHERE d.check = '$check'}, $where);
	return $good ? $said : '';
}

# Waits until the check says so.
sub found
{
	my ($check, $pattern, $where, $set) = @_;
	eventually("$check: $pattern", sub { findings($check, $where, $set) =~ $pattern && findings($check, $where, $set) !~ /remedy\?/ }, sub { findings($check, $where, $set) });
}

sub in { return { database => $_[0] } }

sub hold
{
	my ($sql) = @_;
	my $session = { in => "BEGIN; $sql;\n\\echo held\n", out => '' };
	$session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ],
		'<', \$session->{in}, '>', \$session->{out}, '2>&1', IPC::Run::timer(120));
	IPC::Run::pump($session->{run}) until $session->{out} =~ /held/;
	return $session;
}

sub let_go
{
	my ($session) = @_;
	$session->{in} .= "ROLLBACK;\n\\q\n";
	IPC::Run::finish($session->{run});
}

# Where all is well, it says so, and fast.
query($node, q{SELECT outbox.emit('order', '1', 'placed')});
drained($node, 'ready');
my $machine = q{('disk', 'tested versions', 'durability')};
is(query($node, qq{SELECT string_agg(d.check || ': ' || d.finding, E'\\n') FROM outbox.doctor() d WHERE d.status <> 'ok' AND d.check NOT IN $machine}), '', 'nothing is wrong');
my $begin = time();
query($node, 'SELECT count(*) FROM outbox.doctor()');
cmp_ok(time() - $begin, '<', AT_ONCE, 'read at once');
like(query($node, 'SELECT seen_at, messages, duplicate_window, server_version FROM outbox.stream_state()'), qr/^20.*\|0\|00:10:00\|/, 'the stream is shown as it was seen');

# The stream, as the relay sees it.
my @streams = (
	[ 'stream storage', qr/^error: .*memory/, 'storage=memory' ],
	[ 'stream', qr/^error: .*no_ack/, 'no_ack=true' ],
	[ 'stream retention', qr/^warning: it removes messages once/, 'retention=interest' ],
	[ 'stream retention', qr/^warning: it removes messages after 01:00:00/, 'max_age=3600' ],
	[ 'stream retention', qr/^warning: it drops its oldest/, 'max_bytes=1000000' ],
	[ 'stream message size', qr/^warning: .*of 2000 bytes/, 'max_msg_size=2000' ],
	[ 'stream duplicate window', qr/^warning: .*of 00:00:01 is shorter/, 'duplicates=1000' ],
);
query($node, 'CREATE DATABASE odd');
query($node, 'ALTER DATABASE odd SET outbox.stream_create = off');
query($node, 'CREATE EXTENSION cleanoutbox', in('odd'));
foreach my $row (@streams)
{
	my ($check, $pattern, @limits) = @$row;
	(my $name = "S_$limits[0]") =~ s/\W/_/g;
	$broker->stream('create', $name, 'odd.>', @limits);
	query($node, "ALTER DATABASE odd SET outbox.stream = '$name'");
	found($check, $pattern, in('odd'), q{SET outbox.publish_mode = 'shared'});
	$broker->stream('delete', $name);
}
$broker->stream('create', 'FULL', 'odd.>', 'max_msgs=10', 'discard=new');
query($node, q{ALTER DATABASE odd SET outbox.stream = 'FULL'});
found('stream room', qr/^ok/, in('odd'));
query($node, q{SELECT count(outbox.emit('order', i::text, 'placed')) FROM generate_series(1, 9) i}, in('odd'));
found('stream room', qr/^warning: it holds about 9 of 10 messages/, in('odd'));
query($node, q{SELECT count(outbox.emit('order', i::text, 'placed')) FROM generate_series(1, 9) i}, in('odd'));
found('stream room', qr/^error: it holds about 10 of 10 messages/, in('odd'));
found('relay', qr/^error: misconfigured: .*maximum messages/, in('odd'));
$broker->stream('delete', 'FULL');
$broker->stream('create', 'NARROW', 'odd.order.>');
query($node, q{ALTER DATABASE odd SET outbox.stream = 'NARROW'});
found('stream subjects', qr/^warning: it captures only some/, in('odd'));
$broker->stream('delete', 'NARROW');
$broker->stream('create', 'NARROW', 'other.>');
query($node, q{SELECT outbox.emit('order', '1', 'placed')}, in('odd'));
found('stream subjects', qr/^error: it captures none/, in('odd'));
$broker->stream('delete', 'NARROW');
query($node, q{ALTER DATABASE odd SET outbox.broadcast_template = 'odd.live.{aggregate}'; ALTER DATABASE odd SET outbox.stream = 'BROADCASTS'});
$broker->stream('create', 'BROADCASTS', 'odd.>');
found('broker rights', qr/^warning: the stream captures the subjects of broadcasts/, in('odd'));
$broker->stream('delete', 'BROADCASTS');
query($node, 'DROP DATABASE odd');

# The broker's user, and the way to it.
$broker->stop;
$broker->change(rights => 'publish: { deny: ["postgres.secret.*", "broadcast.>"] }')->start;
drained($node, 'connected again');
query($node, q{SELECT outbox.broadcast('order', '1', 'seen')}) foreach 1, 2;
eventually('broadcasts are refused', sub { query($node, q{SELECT outbox.broadcast('order', '1', 'seen'); SELECT dropped_refused FROM outbox.stat_broadcast}) =~ /[1-9]/ });
found('broker rights', qr/^warning: \d+ broadcasts were refused/);
query($node, q{SELECT outbox.emit('secret', '1', 'placed')});
found('broker rights', qr/^error: .*postgres\.secret\.placed/m);
$broker->stop;
$broker->change(rights => 'publish: ">"')->start;
drained($node, 'all rights are given');
chmod 0644, "$folder/password";
found('login files', qr/^error: .*accessed by others/);
chmod 0600, "$folder/password";
set_conf($node, 'outbox.nats_url' => 'nats://192.0.2.1:4222, ' . $broker->url);
found('transport', qr/^warning: events travel to nats:\/\/192\.0\.2\.1:4222 in plain text$/);
set_conf($node, 'outbox.nats_url' => $broker->url);
found('transport', qr/^ok/);

# The machine, and the server.
append_to_file($ENV{DISK_FILE}, '');
found('disk', qr/^error: 100 MB of 100 GB/);
found('tested versions', qr/^warning: libnats 3\.7\.0/m);
unlink $ENV{DISK_FILE};
unlike(findings('disk'), qr/100 MB of 100 GB/, 'the disk is measured');
set_conf($node, fsync => 'off', full_page_writes => 'off', autovacuum => 'off', synchronous_standby_names => 'nobody');
found('durability', qr/error: fsync is off.*\nwarning: full_page_writes is off/);
found('autovacuum', qr/^warning: autovacuum is off$/);
found('replication', qr/^warning: .*no synchronous standby is connected/, {}, q{SET outbox.publish_after = 'standby'});
set_conf($node, synchronous_standby_names => '', autovacuum => 'on');

# Sessions.
my $session = hold('SELECT count(*) FROM outbox.event_0');
found('transactions', qr/^warning: process \d+ of \S+ \(.*\) is in a transaction since .*: the log and vacuum wait for it$/, {}, 'SET outbox.retention = 0');
like(findings('transactions'), qr/^ok/, 'by itself it is not old');
let_go($session);
$session = hold(q{SELECT outbox.emit('order', '1', 'placed')});
found('transactions', qr/and has written/, {}, 'SET outbox.retention = 0');
let_go($session);
$session = hold('LOCK TABLE outbox.inspection, outbox.restored IN ACCESS EXCLUSIVE MODE');
$begin = time();
found('copy', qr/^unknown: could not be checked: canceling statement due to lock timeout/);
found('clock', qr/^unknown: /);
# Cancelled in the middle of a check, it leaves the session as it was.
{
	my ($out, $err) = ('', '');
	$node->psql('postgres', "SET statement_timeout = '50ms'; SELECT count(*) FROM outbox.doctor();\nSELECT 'goes on';", stdout => \$out, stderr => \$err, on_error_stop => 0, extra_params => ['-q']);
	like($err, qr/ERROR:.* canceling statement due to statement timeout/, 'it is cancelled like any statement');
	is($out, 'goes on', 'and the session goes on');
}
let_go($session);
found('clock', qr/^ok/);

# A ring that is stuck.
query($node, q{ALTER DATABASE postgres SET outbox.retention = '2s'; ALTER DATABASE postgres SET outbox.hold_time = 0});
query($node, q{SELECT outbox.emit('order', '1', 'placed')});
$session = hold('SELECT count(*) FROM outbox.event');
found('rotation', qr/^warning: outbox\.event_\d is due to be emptied, and kept from it by process/);
let_go($session);
found('rotation', qr/^ok/);

# A cluster, with the stream on one of its nodes.
{
	my @nodes = map { OutboxBroker->new(cluster => "route$_") } 1, 2;
	OutboxBroker::join_cluster(@nodes);
	set_conf($node, 'outbox.nats_url' => $nodes[0]->url, 'outbox.nats_user' => '', 'outbox.nats_password_file' => '');
	found('stream replicas', qr/^warning: the broker is a cluster/);
	set_conf($node, 'outbox.nats_url' => $broker->url, 'outbox.nats_user' => 'outbox', 'outbox.nats_password_file' => "$folder/password");
	found('stream replicas', qr/^ok/);
}

# On a standby, and without workers or the library.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
found('relay', qr/^ok/, { node => $standby });
is(query($standby, q{SELECT count(*) FROM outbox.doctor() d WHERE d.status = 'unknown' AND d.check NOT LIKE 'stream%'}), 0, 'a standby is looked at, too');
$standby->stop;
set_conf($node, max_worker_processes => 3);
$node->restart;
found('workers', qr/^warning: all 3 of max_worker_processes/);
set_conf($node, shared_preload_libraries => '');
$node->restart;
found('preload', qr/^error: /);
found('relay', qr/^ok/);
is(query($node, q{SELECT count(*) FROM outbox.doctor() d WHERE d.status = 'unknown' AND d.check NOT LIKE 'stream%'}), 0, 'and a server without the library');

$node->stop;
done_testing();
