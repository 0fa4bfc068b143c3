# A broker of three nodes, one of which fails: row 11.
use strict;
use warnings;
use World qw(any wait_until);

# Kills a node for a while; without the two others being up to date that would be two.
sub lose_node
{
	my ($world, $leading) = @_;
	$world->settled or $world->trouble('the nodes do not come together');
	my ($leader) = $world->leader;
	my $name = $leading ? $leader : any(grep { $_ ne $leader } map { $_->{name} } @{$world->{nodes}});
	$world->kill_node($name) or $world->trouble("there is no $name");
	$world->rest(0.3 + rand(1.5));
	$world->flows(15);
	$world->start_nodes;
	$world->settled or $world->trouble("$name does not catch up");
}

sub change_leader
{
	my ($world) = @_;
	foreach (1 .. 2)
	{
		$world->settled or $world->trouble('the nodes do not come together');
		$world->ask('cluster', 'stepdown', 'OUTBOX_stress') or $world->trouble('the leader stays');
		$world->rest(0.2 + rand(0.5));
	}
}

my $back = sub { $_[0]->flows(15) };

(
	{ row => 11, name => 'leading node killed', weight => 2, world => 'cluster', way => 1, inject => sub { lose_node($_[0], 1) }, expect => $back },
	{ row => 11, name => 'other node killed', weight => 1, world => 'cluster', way => 1, inject => sub { lose_node($_[0], 0) }, expect => $back },
	{ row => 11, name => 'leader steps down', weight => 2, world => 'cluster', way => 1, inject => \&change_leader, expect => $back },
);
