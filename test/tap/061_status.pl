# outbox.status says whether it is published, and if not, why: each cause, made for real.
use strict;
use warnings;
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use OutboxBroker;
use OutboxTest;

# How long it may take to read, also while tables are locked, on a busy machine.
use constant AT_ONCE => 5;

my $secrets = PostgreSQL::Test::Utils::tempdir();
my $broker = OutboxBroker->new(user => 'outbox', password => 'right', rights => 'publish: { deny: ["postgres.secret.*"] }');
my $node = new_node('main', $broker, streaming => 1, conf => <<"CONF");
max_worker_processes = 12
outbox.poll_interval = '100ms'
outbox.connect_timeout = '2s'
outbox.nats_user = 'outbox'
outbox.nats_password_file = '@{[ secret('wrong', 'wrong') ]}'
CONF
my %known;

# From the test of safe mode: makes the relay crash on what an order names.
my $crash = "$secrets/crash.so";
$ENV{OUTBOX_CRASH} = "$secrets/crash";
system('gcc', '-shared', '-fPIC', '-O1', '-o', $crash, dirname(__FILE__) . '/crash.c', '-ldl') == 0 or die 'crash.c does not build';

sub secret
{
	my ($name, $text, $mode) = @_;
	append_to_file("$secrets/$name", "$text\n");
	chmod $mode // 0600, "$secrets/$name";
	return "$secrets/$name";
}

sub in { return { database => $_[0] } }

sub emit
{
	my ($name, $aggregate, $count) = @_;
	query($node, "SET synchronous_commit = local; SELECT count(outbox.emit('$aggregate', i::text, 'placed')) FROM generate_series(1, @{[ $count // 1 ]}) i", in($name));
}

