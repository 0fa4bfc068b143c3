# Disks that are full: rows 13 and 14.  They are small ones of the world's own.
use strict;
use warnings;
use World qw(wait_until);

my $mounts = sub { $ENV{PRIVATE_MOUNTS} };

# Leaves no room on the disk until the cycle's faults are lifted.
sub fill_up
{
	my ($world, $disk) = @_;
	my $ballast = "$world->{home}/$disk/ballast";
	system("dd if=/dev/zero of='$ballast' bs=64k 2> /dev/null; dd if=/dev/zero of='$ballast' oflag=append conv=notrunc bs=512 2> /dev/null");
	$world->lift_later(3600, sub { unlink $ballast or $world->trouble("no ballast: $!") });
}

# Some versions answer that it is full, others no more until they are killed.
sub fill_broker
{
	my ($world) = @_;
	fill_up($world, 'store');
	$world->becomes('broker unreachable|misconfigured', qr//, 20);
	$world->rest(0.5);
	$world->kill_broker;
	$world->lift_all;
	$world->start_broker;
}

# Writers are told so, or the server stops: then it has to be started with room again.
sub fill_database
{
	my ($world) = @_;
	fill_up($world, 'data');
	$world->rest(1.5 + rand(2));
	$world->lift_all;
	wait_until(20, sub { $world->query('SELECT 1') || !kill(0, $world->postmaster || return 1) });
	$world->query('SELECT 1') or $world->start_database;
}

my $no_space = qr/No space left on device|exited with exit code 1|terminated by signal 6|relay: (?:CONTEXT|STATEMENT|HINT|QUERY)/;

(
	{ row => 13, name => "broker's disk full", weight => 1, needs => $mounts, inject => \&fill_broker, expect => sub { $_[0]->flows(15) } },
	{ row => 14, name => "server's disk full", weight => 1, needs => $mounts, restarts => 1, torn => 1, full => 1, log => $no_space,
		lines => 200, inject => \&fill_database, expect => sub { $_[0]->flows(25) } },
);
