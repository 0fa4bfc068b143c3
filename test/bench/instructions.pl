# The CPU of an event beside its business transaction, in instructions, which do not
# depend on what else the machine does; compared with an insert into the smallest table
# that makes an outbox.
#
# The server runs in valgrind's callgrind; what a backend executes for TRANSACTIONS more
# than in a first run is what they cost.
use strict;
use warnings;
use IPC::Run;
use List::Util qw(max);
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant TRANSACTIONS => $ENV{TRANSACTIONS} || 400;

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker, conf => "outbox.enabled = off\nautovacuum = off\nlog_disconnections = on\nlog_line_prefix = '%p %a '");
make_shop($node);
$node->stop;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $log = $node->logfile;
my $server = IPC::Run::start([ 'valgrind', '--tool=callgrind', '--trace-children=yes', "--callgrind-out-file=$folder/%p", 'postgres', '-D', $node->data_dir ], '<', '/dev/null', '>>', $log, '2>>', $log);
# A server that is killed leaves no trace, but neither does it stay.
END { $server->signal('QUIT') if $server }
eventually('the server answers', sub { (try_query($node, 'SELECT 1'))[0] });

my $runs = 0;

# Instructions of the backend that runs so many transactions.  pgbench has two: one
# looks around, the other works.
sub instructions
{
	my ($kind, $count) = @_;
	my $end = time() + 120;
	local $ENV{PGAPPNAME} = 'run' . ++$runs;
	pgbench($node, business($kind), 1, 0, '-t', $count);
	while (time() < $end)
	{
		my $said = slurp_file($log);
		my @collected = map { $said =~ /^==$_== Collected : (\d+)/m } $said =~ /^(\d+) $ENV{PGAPPNAME} LOG: +disconnection/mg;
		return max(@collected) if @collected == 2;
		sleep 0.1;
	}
	die 'valgrind does not tell';
}

sub cost
{
	my ($kind) = @_;
	return (instructions($kind, 2 * TRANSACTIONS) - instructions($kind, TRANSACTIONS)) / TRANSACTIONS;
}

instructions('emit', TRANSACTIONS);
my %took = rounds(map({ my $kind = $_; ($kind => sub { cost($kind) }) } qw(base emit minimal usual nothing)), most => 1);
my %above = map { my $kind = $_; ($kind => [ map { $took{$kind}[0][$_] - $took{base}[0][$_] } 0 .. $#{ $took{base}[0] } ]) } qw(emit minimal usual nothing);
report("instructions_$_", 'instructions', $above{emit}, $above{$_}) foreach qw(minimal usual nothing);
$server->signal('INT');
$server->finish;
undef $server;
done_testing();
