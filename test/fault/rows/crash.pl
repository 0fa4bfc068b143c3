# Processes that are killed: rows 1 to 5, and all of it at once.
#
# Promises: Atomic, Once in the stream.
use strict;
use warnings;
use Time::HiRes qw(time sleep);
use World qw(any wait_until);

my $client = "application_name = 'stress'";
# In the middle of a statement a relay that is ended ends as every process of the server does.
my $ended = qr/background worker "cleanoutbox relay" \(PID \d+\) exited with exit code 1/;

sub signal_one
{
	my ($world, $signal, $condition) = @_;
	my $pid = $world->value("SELECT pid FROM pg_stat_activity WHERE $condition ORDER BY random() LIMIT 1");
	return $pid ? kill($signal, $pid) : 0;
}

sub signal_relay
{
	my ($world, $signal) = @_;
	my $pid = $world->relay or return 0;
	return kill($signal, $pid);
}

sub kill_postmaster
{
	my ($world) = @_;
	my $pid = $world->postmaster or return 0;
	kill 'KILL', $pid;
	return $world->start_database;
}

sub restart_database
{
	my ($world, $mode) = @_;
	$world->stop_database($mode) or $world->trouble("$mode shutdown fails");
	return $world->start_database;
}

sub lose_broker
{
	my ($world) = @_;
	return 0 if !$world->{broker};
	$world->kill_broker;
	return $world->lift_later(rand(2), sub { $world->start_broker });
}

sub stop_broker_for_a_while
{
	my ($world) = @_;
	return 0 if !$world->{broker} || $world->{frozen};
	$world->freeze_broker;
	return $world->lift_later(0.2 + rand(3), sub { $world->thaw_broker });
}

# Some times, with pauses in which work goes on.
sub repeat
{
	my ($world, $times, $fault) = @_;
	foreach (1 .. $times)
	{
		wait_until(10, sub { $fault->($world) }) or return $world->trouble('the fault takes no effect');
		$world->rest(0.1 + rand(0.7));
	}
}

sub back
{
	my ($limit) = @_;
	return sub { $_[0]->flows($limit); };
}

# A relay that was ended comes back after a pause that doubles with every time.
sub end_relay
{
	my ($world) = @_;
	my $failures = $world->value('SELECT failures FROM outbox.stat_relay') // 0;
	if ($failures > 1)
	{
		restart_database($world, 'fast');
		wait_until(10, sub { $world->relay }) or $world->trouble('no relay after a restart');
		$failures = 0;
	}
	my ($before, $begin) = ($world->relay, time());
	signal_relay($world, 'TERM') or return $world->trouble('no relay to end');
	my $limit = (1 << $failures) + 1;
	wait_until($limit + 20, sub { ($world->relay // $before) != $before });
	my $took = time() - $begin;
	$world->trouble(sprintf 'the relay was back after %.1f s, not %d', $took, $limit) if $took > $limit + $world->{patience};
}

# --- all at once --------------------------------------------------------------

# Weight, name, action; an action returns whether it did anything.
my @faults = (
	[5, 'relay killed', sub { signal_relay($_[0], 'KILL') }],
	[4, 'relay terminated', sub { signal_relay($_[0], 'TERM') }],
	[5, 'broker killed', \&lose_broker],
	[4, 'broker frozen', \&stop_broker_for_a_while],
	[2, 'backend killed', sub { signal_one($_[0], 'KILL', $client) }],
	[2, 'backend terminated', sub { signal_one($_[0], 'TERM', $client) }],
	[2, 'client killed', sub { $_[1]->kill_one }],
	[2, 'postmaster killed', \&kill_postmaster],
	[1, 'fast restart', sub { restart_database($_[0], 'fast') }],
	[1, 'immediate restart', sub { restart_database($_[0], 'immediate') }]);

sub torment
{
	my ($world, $crowd) = @_;
	my @choice = map { ($_) x $_->[0] } @faults;
	my $end = time() + ($ENV{SECONDS} || 20);
	while (time() < $end)
	{
		$world->rest(0.2 + rand(1.5));
		$crowd->mind;
		my $fault = any(@choice);
		$world->count($fault->[2]->($world, $crowd) ? $fault->[1] : 'in vain');
		$crowd->decide;
	}
	$world->trouble('no fault took effect') unless grep { $_ ne 'in vain' } keys %{$world->{counts}};
}

(
	{ row => 0, name => 'all at once', weight => 0, restarts => 1, torn => 1, lines => 1000, log => $ended, inject => \&torment },
	{ row => 1, name => 'backend killed', weight => 4, restarts => 1, torn => 1,
		inject => sub { my ($world, $crowd) = @_; repeat($world, 2, any(
			sub { signal_one($world, 'KILL', $client) }, sub { signal_one($world, 'TERM', $client) }, sub { $crowd->kill_one }))},
		expect => back(5) },
	{ row => 2, name => 'relay ended', weight => 4, restarts => 1, log => $ended, inject => \&end_relay, expect => back(5) },
	{ row => 3, name => 'relay killed', weight => 3, restarts => 1, torn => 1,
		inject => sub { repeat($_[0], 1 + int(rand(3)), sub { signal_relay($_[0], 'KILL') }) }, expect => back(5) },
	{ row => 4, name => 'postmaster killed', weight => 3, restarts => 1, torn => 1,
		inject => sub { my $fault = any(\&kill_postmaster, sub { restart_database($_[0], 'immediate') }); repeat($_[0], 1 + int(rand(2)), $fault) }, expect => back(8) },
	{ row => 5, name => 'broker killed', weight => 5,
		inject => sub { my ($world) = @_; foreach (1 .. 1 + int(rand(3))) { $world->kill_broker; $world->rest(rand(1)); $world->start_broker; $world->rest(rand(0.5)); } },
		expect => back(10) },
);
