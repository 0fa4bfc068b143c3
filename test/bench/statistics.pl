# What statistics cost: instructions of a relay and of a session that emits, counted by
# valgrind, with and without those of the functions that count.
#
# EVENTS is 20,000 here at most: each instruction takes fifty times as long.
use strict;
use warnings;
use File::Basename qw(dirname);
use IPC::Run;
use List::Util qw(min sum0);
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant BULK => min(EVENTS, 40_000);
use constant TRICKLE => 100;
use constant PATIENCE => 600;

# All that is there for statistics alone, and is called by what is there for more.
my $counting = qr/^outbox_(?:tally|meter|statistics|census)_/;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $library = "$folder/counted.so";
my $top = dirname(__FILE__) . '/../..';
system('gcc', '-shared', '-fPIC', '-g', '-O2', '-Wl,-Bsymbolic', "-I$top/src", '-isystem', $ENV{SERVER_HEADERS}, '-o', $library, "$top/test/tap/counted.c",
	map { "$top/src/infrastructure/postgres/$_.c" } qw(shared statistics)) == 0 or die 'counted.c does not build';

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker, conf => <<"CONF");
shared_preload_libraries = 'cleanoutbox, $library'
outbox.ack_timeout = 60s
outbox.connect_timeout = 60s
autovacuum = off
jit = off
CONF
query($node, <<"SQL");
CREATE FUNCTION count_transition(text, text, text) RETURNS void LANGUAGE c AS '$library';
CREATE FUNCTION count_violation(text, text) RETURNS void LANGUAGE c AS '$library';
SQL
drained($node, 'ready');
$node->stop;

