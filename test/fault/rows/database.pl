# Databases and extensions that come and go, workers that are not to be had, and
# transactions that stay open: rows 20 to 22.
use strict;
use warnings;
use Time::HiRes qw(time sleep);
use World qw(any wait_until);

# --- row 20: a second database, beside the one that is under load ---------------

my %scratch = (database => 'scratch');

sub emit
{
	my ($world, $count) = @_;
	$world->value("SELECT count(outbox.emit('order', (i % 20)::text, 'changed')) FROM generate_series(1, $count) i", \%scratch) // $world->trouble('emit fails');
}

# What must be over soon, whatever the relay is doing.
sub at_once
{
	my ($world, $sql, $where) = @_;
	my $begin = time();
	$world->does($sql, $where) or $world->trouble("$sql fails");
	my $took = time() - $begin;
	$world->trouble(sprintf '%s took %.1f s', $sql, $took) if $took > 5 + $world->{patience};
}

sub come_and_go
{
	my ($world) = @_;
	$world->does('CREATE DATABASE scratch') or die "no second database\n";
	$world->lift_later(3600, sub { $world->does('DROP DATABASE IF EXISTS scratch WITH (FORCE)'); $world->stream('delete', 'OUTBOX_scratch'); });
	foreach my $turn (1 .. 2)
	{
		at_once($world, 'CREATE EXTENSION cleanoutbox', \%scratch);
		emit($world, 3000);
		$world->becomes('idle|publishing', qr//, 10, \%scratch);
		emit($world, 3000) if int(rand(2));
		at_once($world, 'DROP EXTENSION cleanoutbox', \%scratch);
	}
	wait_until(5, sub { !$world->relay('scratch') }) or $world->trouble('a relay stays without the extension');
	at_once($world, 'CREATE EXTENSION cleanoutbox', \%scratch);
	emit($world, 5000);
	at_once($world, "DROP DATABASE scratch @{[ any('', 'WITH (FORCE)') ]}", { database => 'postgres' });
}

# A relay whose tables vanish while it reads them ends, and is not started again.
my $vanished = qr/relay: ERROR:  (?:could not open relation|relation "outbox\.\w+" does not exist)|relay: QUERY|worker "cleanoutbox relay" \(PID \d+\) exited with exit code 1/;

# --- row 21 -------------------------------------------------------------------

sub exhaust_workers
{
	my ($world) = @_;
	my $restart = sub { $world->stop_database('fast') or $world->trouble('no shutdown'); $world->start_database; };
	$world->configure(max_worker_processes => 2, max_parallel_workers => 0);
	$restart->();
	$world->becomes('no free worker slot', qr//);
	$world->rest(0.5);
	$world->configure(max_worker_processes => undef, max_parallel_workers => undef);
	$restart->();
}

# --- row 22 -------------------------------------------------------------------

# A transaction of a session of its own, open until told to end.
sub open_transaction
{
	my ($world, $account) = @_;
	pipe(my $its_input, my $tell) or die "pipe: $!";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		close $tell;
		open(STDIN, '<&', $its_input) && open(STDOUT, '>>', "$world->{home}/psql.log") && open(STDERR, '>&', \*STDOUT) or POSIX::_exit(126);
		exec('psql', '-qX') or POSIX::_exit(127);
	}
	close $its_input;
	syswrite($tell, "BEGIN; SELECT stress.change($account, 100);\n");
	return sub { syswrite($tell, "SELECT stress.change($account, 100); COMMIT;\n"); close $tell; waitpid($pid, 0); };
}

sub stay_open
{
	my ($world) = @_;
	my $end = open_transaction($world, 160);
	$world->does("BEGIN; SELECT stress.change(161, 100); PREPARE TRANSACTION 'stress 999 1'") or $world->trouble('nothing is prepared');
	wait_until(5, sub { $world->value("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query ~ 'change.160'") }) or $world->trouble('no open transaction');
	my $before = $world->value('SELECT count(*) FROM stress.ledger');
	foreach (1 .. 3)
	{
		$world->rest(0.7);
		$world->flows(5);
	}
	$world->trouble('nobody else could work') if $world->value('SELECT count(*) FROM stress.ledger') <= $before;
	$end->();
	$world->query("COMMIT PREPARED 'stress 999 1'");
}

(
	{ row => 20, name => 'database, extension', weight => 3, log => $vanished, inject => \&come_and_go, expect => sub { $_[0]->flows(5) } },
	{ row => 21, name => 'no worker slot', weight => 1, restarts => 1, inject => \&exhaust_workers, expect => sub { $_[0]->flows(10) } },
	{ row => 22, name => 'open transactions', weight => 1, inject => \&stay_open, expect => sub { $_[0]->flows(5) } },
);
