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
use IPC::Run;
use List::Util qw(max min);
use POSIX ();
use PostgreSQL::Test::Utils ();
use Test::More;
use Time::HiRes qw(sleep time);

use OutboxBroker;
use OutboxTest;

our @EXPORT = qw(new_bench rounds report fill drain log_size median open_session ask_session close_session EVENTS);

use constant EVENTS => $ENV{EVENTS} || 1_000_000;
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
sub rounds
{
	my (%measures) = @_;
	my @names = sort keys %measures;
	my %results;
	foreach my $round (1 .. ROUNDS)
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

# Publishes what waits in a paused database; returns events per second, and the
# relay's seconds of CPU per 100,000.
sub drain
{
	my ($node, $count, $where) = @_;
	my $sequence = sub { (try_query($node, 'SELECT last_sequence FROM outbox.stat_relay', $where))[1] || 0 };
	my $target = query($node, 'SELECT stream_sequence FROM outbox.cursor', $where) + $count;
	query($node, 'SELECT outbox.resume()', $where);
	my $begin = time();
	until ($sequence->() >= $target)
	{
		die 'not drained in time' if time() > $begin + PATIENCE;
		sleep 0.02;
	}
	my $took = time() - $begin;
	my $cpu = cpu_of(relay_pid($node, $where));
	query($node, 'SELECT outbox.pause()', $where);
	return ($count / $took, $cpu / $count * 100_000);
}

# Seconds of CPU that a process has used.
sub cpu_of
{
	my ($pid) = @_;
	my @columns = split ' ', PostgreSQL::Test::Utils::slurp_file("/proc/$pid/stat") =~ s/.*\) //r;
	return ($columns[11] + $columns[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
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