# The server again, its processes under callgrind.
my $postgres = POSIX::getpid();
my $server = fork() // die "fork: $!";
if ($server == 0)
{
	open(STDOUT, '>>', $node->logfile) and open(STDERR, '>&', \*STDOUT);
	exec('valgrind', '--quiet', '--tool=callgrind', '--trace-children=yes', "--callgrind-out-file=$folder/out.%p", 'postgres', '-D', $node->data_dir)
	  or POSIX::_exit(127);
}
END
{
	local $?;
	kill 'QUIT', $server if $server && POSIX::getpid() == $postgres;
	waitpid($server, 0) if $server;
}
until_true('the server answers', sub { (try_query($node, 'SELECT 1'))[0] });
until_true('the relay publishes', sub { (status($node)->{state} // '') eq 'idle' });

sub until_true
{
	my ($what, $condition) = @_;
	my $end = time() + PATIENCE;
	until ($condition->())
	{
		die "$what: not in time" if time() > $end;
		sleep 0.2;
	}
}

sub control
{
	my (@words) = @_;
	my $said = '';
	IPC::Run::run([ 'callgrind_control', @words ], '>&', \$said) or die "callgrind_control @words: $said";
}

# Instructions of a process while something is done: all, and those that count.
sub instructions
{
	my ($pid, $do) = @_;
	my @before = glob "$folder/out.$pid.*";
	control('--zero', $pid);
	$do->();
	control("--dump", $pid);
	my %old = map { $_ => 1 } @before;
	my @new = grep { !$old{$_} } glob "$folder/out.$pid.*";
	die "no dump of $pid" unless @new;
	return map { read_dump($_) } $new[-1];
}

# Of a dump: all instructions, those of calls from elsewhere into what counts, and
# inclusive ones and calls by function.
sub read_dump
{
	my ($file) = @_;
	my (%name, $function, $callee, $calls, $total, %inclusive, %called);
	my $counted = 0;
	my $resolve = sub { my ($id, $text) = @_; $name{$id} = $text if defined $text; return $name{$id} };
	open(my $in, '<', $file) or die "$file: $!";
	while (my $line = <$in>)
	{
		if ($line =~ /^fn=(\(\d+\))(?: (.*))?$/) { $function = $resolve->($1, $2) }
		elsif ($line =~ /^cfn=(\(\d+\))(?: (.*))?$/) { $callee = $resolve->($1, $2) }
		elsif ($line =~ /^calls=(\d+)/) { $calls = $1 }
		elsif ($line =~ /^(?:summary|totals): (\d+)/) { $total = $1 }
		elsif ($line =~ /^[+\-*\d]\S* (\d+)$/ && defined $callee)
		{
			my $cost = $1;
			(my $plain = $callee) =~ s/'\d+$//;
			$inclusive{$plain} += $cost;
			$called{$plain} += $calls;
			$counted += $cost if $plain =~ $counting && $function !~ $counting;
			undef $callee;
		}
	}
	return { total => $total, counted => $counted, inclusive => \%inclusive, called => \%called };
}

sub compare
{
	my ($name, $with, $without) = @_;
	report($name, 'instructions', [$with], [$without]);
	cmp_ok($with / $without, '<=', 1.01, "$name: at most a hundredth");
}

# With and without, for one event.
sub share
{
	my ($name, $events, $dump) = @_;
	compare($name, $dump->{total} / $events, ($dump->{total} - $dump->{counted}) / $events);
	note(map { sprintf "%-36s %8.1f instructions an event\n", $_, $dump->{inclusive}{$_} / $events } sort grep { /$counting/ } keys %{ $dump->{inclusive} });
}

# While valgrind drains what takes less than a second without it, ten seconds go by, and
# what waits is counted once in each: the first time counts.
sub at_full_speed
{
	my ($dump) = @_;
	my $calls = $dump->{called}{outbox_census_take} // 0;
	my $extra = $calls > 1 ? $dump->{inclusive}{outbox_census_take} * (1 - 1 / $calls) : 0;
	return { %$dump, map { $_ => $dump->{$_} - $extra } qw(total counted) };
}

sub published
{
	my ($sequence) = @_;
	until_true('all is published', sub { $broker->count('OUTBOX_postgres') >= $sequence && (status($node)->{backlog} // 1) == 0 });
}

# Many at once, of ten types; then one after the other, with time between them.
my $relay = relay_pid($node);
my $session = open_session($node);
my $backend = ask_session($session, 'SELECT pg_backend_pid()') + 0;
my $sequence = $broker->count('OUTBOX_postgres');
my $emit = sub {
	my ($count) = @_;
	ask_session($session, "SELECT count(outbox.emit('bench', (i % 1000)::text, 'made' || i % 10, jsonb_build_object('i', i, 'fill', repeat('x', 200)))) FROM generate_series(1, $count) i");
	$sequence += $count;
};
$emit->(100);
published($sequence);
my ($emitted);
my ($bulk) = instructions($relay, sub { ($emitted) = instructions($backend, sub { $emit->(BULK) }); published($sequence) });
share('relay_bulk', BULK, at_full_speed($bulk));
my ($trickle) = instructions($relay, sub {
	ask_session($session, "DO \$\$ BEGIN FOR i IN 1 .. @{[TRICKLE]} LOOP PERFORM outbox.emit('bench', '1', 'made' || i % 3); COMMIT; PERFORM pg_sleep(0.3); END LOOP; END \$\$");
	$sequence += TRICKLE;
	published($sequence);
});
share('relay_trickle', TRICKLE, $trickle);

# A session counts nothing when it emits; what it counts for a rule, compared with an emit.
share('emit', BULK, $emitted);
my ($rules) = instructions($backend, sub { ask_session($session, "SELECT count(count_transition('bench', 'draft' || i % 5, 'made')) FROM generate_series(1, 10000) i") });
my $each = $rules->{inclusive}{outbox_statistics_count_transition} / $rules->{called}{outbox_statistics_count_transition};
my $emit_alone = $emitted->{total} / BULK;
compare('emit_with_transition', $emit_alone + $each, $emit_alone);
close_session($session);
done_testing();
