# Servers: PostgreSQL servers that are copies of a world's own, or follow it.
#
#	my $server = Servers::copy($world);				# files of the running server
#	my $standby = Servers::copy($world, '-R');		# ... to follow it as a standby
#	Servers::start($world, $standby);
#	Servers::crash(Servers::own($world));			# all its processes at once
#	Servers::promote($world, $standby);
#	Servers::succeed($world, $standby);				# the world's own from here on
#	Servers::bury($world, $old, $from);				# its ledger becomes a former one
#
# A server is a hash of data (its folder) and port.  All write to one log.
package Servers;

use strict;
use warnings;
use Time::HiRes qw(sleep);
use World qw(wait_until slurp);

my $copies = 1;

sub own { my ($world) = @_; return { data => $world->{data}, port => $world->{port} }; }

sub pg_ctl
{
	my ($world, $server, @words) = @_;
	return system("pg_ctl -D '$server->{data}' -l '$world->{home}/postgresql.log' -w -t 40 @words >> '$world->{home}/pg_ctl.log' 2>&1") == 0;
}

# A copy of the world's server, made while that runs.
sub copy
{
	my ($world, @options) = @_;
	my $server = { data => "$world->{home}/data/" . ++$copies, port => World::free_port() };
	system("pg_basebackup -D '$server->{data}' -c fast -X stream --no-sync @options >> '$world->{home}/pg_ctl.log' 2>&1") == 0
		or die "no copy of the server, see $world->{home}/pg_ctl.log\n";
	chmod 0700, $server->{data};
	set($server, port => $server->{port});
	return $server;
}

# Adds to its settings.
sub set
{
	my ($server, %settings) = @_;
	open(my $conf, '>>', "$server->{data}/postgresql.conf") or die "postgresql.conf: $!\n";
	print $conf map { "$_ = '$settings{$_}'\n" } sort keys %settings;
	close $conf;
}

sub start
{
	my ($world, $server, @options) = @_;
	pg_ctl($world, $server, 'start', @options) or die "a server does not start, see $world->{home}/postgresql.log\n";
	return $server;
}

sub stop { my ($world, $server, $mode) = @_; return pg_ctl($world, $server, '-m', $mode // 'immediate', 'stop'); }

sub promote
{
	my ($world, $server) = @_;
	pg_ctl($world, $server, 'promote') or die "no promotion, see $world->{home}/pg_ctl.log\n";
}

# The postmaster and its children.
sub processes
{
	my ($server) = @_;
	my ($postmaster) = slurp("$server->{data}/postmaster.pid") =~ /^(\d+)/ or return;
	return ($postmaster, split ' ', slurp("/proc/$postmaster/task/$postmaster/children"));
}

# Ends them all without a word.
sub crash
{
	my ($server) = @_;
	my @processes = processes($server) or return 0;
	kill 'KILL', @processes;
	wait_until(10, sub { !grep { kill 0, $_ } @processes });
	unlink "$server->{data}/postmaster.pid";
	return 1;
}

# The postmaster first, so that it starts no more.
sub freeze
{
	my ($server) = @_;
	kill 'STOP', (processes($server))[0];
	kill 'STOP', processes($server);
}

sub thaw { my ($server) = @_; kill 'CONT', reverse processes($server); }

# Waits until a standby has all that the world's server has written.
sub catch_up
{
	my ($world) = @_;
	my $position = $world->value('SELECT pg_current_wal_flush_lsn()') // return;
	return wait_until(20, sub { ($world->value("SELECT coalesce(bool_and(replay_lsn >= '$position'), false) FROM pg_stat_replication") // 'f') eq 't' })
		|| $world->trouble('the standby does not follow');
}

# The world's own server is another one from here on.
sub succeed
{
	my ($world, $server) = @_;
	@$world{qw(data port)} = @$server{qw(data port)};
	$world->stop_watch;
	$world->enter;
	$world->start_watch;
}

# What a server had committed that is no more; its files go.
sub bury
{
	my ($world, $server, $from) = @_;
	my $file = "$server->{data}.former";
	crash($server);
	start($world, $server, "-o \"-p $server->{port} -c shared_preload_libraries=''\"");
	Verdict::write_ledger($world, $from, $file, { port => $server->{port} });
	stop($world, $server);
	system('rm', '-rf', $server->{data});
	push @{$from->{former}}, $file;
}

1;
