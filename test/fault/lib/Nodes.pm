# Nodes: a world whose broker is a cluster of three, with a stream of three replicas
# that was made beforehand.
#
#	$world->kill_node($world->leader);
#	$world->start_nodes;
package Nodes;

use strict;
use warnings;
use parent 'World';
use World qw(wait_until);

use constant STREAM => 'OUTBOX_stress';

sub new
{
	my ($class, @arguments) = @_;
	my $self = $class->SUPER::new(@arguments);
	$self->{nodes} = [ map { { name => "node$_", port => World::free_port(), route => World::free_port() } } 1 .. 3 ];
	$self->{url} = join ',', map { "nats://127.0.0.1:$_->{port}" } @{$self->{nodes}};
	return $self;
}

sub begin
{
	my ($self) = @_;
	$self->SUPER::begin;
	return $self->make_stream;
}

# The cluster takes a while to find its leader.
sub make_stream
{
	my ($self) = @_;
	wait_until(60, sub { $self->ask('cluster', 'create', STREAM, 'stress.>') }) or die "no stream of three replicas\n";
	$self->settled or die "no leader\n";
	return $self;
}

# Each has a file of its own.
sub configure_broker
{
	my ($self, $lines) = @_;
	my $routes = join ', ', map { "nats://127.0.0.1:$_->{route}" } @{$self->{nodes}};
	foreach my $node (@{$self->{nodes}})
	{
		World::write_file("$self->{home}/$node->{name}.conf", <<"END");
server_name: $node->{name}
listen: 127.0.0.1:$node->{port}
log_file: '$self->{home}/nats.log'
jetstream { store_dir: '$self->{home}/store/$node->{name}' }
cluster { name: stress, listen: 127.0.0.1:$node->{route}, routes: [ $routes ] }
$lines
END
	}
}

sub start_broker { my ($self) = @_; return $self->start_nodes; }

sub start_nodes
{
	my ($self) = @_;
	foreach my $node (grep { !$_->{pid} } @{$self->{nodes}})
	{
		$node->{pid} = World::spawn("$self->{home}/nats.console", 'nats-server', '-c', "$self->{home}/$node->{name}.conf");
	}
	foreach my $node (@{$self->{nodes}})
	{
		wait_until(30, sub { World::greets($node->{port}) }) or die "$node->{name} does not start\n";
	}
	return 1;
}

sub kill_node
{
	my ($self, $name) = @_;
	my ($node) = grep { $_->{name} eq $name } @{$self->{nodes}};
	my $pid = delete $node->{pid} or return 0;
	kill 'KILL', $pid;
	waitpid($pid, 0);
	return 1;
}

sub kill_broker { my ($self) = @_; $self->kill_node($_->{name}) foreach @{$self->{nodes}}; }

sub look_url
{
	my ($self) = @_;
	my ($node) = grep { $_->{pid} } @{$self->{nodes}};
	return 'nats://127.0.0.1:' . ($node // $self->{nodes}[0])->{port};
}

# The name of the node that leads the stream, and how many others follow it closely.
sub leader
{
	my ($self) = @_;
	my ($line) = $self->ask('cluster', 'leader', STREAM);
	return defined $line ? split(/\t/, $line) : ('', 0);
}

# Waits until there is a leader whom both others follow.
sub settled
{
	my ($self) = @_;
	return wait_until(30, sub { my ($leader, $followers) = $self->leader; $leader ne '' && $followers == 2; });
}

1;