# Waits until the cause is told; what is told must be complete then, and read at once.
sub told
{
	my ($cause, $name, $where, %also) = @_;
	$known{$cause} = 1;
	my $seen = state_is($node, qr/./, "$cause: $name", $where, cause => $cause, %also);
	my $begin = time();
	status($node, $where);
	my $took = time() - $begin;
	cmp_ok($took, '<', AT_ONCE, sprintf '%s: read in %.2f s', $cause, $took);
	return if $cause =~ /^(idle|publishing)$/;
	like($seen->{reason} // '', $cause =~ /^(starting|standby|paused)$/ ? qr/^/ : qr/./, "$cause: it says why");
	like($seen->{hint} // '', qr/./, "$cause: and what to do");
	return $seen;
}

sub make_database
{
	my ($name, %settings) = @_;
	query($node, "CREATE DATABASE $name");
	query($node, "ALTER DATABASE $name SET outbox.$_ = '$settings{$_}'") foreach sort keys %settings;
	query($node, 'CREATE EXTENSION cleanoutbox', in($name));
	emit($name, 'order');
	return in($name);
}

# A session that stays in its transaction.
sub hold
{
	my ($name, $sql) = @_;
	my $session = { in => "BEGIN; $sql;\n\\echo held\n", out => '' };
	$session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($name), '-f', '-' ],
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

# What the stream takes from now on.  A relay learns a limit when it connects, and emit
# holds to what the last one has learned.
sub raise_message_size
{
	my ($name) = @_;
	$broker->stream('update', 'OUTBOX_postgres', 'max_msg_size=-1');
	$node->reload;
	eventually("emit may $name", sub {
		query($node, q{SELECT phase = 'streaming' AND max_message_size IS NULL FROM outbox.stat_relay}) eq 't';
	});
}

# The broker and the login.
emit('postgres', 'order', 2);
my $said = told('broker_unreachable', 'there is none', {}, state => 'broker unreachable', backlog => 2, backlog_estimated => 0);
cmp_ok($said->{lag}, 'gt', '00:00:00', 'with the age of the oldest event');
ok(!$said->{publishing}, 'it is not publishing');
$broker->start;
told('authentication_refused', 'a wrong password', {}, state => 'not authorized');
set_conf($node, 'outbox.nats_password_file' => secret('open', 'right', 0644));
told('settings', 'a password file for everybody', {}, reason => qr/can be accessed by others/);
set_conf($node, 'outbox.nats_password_file' => secret('right', 'right'));
told('idle', 'all is published', {}, state => 'idle', publishing => 1, backlog => 0);
emit('postgres', 'secret');
$said = told('permission_missing', 'the user may not publish there', {}, state => 'not authorized', reason => qr/postgres\.secret\.placed/);
like($said->{hint}, qr/\$JS\.API\.STREAM\.INFO\.OUTBOX_postgres/, 'the hint names the rights');
$broker->stop;
$broker->change(rights => 'publish: { deny: ["$JS.API.STREAM.>"] }')->start;
told('permission_missing', 'the user may not look at streams', {}, reason => qr/JS\.API\.STREAM\.INFO/);
$broker->stop;
$broker->change(rights => 'publish: ">"')->start;
told('idle', 'with all rights it goes on');

# The stream.
my $where = make_database('lacking', stream_create => 'off');
told('no_stream', 'it may not be made', $where, state => 'misconfigured', hint => qr/OUTBOX_lacking/);
$broker->stream('create', 'OUTBOX_lacking', 'other.>');
told('subject_not_captured', 'it is for others', $where, reason => qr/lacking\.\*\.\*/);
$broker->stream('delete', 'OUTBOX_lacking');
$broker->stream('create', 'OUTBOX_lacking', 'lacking.>', 'max_msgs=1', 'discard=new');
told('idle', 'the stream is there', $where);
emit('lacking', 'order', 2);
told('stream_full', 'it takes one message', $where, state => 'misconfigured', backlog => 2);
$broker->stream('update', 'OUTBOX_lacking', 'max_msgs=-1', 'no_ack=true');
told('no_acknowledgements', 'no_ack', $where);
$broker->stream('update', 'OUTBOX_lacking', 'no_ack=false');
told('idle', 'with room it goes on', $where);
$broker->stream('update', 'OUTBOX_lacking', 'sealed=true');
emit('lacking', 'order');
told('stream_sealed', 'for ever', $where);
$broker->stop;
$broker->change(jetstream => 0)->start;
told('no_jetstream', 'a server without JetStream', $where);
$broker->stop;
$broker->change(jetstream => 1)->start;
query($node, 'DROP DATABASE lacking');

# Publishing, and how much waits.
told('idle', 'ready');
$broker->pause;
emit('postgres', 'order', 3);
told('publishing', 'the broker has not answered yet', {}, backlog => 3, publishing => 1);
emit('postgres', 'order', 10001);
$said = state_is($node, qr/./, 'a large backlog is estimated', {}, backlog_estimated => 1);
cmp_ok(abs($said->{backlog} - 10004), '<', 200, "and near what it is: $said->{backlog}");
$broker->resume;
told('idle', 'the broker answers', {}, backlog => 0, backlog_estimated => 0);

# What people do.
query($node, q{SELECT outbox.pause('for a test')});
told('paused', 'by whom and why', {}, reason => qr/^by .+: for a test$/, hint => qr/outbox\.resume/);
query($node, 'SELECT outbox.resume()');
query($node, 'ALTER DATABASE postgres SET outbox.enabled = off');
told('disabled', 'outbox.enabled');
query($node, 'ALTER DATABASE postgres RESET outbox.enabled');
set_conf($node, 'outbox.databases' => 'other');
told('excluded', 'outbox.databases');
set_conf($node, 'outbox.databases' => '');
told('idle', 'admitted again');

# Dead letters.  A refusal counts when nothing that was sent before can still come.
set_conf($node, 'outbox.ack_timeout' => '1s');
query($node, 'SELECT outbox.pause()');
query($node, q{SELECT outbox.emit('order', 'large', 'placed', to_jsonb(repeat('x', 5000)))});
emit('postgres', 'order');
query($node, q{SELECT outbox.emit('order', 'large', 'paid')});
$broker->stream('update', 'OUTBOX_postgres', 'max_msg_size=2000');
query($node, 'SELECT outbox.resume()');
told('blocked_aggregates', 'one is refused, one waits', {}, state => 'idle', publishing => 1, dead_letters => 1, blocked_aggregates => 1, waiting => 1);
query($node, q{SELECT outbox.discard(event_id, 'a test') FROM outbox.dead_letter});
raise_message_size('record large events again');
told('idle', 'given up');
query($node, q{ALTER DATABASE postgres SET outbox.on_refusal = 'skip'});
query($node, 'SELECT outbox.pause()');
query($node, q{SELECT outbox.emit('order', 'large', 'placed', to_jsonb(repeat('x', 5000)))});
$broker->stream('update', 'OUTBOX_postgres', 'max_msg_size=2000');
query($node, 'SELECT outbox.resume()');
told('dead_letters', 'one is refused, nothing waits', {}, state => 'idle', dead_letters => 1, blocked_aggregates => 0);
query($node, q{SELECT outbox.discard(event_id, 'a test') FROM outbox.dead_letter WHERE discarded_at IS NULL});
raise_message_size('record what it likes');
set_conf($node, 'outbox.ack_timeout' => '5s');

# Locks: of the relay itself, and of the ring.
my $other = query($node, 'SELECT min(child) FROM outbox.ring WHERE NOT current');
my $session = hold('postgres', "LOCK TABLE outbox.event_$other IN ACCESS EXCLUSIVE MODE");
emit('postgres', 'order');
$said = told('waiting_for_lock', 'somebody has locked a child', {}, state => 'waiting for a lock', reason => qr/outbox\.event_$other, held by process \d+ of \S+ \(.+\), in a transaction since/);
is($said->{backlog}, undef, 'what cannot be counted is null');
let_go($session);
told('idle', 'and goes on');
$session = hold('postgres', 'LOCK TABLE outbox.waiting, outbox.paused IN ACCESS EXCLUSIVE MODE');
$said = told('idle', 'what else is locked is left out', {}, backlog => 0);
is(status($node)->{waiting}, undef, 'and null');
let_go($session);
$where = make_database('turning', retention => '2s', hold_time => '0');
$session = hold('turning', 'SELECT count(*) FROM outbox.event');
$said = told('waiting_for_rotation_lock', 'a reader', $where, publishing => 1, reason => qr/outbox\.event_\d is due to be emptied, and kept from it by process \d+ of \S+ \(.+\)/);
emit('turning', 'order');
eventually('publishing goes on', sub { status($node, $where)->{backlog} == 0 });
let_go($session);
told('idle', 'the child is emptied', $where);
query($node, 'DROP DATABASE turning');

# Standbys.
set_conf($node, synchronous_standby_names => 'nobody');
query($node, q{SET synchronous_commit = local; ALTER DATABASE postgres SET outbox.publish_after = 'standby'});
emit('postgres', 'order');
told('waiting_for_standby', 'none has it', {}, state => 'waiting for a standby', backlog => 1);
query($node, 'SET synchronous_commit = local; ALTER DATABASE postgres RESET outbox.publish_after');
set_conf($node, synchronous_standby_names => '');
told('idle', 'no longer asked for');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$known{standby} = 1;
$said = state_is($standby, 'standby', 'a standby', {}, cause => 'standby', backlog => 0, hint => qr/promoted/);
$standby->stop;

# Copies.
query($node, 'CREATE DATABASE copied TEMPLATE postgres');
told('fenced_copy', 'made from a template', in('copied'), hint => qr/outbox\.adopt/);
query($node, 'DROP DATABASE copied');

# A relay that ends by an error.
$where = make_database('broken');
told('idle', 'another database', $where);
query($node, 'CREATE TABLE kept AS SELECT * FROM outbox.ring; DELETE FROM outbox.ring WHERE NOT current', $where);
query($node, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'broken' AND backend_type = 'cleanoutbox relay'});
told('failing', 'its tables are damaged', $where, reason => qr/times in a row/);
query($node, 'DROP DATABASE broken');

# Workers.
set_conf($node, max_worker_processes => 3);
{
	local $ENV{LD_PRELOAD} = $crash;
	$node->restart;
}
told('idle', 'few workers');
my @places = map { "place$_" } 1 .. 3;
make_database($_) foreach @places;
eventually('no_worker_slot: there are more databases than workers', sub { grep { (status($node, in($_))->{cause} // '') eq 'no_worker_slot' } @places });
$known{no_worker_slot} = 1;
query($node, "DROP DATABASE $_") foreach @places;

# A relay that crashes again and again.
emit('postgres', 'order');
told('idle', 'before it crashes');
query($node, 'SELECT outbox.pause()');
query($node, q{SELECT outbox.emit('order', '1', 'placed', '{"kind": "poison"}')});
append_to_file("$secrets/crash.new", "11 poison\n");
rename "$secrets/crash.new", $ENV{OUTBOX_CRASH};
try_query($node, 'SELECT outbox.resume()');
told('safe_mode', 'three crashes in a row', {}, state => 'safe mode', reason => qr/crashed 3 times in a row/);
unlink $ENV{OUTBOX_CRASH};
query($node, 'SELECT outbox.resume()');
told('idle', 'resumed');

# Everything above is explained.
my $readme = slurp_file(dirname(__FILE__) . '/../../README.md');
is_deeply([ grep { $readme !~ /`$_`/ } sort keys %known ], [], 'README explains every cause');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
told('not_preloaded', 'nobody publishes', {}, hint => qr/shared_preload_libraries/);

$node->stop;
done_testing();
