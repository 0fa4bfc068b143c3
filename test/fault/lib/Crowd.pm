# Crowd: the clients of a world (load.c), and what they leave behind.
#
#	my $crowd = Crowd->new($world, $seed);
#	$crowd->start(8);
#	$crowd->kill_one;
#	$crowd->stop;
#	my %counted = $crowd->total;
package Crowd;

use strict;
use warnings;
use POSIX qw(WNOHANG);
use World qw(any wait_until spawn slurp);

sub new
{
	my ($class, $world, $seed) = @_;
	unlink glob "$world->{home}/client.*";
	return bless { world => $world, seed => $seed, next => 0, clients => {}, retired => {} }, $class;
}

sub start { my ($self, $count) = @_; $self->start_one foreach 1 .. $count; }

sub start_one
{
	my ($self) = @_;
	my ($world, $number) = ($self->{world}, $self->{next}++);
	$self->{clients}{$number} = spawn("$world->{home}/client.$number", "$world->{work}/load", $number, $self->{seed} * 1000 + $number);
}

# Clients that have ended by themselves have met what they did not expect.
sub mind
{
	my ($self) = @_;
	my $clients = $self->{clients};
	foreach my $number (sort { $a <=> $b } keys %$clients)
	{
		next unless waitpid($clients->{$number}, WNOHANG) == $clients->{$number};
		$self->{world}->trouble("client $number ended");
		delete $clients->{$number};
	}
}

# Kills one and starts another in its place.
sub kill_one
{
	my ($self) = @_;
	my $number = any(sort { $a <=> $b } keys %{$self->{clients}}) // return 0;
	my $pid = delete $self->{clients}{$number};
	kill 'KILL', $pid;
	waitpid($pid, 0);
	$self->{retired}{$number} = 1;
	$self->start_one;
	return 1;
}

# Kills all.
sub abandon
{
	my ($self) = @_;
	foreach my $number (keys %{$self->{clients}})
	{
		kill 'KILL', $self->{clients}{$number};
		waitpid($self->{clients}{$number}, 0);
		$self->{retired}{$number} = 1;
	}
	%{$self->{clients}} = ();
}

# Prepared transactions of clients that are no more, or all; of the world's server or
# another one.
sub decide
{
	my ($self, $all, $where) = @_;
	return unless $all || %{$self->{retired}};
	foreach my $gid ($self->{world}->query("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'stress %' ORDER BY gid", $where))
	{
		my ($number) = $gid =~ /^stress (\d+) /;
		$self->{world}->query(any('COMMIT', 'ROLLBACK') . " PREPARED '$gid'", $where) if $all || $self->{retired}{$number};
	}
}

sub stop
{
	my ($self) = @_;
	my $clients = $self->{clients};
	$self->mind;
	kill 'TERM', values %$clients;
	foreach my $number (sort { $a <=> $b } keys %$clients)
	{
		next if wait_until(30, sub { waitpid($clients->{$number}, WNOHANG) == $clients->{$number} });
		$self->{world}->trouble("client $number does not end");
		kill 'KILL', $clients->{$number};
		waitpid($clients->{$number}, 0);
	}
	%$clients = ();
}

# What the clients counted, the killed ones left out.
sub total
{
	my ($self) = @_;
	my %sum;
	foreach my $log (glob "$self->{world}{home}/client.*")
	{
		my $text = slurp($log);
		$sum{$1} += $2 while $text =~ /^([a-z_]+) (\d+)$/mg;
	}
	return map { ($_ => $sum{$_} // 0) } qw(committed aborted prepared_committed prepared_aborted conflicts breaks full unexpected);
}

# The first of the errors that were not expected.
sub complaints
{
	my ($self) = @_;
	my @lines = map { grep { /^client/ } split /\n/, slurp($_) } glob "$self->{world}{home}/client.*";
	return @lines[0 .. ($#lines > 2 ? 2 : $#lines)];
}

1;
