# OutboxBench: servers as they are run, events in bulk, and medians.
#
#	my $node = new_bench($broker);
#	my %took = rounds(plain => sub { ... return $rate }, pinned => sub { ... });
#	report('drain_pinned', 'events/s', map { $took{$_}[0] } qw(pinned plain));
#
# The *baseline* is measured in the same run, in turns with the value, since only
# then their ratio means something on a machine that does other things too.
package OutboxBench;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run;
use List::Util qw(max min);
use POSIX ();
use PostgreSQL::Test::Utils ();
use Test::More;
use Time::HiRes qw(sleep time);

use OutboxBroker;
use OutboxTest;

our @EXPORT = qw(new_bench rounds report report_limit fill drain pgbench run_program build_program stream_for raw_rate make_shop business log_size
  cpu_of switches_of memory_of median open_session ask_session close_session EVENTS);

use constant EVENTS => $ENV{EVENTS} || 200_000;
use constant ROUNDS => $ENV{ROUNDS} || 5;
use constant PATIENCE => 900;

# So that nothing stays behind.
$SIG{$_} = sub { exit 1 } foreach qw(HUP INT TERM);

# PostgreSQL's test libraries send what is printed to a file.
my $out = Test::More->builder->output;

# Commits are on disk here: PostgreSQL's test libraries switch that off.
sub new_bench
{
	my ($broker, %options) = @_;
	my $conf = <<"CONF";
fsync = on
wal_level = replica
max_wal_size = '8GB'
checkpoint_timeout = '30min'
shared_buffers = '512MB'
autovacuum = on
@{[ $options{conf} // '' ]}
CONF
	my $node = new_node('bench', $broker, %options, conf => $conf);
	my $set = query($node, q{SELECT string_agg(current_setting(s), ' ') FROM unnest('{fsync,full_page_writes,synchronous_commit}'::text[]) s});
	die "not durable: $set" unless $set eq 'on on on';
	return $node;
}

# Measures each thing once a round, in turns; the order changes from round to round.
# What a thing returns is a list; returns for each a list of what the rounds gave.
# "most": as many rounds, at most, where one takes long.
sub rounds
{
	my (%measures) = @_;
	my $rounds = min(ROUNDS, delete $measures{most} // ROUNDS);
	my @names = sort keys %measures;
	my %results;
	foreach my $round (1 .. $rounds)
	{
		foreach my $name ($round % 2 ? @names : reverse @names)
		{
			my @result = $measures{$name}->();
			push @{ $results{$name}[$_] }, $result[$_] foreach 0 .. $#result;
			print $out "# round $round: $name @{[ map { sprintf '%.6g', $_ } @result ]}\n";
		}
	}
	return %results;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	my $middle = int(@sorted / 2);
	return @sorted % 2 ? $sorted[$middle] : ($sorted[ $middle - 1 ] + $sorted[$middle]) / 2;
}

# One line; min and max are of the rounds' ratios.
sub report
{
	my ($name, $unit, $values, $baseline) = @_;
	my @ratios = map { $values->[$_] / $baseline->[$_] } 0 .. $#$values;
	print $out sprintf("bench %s %.6g %s baseline %.6g %s ratio %.3f [%.3f %.3f] n %d\n", $name, median(@$values), $unit, median(@$baseline),
		$unit, median(@ratios), min(@ratios), max(@ratios), scalar @ratios);
}

# Commits this many events of 1,000 aggregates, in transactions of "size" (10).
sub fill
{
	my ($node, $count, $where) = @_;
	my $size = $where->{size} // 10;
	my $last = $size - 1;
	query($node, <<"SQL", $where);
SET synchronous_commit = off;
DO \$\$
BEGIN
	FOR i IN 1 .. $count BY $size LOOP
		PERFORM outbox.emit('bench', (j % 1000)::text, 'made', jsonb_build_object('i', j, 'fill', repeat('x', 200)), version => j) FROM generate_series(i, i + $last) j;
		COMMIT;
	END LOOP;
END \$\$;
SQL
}

# The value's baseline is a limit.
sub report_limit
{
	my ($name, $unit, $values, $limit) = @_;
	report($name, $unit, $values, [ map { $limit } @$values ]);
}

# A program of this folder, built once.
sub build_program
{
	my ($name) = @_;
	my $program = PostgreSQL::Test::Utils::tempdir() . "/$name";
	my $folder = dirname(__FILE__) . '/..';
	system('gcc', '-O2', '-Wall', '-o', $program, "$folder/$name.c", "-I$ENV{PG_INCLUDE}", '-lnats', '-lpq', '-lpthread') == 0 or die "$name.c does not build";
	return $program;
}

# What a program of numbers prints.
sub run_program
{
	my (@command) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run(\@command, '<', '/dev/null', '>', \$out, '2>', \$err) or die "@command: $err";
	return split ' ', $out;
}

# A stream for baselines, like the one that a relay makes.
sub stream_for
{
	my ($broker, $name) = @_;
	$broker->stream('create', uc $name, "$name.>", 'duplicates=120000');
}

# Messages per second, and seconds of CPU per 100,000, of raw publishing.
sub raw_rate
{
	my ($program, $broker, $way, $shape, $count) = @_;
	my @took = run_program($program, $broker->url, 'raw.made', $way, $shape, $count, 1000);
	$broker->stream('purge', 'RAW');
	return @took;
}

# Publishes what waits in paused databases, "count" in each.  Returns events per
# second, all together, since the first were under way, and of the first database's
# relay the seconds of CPU per 100,000; "watch": and what it says of the relay's pid,
# the most of all that it says meanwhile.
sub drain
{
	my ($node, $count, @where) = @_;
	@where = ({}) unless @where;
	my $program = build_program('watch');
	my ($out, $err, $most, $pid) = ('', '', 0, undef);
	my $run = IPC::Run::start([ $program, $count, map { $node->connstr($_->{database} // 'postgres') } @where ], '>', \$out, '2>', \$err);
	IPC::Run::pump($run) until $out =~ /ready/ || $err;
	query($node, 'SELECT outbox.resume()', $_) foreach @where;
	if (my $watch = $where[0]{watch})
	{
		until ($out =~ /ready\n./ || $err)
		{
			sleep 0.3;
			$pid ||= relay_pid($node, $where[0]);
			$most = max($most, $watch->($pid)) if $pid;
			IPC::Run::pump_nb($run);
		}
	}
	IPC::Run::finish($run) or die "not drained: $err";
	my ($rate) = $out =~ /ready\n([\d.]+)/ or die "not drained: $out";
	my $cpu = cpu_of(relay_pid($node, $where[0]));
	query($node, 'SELECT outbox.pause()', $_) foreach @where;
	return ($rate, $cpu / $count * 100_000, $where[0]{watch} ? $most : ());
}

# Tables for a business transaction: an order is inserted and an account changed.  And
# for events the minimal table that makes an outbox, and the usual one.
sub make_shop
{
	my ($node) = @_;
	query($node, <<'SQL');
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint NOT NULL, total numeric NOT NULL, placed_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE account (id bigint PRIMARY KEY, balance numeric NOT NULL) WITH (fillfactor = 70);
INSERT INTO account SELECT i, 0 FROM generate_series(1, 10000) i;
CREATE TABLE minimal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject text NOT NULL, payload jsonb NOT NULL);
CREATE TABLE usual (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, aggregate_type text NOT NULL, aggregate_id text NOT NULL, type text NOT NULL,
	payload jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), published_at timestamptz);
CREATE INDEX ON usual (created_at) WHERE published_at IS NULL;
SQL
}

# The transaction, with an event of this kind: base (none), emit, minimal, usual, or
# nothing: a statement that does nothing, to see what the round trip alone costs.
sub business
{
	my ($kind) = @_;
	my $payload = '{"id": 12345678, "customer": 4711, "total": 99.50, "items": [' . join(', ', map { qq({"sku": "article-$_", "quantity": $_}) } 1 .. 5) . ']}';
	my %event = (
		base => '',
		nothing => 'SELECT 1;',
		emit => "SELECT outbox.emit('order', :a::text, 'placed', '$payload');",
		minimal => "INSERT INTO minimal (subject, payload) VALUES ('shop.order.placed', '$payload');",
		usual => "INSERT INTO usual (aggregate_type, aggregate_id, type, payload) VALUES ('order', :a::text, 'placed', '$payload');",
	);
	return <<"SQL";
\\set a random(1, 10000)
BEGIN;
INSERT INTO orders (customer, total) VALUES (:a, 99.50);
UPDATE account SET balance = balance - 99.50 WHERE id = :a;
$event{$kind}
COMMIT;
SQL
}

# Transactions per second of a script of pgbench.
sub pgbench
{
	my ($node, $script, $clients, $seconds, @options) = @_;
	push @options, '-d', $node->connstr('postgres') unless grep { $_ eq '-d' } @options;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	PostgreSQL::Test::Utils::append_to_file("$folder/script", $script);
	# Not by IPC::Run, which looks so often whether it is over that it takes an eighth of two cores.
	my @command = ('pgbench', '-n', '-M', 'prepared', '-c', $clients, '-j', min($clients, 2), '-f', "$folder/script", $seconds ? ('-T', $seconds) : (), @options);
	my $failed = system('sh', '-c', 'out=$1; shift; exec "$@" > "$out" 2>&1', 'sh', "$folder/out", @command);
	my $said = PostgreSQL::Test::Utils::slurp_file("$folder/out");
	my ($rate) = $said =~ /^tps = ([\d.]+)/m;
	die "pgbench: $said" if $failed || !defined $rate;
	return $rate;
}

# Seconds of CPU that a process has used, all of its threads.
sub cpu_of
{
	my ($pid) = @_;
	my $ns = 0;
	foreach my $file (glob "/proc/$pid/task/*/schedstat")
	{
		$ns += (split ' ', PostgreSQL::Test::Utils::slurp_file($file))[0];
	}
	return $ns / 1e9;
}

# How often its threads went to sleep, and so were woken.
sub switches_of
{
	my ($pid) = @_;
	my $count = 0;
	foreach my $file (glob "/proc/$pid/task/*/status")
	{
		my ($own) = PostgreSQL::Test::Utils::slurp_file($file) =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
		$count += $own;
	}
	return $count;
}

# MB of memory that is the process's alone; what is mapped to be shared is not.
sub memory_of
{
	my ($pid) = @_;
	my ($kb, $shared) = (0, 0);
	foreach my $line (split /\n/, PostgreSQL::Test::Utils::slurp_file("/proc/$pid/smaps"))
	{
		$shared = $1 eq 's' if $line =~ /^[0-9a-f]+-[0-9a-f]+ ...([ps]) /;
		$kb += $1 if !$shared && $line =~ /^Private_(?:Clean|Dirty):\s+(\d+) kB/;
	}
	return $kb / 1024;
}

# Bytes of the log with its indexes.
sub log_size
{
	my ($node, $where) = @_;
	return query($node, q{SELECT sum(pg_total_relation_size(c)) FROM unnest('{outbox.event_0,outbox.event_1,outbox.event_2}'::regclass[]) c}, $where);
}

# A session that stays open between its questions.
sub open_session
{
	my ($node, $where) = @_;
	my $session = { in => '', out => '', err => '' };
	my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($where->{database} // 'postgres'), '-f', '-');
	$session->{run} = IPC::Run::start(\@command, '<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err}, IPC::Run::timer(PATIENCE));
	return $session;
}

sub ask_session
{
	my ($session, $sql) = @_;
	$session->{out} = '';
	$session->{in} .= "$sql;\n\\echo asked\n";
	IPC::Run::pump($session->{run}) until $session->{out} =~ s/asked\n\z// || $session->{err};
	die "$sql: $session->{err}" if $session->{err};
	return $session->{out};
}

sub close_session
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	IPC::Run::finish($session->{run});
}

1;
