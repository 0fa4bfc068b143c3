# The HTTP endpoint: what it answers, whom it does not let wait, what it survives.
#
# Promises: Polite.
use strict;
use warnings;
use File::Basename qw(dirname);
use IO::Select;
use IO::Socket::IP;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use OutboxBroker;
use OutboxTest;

use constant CLIENTS_MAX => 32;

# Everything that the server starts has the library, which does nothing yet.
my $folder = PostgreSQL::Test::Utils::tempdir();
my $library = "$folder/crash.so";
system('gcc', '-shared', '-fPIC', '-O1', '-o', $library, dirname(__FILE__) . '/crash_http.c', '-ldl') == 0 or die 'crash_http.c does not build';
$ENV{OUTBOX_CRASH} = "$folder/order";

my $broker = OutboxBroker->new->start;
my $node;
{
	local $ENV{LD_PRELOAD} = $library;
	$node = new_node('main', $broker, conf => 'max_worker_processes = 16');
}
my $at = '';

sub endpoint
{
	my ($good, $said) = try_query($node, 'SELECT row_to_json(s) FROM outbox.stat_http s');
	return $good ? JSON::PP::decode_json($said) : {};
}

sub endpoint_is
{
	my ($state, $name) = @_;
	my $seen;
	eventually($name, sub { $seen = endpoint(); ($seen->{state} // '') eq $state }, sub { $seen });
	$at = $seen->{address} // '';
	return $seen;
}

sub dial
{
	my ($where) = @_;
	my ($host, $port) = ($where // $at) =~ /^\[?([^\]]*?)\]?:(\d+)$/ or die "no address: $at";
	return IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 10);
}

# Sends this and returns all that comes back until the server closes.
sub exchange
{
	my ($text, $where) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $socket = dial($where) or return '';
	print $socket $text;
	my $all = '';
	while (IO::Select->new($socket)->can_read(30)) { sysread($socket, $all, 65536, length $all) or last }
	return $all;
}

# (status, body, headers) of a request.
sub get
{
	my ($path, %with) = @_;
	my $answer = exchange(($with{method} // 'GET') . " $path HTTP/1.1\r\nHost: " . ($with{host} // $at) . "\r\n" . ($with{more} // '') . "\r\n", $with{at});
	my ($head, $body) = split /\r\n\r\n/, $answer, 2;
	my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};
	my %headers = map { /^([^:]+): (.*)$/ ? (lc $1, $2) : () } split /\r\n/, $head // '';
	return ($status // 0, $body // '', \%headers);
}

sub status_is
{
	my ($path, $status, $name, %with) = @_;
	my ($is, $body, $headers) = get($path, %with);
	is($is, $status, $name);
	return ($body, $headers);
}

sub json { return JSON::PP::decode_json((get($_[0]))[1]) }

# Off by default; a bad address is refused with the reason; on and off without a restart.
is(endpoint()->{state}, 'off', 'there is no endpoint by default');
is(query($node, q{SELECT count(*) FROM outbox.stat_http WHERE pid IS NULL AND address IS NULL AND hint LIKE 'Set outbox.http_listen%'}), 1, 'and it says how to have one');
foreach my $bad (['localhost', 'port is a number'], ['127.0.0.1:99999', 'port is a number'], ['::1:80', 'stands in brackets'], ['[::1:80', 'bracket'],
	['[1.2.3.4]:80', 'no IPv6 address'], ['example.com:80', 'names are not looked up'], ['127.0.0.1:', 'port is a number'])
{
	my (undef, $said) = try_query($node, "ALTER SYSTEM SET outbox.http_listen = '$bad->[0]'");
	like($said, qr/22023:.*DETAIL:.*$bad->[1]/s, "$bad->[0] is refused with the reason");
}
set_conf($node, 'outbox.http_listen' => '0');
my $first = endpoint_is('listening', 'turned on by a reload, at any free port');
like($at, qr/^127\.0\.0\.1:\d{2,5}$/, 'of the loopback address');
like(log_between($node, 0), qr/LOG:  HTTP endpoint listens at \Q$at\E/, 'and says so in the log');
is(scalar(() = glob "/proc/$first->{pid}/task/*"), 1, 'its process has one thread');
is(query($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $first->{pid}"), 0, 'and no connection to a database');

# The paths.
drained($node, 'ready');
query($node, q{SELECT outbox.emit('order', n::text, 'placed') FROM generate_series(1, 7) n});
drained($node, 'seven events are published');
my ($body, $headers) = status_is('/healthz', 200, '/healthz');
is($body, "ok\n", 'says ok');
($body, $headers) = status_is('/metrics', 200, '/metrics');
like($headers->{'content-type'}, qr{^text/plain; version=0\.0\.4}, 'is of the type that Prometheus asks for');
eventually('and counts what was published', sub { (get('/metrics'))[1] =~ /^outbox_published_events_total\{database="postgres"\} 7$/m });
($body, $headers) = status_is('/', 200, '/');
like($headers->{'content-type'}, qr{^text/html; charset=utf-8$}, 'is a page');
like($headers->{'content-security-policy'}, qr/default-src 'none';.*connect-src 'self';.*script-src 'sha256-[^']{44}'; style-src 'sha256-[^']{44}'$/, 'which runs what stands in it, and nothing else');
unlike($body, qr/(?:src|href)="(?!data:|#|\/)|url\(|\@import/, 'and needs nothing from elsewhere');
foreach my $path (qw(/ /metrics /healthz /readyz /status.json /nowhere))
{
	my (undef, undef, $with) = get($path);
	is_deeply([ @$with{qw(x-content-type-options cache-control connection)} ], [ 'nosniff', 'no-store', 'close' ], "$path is dressed");
	like($with->{'content-security-policy'}, qr/^default-src 'none'/, "$path has a policy");
	my ($status, $empty, $head) = get($path, method => 'HEAD');
	is($empty, '', "HEAD $path has no body");
	is($status, (get($path))[0], 'and the status of GET') if $path ne '/readyz';
}
status_is('/nowhere', 404, 'what is not there');
status_is('/metrics/..', 404, 'nor beside it');
status_is('/healthz?x=1', 200, 'a query does no harm');
my ($status) = @{ json('/status.json')->{databases} };
is_deeply([ @$status{qw(database state wanted well stream)} ], [ 'postgres', 'idle', JSON::PP::true(), JSON::PP::true(), 'OUTBOX_postgres' ], '/status.json tells of the database');
is($status->{counters}{published}, 7, 'and counts');

# What is not allowed.
foreach my $method (qw(POST PUT DELETE PATCH OPTIONS TRACE FOO))
{
	(undef, $headers) = status_is('/metrics', 405, "$method is not allowed", method => $method, more => "Content-Length: 0\r\n");
	is($headers->{allow}, 'GET, HEAD', 'and the answer says what is');
}
is((get('/metrics', more => "Content-Length: 5\r\n"))[0], 0, 'a body that does not come ends the connection');
is(exchange("GET /metrics HTTP/1.1\r\nHost: $at\r\nContent-Length: 5\r\n\r\nhello"), '', 'and so does one that comes');
status_is('/' . 'x' x 100000, 414, 'a long path is refused');
status_is('/metrics', 431, 'and a long head', more => 'X: ' . 'y' x 100000 . "\r\n");
status_is('/metrics', 421, 'a name that somebody points here is refused', host => 'rebound.example');
status_is('/metrics', 200, "$_ is not", host => $_) foreach 'localhost', 'localhost:9187', '127.0.0.1', '[::1]:80';
exchange($_) foreach "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "GET\r\n\r\n", "\0" x 1000 . "\r\n\r\n";
is(endpoint()->{pid}, $first->{pid}, 'whatever was sent, the process is the same');

# A slow crowd: more clients than there are places, which trickle.
sub memory
{
	my ($kb) = slurp_file("/proc/$first->{pid}/status") =~ /^VmRSS:\s+(\d+)/m;
	return $kb;
}
my $before = memory();
my @crowd;
foreach (1 .. 3)
{
	my @new = grep { $_ } map { dial() } 1 .. CLIENTS_MAX;
	print { $_ } "GET /metrics HTTP/1.1\r\nHost: $at\r\n" foreach @new;
	push @crowd, @new;
	my $begin = time();
	status_is('/healthz', 200, 'others are served beside slow clients');
	cmp_ok(time() - $begin, '<', 2, 'at once');
}
cmp_ok(memory() - $before, '<', 8192, 'and memory is bounded');
cmp_ok(endpoint()->{cut}, '>=', 2 * CLIENTS_MAX, 'those who were too many are cut off');
my $begin = time();
my $trickles = $crowd[-1];
local $SIG{PIPE} = 'IGNORE';
while (time() - $begin < 30)
{
	print $trickles 'X';
	$trickles->flush;
	last if IO::Select->new($trickles)->can_read(1) && !sysread($trickles, my $nothing, 100);
}
cmp_ok(time() - $begin, '<', 13, 'one that trickles for ever is cut off in time');
@crowd = ();
my @readers = grep { $_ } map { dial() } 1 .. 20;
print { $_ } "GET / HTTP/1.1\r\nHost: $at\r\n\r\n" foreach @readers;
status_is('/metrics', 200, 'clients that do not read keep nobody waiting');
@readers = ();

# Readiness, with the reason.
my $ready = json('/readyz');
is_deeply($ready, { ready => JSON::PP::true(), postgresql => 'ok', databases => [ { database => 'postgres', ready => JSON::PP::true(), relay => 'ok', broker => 'ok', stream => 'ok' } ] }, 'it is ready');
$broker->kill9;
state_is($node, 'broker unreachable', 'the broker is gone');
eventually('it is not ready', sub { (get('/readyz'))[0] == 503 });
($ready) = @{ json('/readyz')->{databases} };
is($ready->{relay}, 'ok', 'the relay is');
like($ready->{broker}, qr/^broker unreachable: ./, 'the broker is not, with the reason');
is($ready->{stream}, 'unknown', 'and the stream is not known');
status_is('/healthz', 200, 'it is alive nevertheless');
$broker->start;
eventually('the broker is back, and it is ready', sub { (get('/readyz'))[0] == 200 });
query($node, q{SELECT outbox.pause('for the test')});
eventually('paused, it is not', sub { (json('/readyz')->{databases}[0]{relay} // '') =~ /^paused/ });
query($node, 'SELECT outbox.resume()');
query($node, 'CREATE DATABASE other');
query($node, 'CREATE EXTENSION cleanoutbox', { database => 'other' });
eventually('another database comes', sub { 'other postgres' eq join ' ', sort map { $_->{database} } @{ json('/readyz')->{databases} } });
query($node, 'ALTER DATABASE other RENAME TO "o""her"');
query($node, 'SELECT outbox.wake()');
$node->reload;
eventually('it has another name', sub { grep { $_->{database} eq 'o"her' } @{ json('/status.json')->{databases} } });
query($node, 'DROP DATABASE "o""her"');
eventually('it goes', sub { @{ json('/readyz')->{databases} } == 1 });

# Elsewhere, at a taken address, and off.
my $old = $at;
my $taken = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1, Proto => 'tcp') or die "$@";
my $offset = -s $node->logfile;
set_conf($node, 'outbox.http_listen' => '127.0.0.1:' . $taken->sockport);
like(endpoint_is('unable', 'an address that is taken')->{reason}, qr/^could not listen at 127\.0\.0\.1:\d+: Address already in use$/, 'is told of');
sleep 3;
is(scalar(() = log_between($node, $offset) =~ /HTTP endpoint could not listen/g), 1, 'once in the log');
ok(!dial($old), 'the old address is closed');
my $port = $taken->sockport;
close $taken;
is(endpoint_is('listening', 'when it is free, it is taken')->{address}, "127.0.0.1:$port", 'as it was set');
is(endpoint()->{pid}, $first->{pid}, 'by the same process');
status_is('/healthz', 200, 'and answers');
if (IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1))
{
	set_conf($node, 'outbox.http_listen' => '[::1]:0');
	eventually('at an IPv6 address', sub { $at = endpoint()->{address} // ''; $at =~ /^\[::1\]:\d+$/ });
	status_is('/healthz', 200, 'it answers, too');
}
set_conf($node, 'outbox.http_listen' => '');
endpoint_is('off', 'turned off by a reload');
eventually('its process is gone', sub { !-d "/proc/$first->{pid}" });

# The server's end, with clients connected.
set_conf($node, 'outbox.http_listen' => '127.0.0.1:0');
endpoint_is('listening', 'turned on again');
push @crowd, grep { $_ } map { dial() } 1 .. 20;
$begin = time();
$node->stop('fast');
cmp_ok(time() - $begin, '<', 3, 'a fast shutdown does not wait for clients');
{
	local $ENV{LD_PRELOAD} = $library;
	$node->start;
}
endpoint_is('listening', 'it comes with the server');

# An error ends it: it starts again.
my $pid = endpoint()->{pid};
kill 'TERM', $pid;
eventually('ended, it starts again', sub { my $now = endpoint(); ($now->{state} // '') eq 'listening' && $now->{pid} != $pid });

# Crashes reset the server, so there are at most three.
$at = endpoint()->{address};
$offset = -s $node->logfile;
append_to_file("$folder/order.new", "11\n");
rename "$folder/order.new", "$folder/order";
my $down;
eventually('crashing with every request, it stays down in the end', sub {
	my $now = endpoint();
	$down = $now;
	$at = $now->{address} // $at;
	get('/healthz') if ($now->{state} // '') eq 'listening';
	($now->{state} // '') eq 'down';
}, sub { endpoint() });
is(scalar(() = log_between($node, $offset) =~ /all server processes terminated; reinitializing/g), 3, 'after three resets');
like($down->{reason}, qr/crashed 3 times in a row/, 'it says so');
like(log_between($node, $offset), qr/WARNING:  HTTP endpoint stays down: it has crashed 3 times in a row/, 'also in the log');
{
	local $ENV{LD_PRELOAD} = $library;
	$node->restart;
}
endpoint_is('down', 'it stays so over a restart');
drained($node, 'events are published meanwhile');
unlink "$folder/order";
set_conf($node, 'outbox.http_listen' => '');
endpoint_is('off', 'turned off');
set_conf($node, 'outbox.http_listen' => '0');
endpoint_is('listening', 'and on, it runs again');
status_is('/healthz', 200, 'and answers');
$node->stop;
done_testing();
