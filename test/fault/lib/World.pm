# World: a PostgreSQL and a nats-server of their own, and what can be done to them.
#
#	my $world = World->new($work, 1);	# $work: where the run keeps everything
#	$world->begin;
#	$world->query('SELECT 1');
#	$world->end;
#
# A world serves many cycles.  Its *disks* (data, store) are small file systems of
# their own where that is allowed, so that they can be filled.  Its PostgreSQL may be
# followed by another one (Servers.pm), its broker may be three (Nodes.pm).  Of
# several worlds one is *entered*: what is started finds its server by environment.
# A fault that lasts has a *lift*, which is done when its time has come or the
# cycle's faults are over.  What is wrong is noted by trouble() and judged at the end
# of the cycle.
package World;

use strict;
use warnings;
use Exporter 'import';
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time sleep);

our @EXPORT_OK = qw(any wait_until spawn slurp);

my (@spawned, $ports);

sub any { return $_[int(rand(@_))]; }

sub wait_until
{
	my ($limit, $condition) = @_;
	my $end = time() + $limit;
	while (time() < $end)
	{
		return 1 if $condition->();
		sleep 0.03;
	}
	return $condition->() ? 1 : 0;
}

# Starts a program; its output goes to the end of the file.
sub spawn
{
	my ($log, @command) = @_;
	my $pid = fork() // die "fork: $!";
	push @spawned, $pid;
	return $pid if $pid;
	open(STDIN, '<', '/dev/null');
	open(STDOUT, '>>', $log);
	open(STDERR, '>&', \*STDOUT);
	exec(@command) or POSIX::_exit(127);
}

# Kills all that is left of what was started.
sub kill_spawned
{
	kill 'KILL', grep { waitpid($_, POSIX::WNOHANG) == 0 } @spawned;
}

sub slurp
{
	my ($file, $offset) = @_;
	open(my $in, '<', $file) or return '';
	seek($in, $offset // 0, 0);
	local $/;
	return <$in> // '';
}

sub write_file
{
	my ($file, $text) = @_;
	umask 077;
	open(my $out, '>', $file) or die "$file: $!\n";
	print $out $text;
	close($out) or die "$file: $!\n";
}

# Which of how many programs this one is that go through a plan together.
sub share { return split m{/}, $ENV{SHARE} // '0/1' }

sub free_port
{
	my ($share, $shares) = share();
	my $room = int(10000 / $shares);
	foreach (1 .. 200)
	{
		# Not by the seed: two runs may be at work.  Below what the system gives out.
		my $port = 20000 + $share * $room + (($$ * 7919 + int(time()) + ++$ports * 37) % $room);
		return $port if IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port);
	}
	die "no free port\n";
}

sub new
{
	my ($class, $work, $number, %options) = @_;
	my $self = bless { work => $work, home => "$work/world.$number", broker_port => free_port(), port => free_port(),
		settings => {}, lifts => [], trouble => [], cycles => 0, counts => {}, loose => {}, %options }, $class;
	mkdir $_ or die "$_: $!\n" foreach $self->{home}, map { "$self->{home}/$_" } qw(data store);
	$self->{url} = "nats://127.0.0.1:$self->{broker_port}";
	$self->{data} = "$self->{home}/data/1";
	$self->set_clock(0);
	return $self;
}

# From here on programs find this world's server.
sub enter
{
	my ($self) = @_;
	my %environment = (PGHOST => '127.0.0.1', PGPORT => $self->{port}, PGUSER => 'stress', PGDATABASE => 'stress', PGCONNECT_TIMEOUT => 10);
	$ENV{$_} = $environment{$_} foreach keys %environment;
}

# Disks of this size, where this program may mount any.
sub mount
{
	my ($self) = @_;
	return unless $ENV{PRIVATE_MOUNTS};
	foreach my $disk (qw(data store))
	{
		system('mount', '-t', 'tmpfs', '-o', 'size=700m,mode=0700', 'tmpfs', "$self->{home}/$disk") == 0 or die "cannot mount a disk\n";
		$self->{mounted} = 1;
	}
}

sub begin
{
	my ($self) = @_;
	$self->mount;
	$self->configure_broker('');
	$self->start_broker;
	$self->make_database;
	return $self;
}

sub end
{
	my ($self) = @_;
	$self->lift_all if @{$self->{lifts}} && !$self->{hurry};
	$self->kill_broker;
	system("pg_ctl -D '$self->{data}' -m immediate -w stop > /dev/null 2>&1") if $self->postmaster;
	# Where a cycle broke off, others are left, perhaps frozen.
	require Servers;
	Servers::crash({ data => s{/postmaster\.pid$}{}r }) foreach glob "$self->{home}/data/*/postmaster.pid";
}

# Removes it, or keeps it to be looked at: what is on its disks, too.
sub dispose
{
	my ($self, $keep) = @_;
	my $home = $self->{home};
	if ($self->{mounted})
	{
		system("mkdir '$home/kept' && cp -a '$home/data' '$home/store' '$home/kept'") if $keep;
		system('umount', '-l', "$home/$_") foreach qw(data store);
	}
	system('rm', '-rf', $home) unless $keep;
}

# --- trouble and lifts ------------------------------------------------------

sub trouble { my ($self, $text) = @_; push @{$self->{trouble}}, $text =~ s/\s+/ /gr; return; }

sub count { my ($self, $what, $by) = @_; $self->{counts}{$what} += $by // 1; return 1; }

sub lift_later { my ($self, $delay, $lift) = @_; push @{$self->{lifts}}, [time() + $delay, $lift]; return 1; }

sub lift_due
{
	my ($self, $all) = @_;
	my @due = grep { $all || $_->[0] <= time() } @{$self->{lifts}};
	@{$self->{lifts}} = grep { my $lift = $_; !grep { $_ == $lift } @due } @{$self->{lifts}};
	$_->[1]->() foreach @due;
}

# The last one first, for one fault may be on top of another.
sub lift_all
{
	my ($self) = @_;
	while (my $lift = pop @{$self->{lifts}}) { $lift->[1]->(); }
}

# Lets time pass, in which faults are lifted.
sub rest
{
	my ($self, $seconds) = @_;
	my $end = time() + $seconds;
	while (time() < $end)
	{
		sleep 0.03;
		$self->lift_due;
	}
}

# --- the broker -------------------------------------------------------------

sub configure_broker
{
	my ($self, $lines) = @_;
	write_file("$self->{home}/nats.conf", <<"END");
listen: 127.0.0.1:$self->{broker_port}
log_file: '$self->{home}/nats.log'
jetstream { store_dir: '$self->{home}/store' }
$lines
END
}

sub start_broker
{
	my ($self) = @_;
	return if $self->{broker};
	$self->{broker} = spawn("$self->{home}/nats.console", 'nats-server', '-c', "$self->{home}/nats.conf");
	wait_until(30, sub { greets($self->{broker_port}) }) or die "nats-server does not start\n";
}

# Does a nats-server answer there?
sub greets
{
	my ($port) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 2) or return 0;
	return (<$socket> // '') =~ /^INFO/;
}

# It runs, or nobody has started it, or it has been killed: it does not end by itself.
sub mind_broker
{
	my ($self) = @_;
	my $pid = $self->{broker} or return;
	return if waitpid($pid, POSIX::WNOHANG) != $pid;
	delete @$self{qw(broker frozen)};
	my ($cause, @where) = grep { /^(?:panic|fatal)|server\/\w+\.go:/ } split /\n/, slurp("$self->{home}/nats.console");
	$self->trouble('nats-server has ended by itself: ' . join(' ', $cause // 'without a word', @where[0 .. ($#where < 2 ? $#where : 2)]));
}

sub kill_broker
{
	my ($self) = @_;
	$self->mind_broker;
	my $pid = delete $self->{broker} or return;
	kill 'KILL', $pid;
	waitpid($pid, 0);
	delete $self->{frozen};
}

sub restart_broker { my ($self) = @_; $self->kill_broker; $self->start_broker; }

sub freeze_broker { my ($self) = @_; kill 'STOP', $self->{broker}; $self->{frozen} = 1; }

sub thaw_broker { my ($self) = @_; kill 'CONT', $self->{broker} if delete $self->{frozen}; }

# Where the stream can be looked at by an administrator.
sub look_url { my ($self) = @_; return $self->{admin_url} // $self->{url}; }

# The program stream, as an administrator; its output or 1, nothing when it fails.
sub stream { my ($self, @words) = @_; return $self->ask('stream', @words); }

sub ask
{
	my ($self, $program, @words) = @_;
	open(my $out, '-|', 'sh', '-c', 'log=$1; shift; exec "$@" 2>> "$log"', 'sh', "$self->{home}/stream.log",
		"$self->{work}/$program", $self->look_url, @words) or die "$program: $!";
	my @lines = <$out>;
	chomp @lines;
	return close($out) ? (@lines ? @lines : 1) : ();
}

# (messages, first, last) of the stream; zeros as long as there is none.
sub stream_state
{
	my ($self, $stream) = @_;
	my ($line) = $self->stream('info', $stream // 'OUTBOX_stress');
	return defined $line ? (split /\t/, $line)[0 .. 2] : (0, 0, 0);
}

# --- the database -----------------------------------------------------------

sub make_database
{
	my ($self) = @_;
	my $template = "$self->{work}/template." . (share())[0];
	$self->enter;
	make_template($template) unless -d $template;
	system("cp -R '$template' '$self->{data}'") == 0 or die "no copy of the template\n";
	chmod 0700, $self->{data};
	open(my $conf, '>>', "$self->{data}/postgresql.conf") or die "postgresql.conf: $!";
	# The longer an asynchronous commit stays in memory, the more a crash undoes;
	# what is written outlives every kill, synced or not.  Events go soon after they
	# were published, not before.
	print $conf <<"END";
listen_addresses = '127.0.0.1'
port = $self->{port}
unix_socket_directories = ''
shared_preload_libraries = 'cleanoutbox'
max_prepared_transactions = 100
max_connections = 60
restart_after_crash = on
fsync = off
wal_writer_delay = 5s
wal_writer_flush_after = 1GB
max_wal_size = 200MB
log_checkpoints = off
log_line_prefix = '%m [%p] %b: '
outbox.nats_url = '$self->{url}'
outbox.ack_timeout = 2s
outbox.connect_timeout = 1s
outbox.retry_initial = 50ms
outbox.retry_max = 1s
outbox.retention = 2s
outbox.hold_time = 0
@{[ $self->{conf} // '' ]}
include 'cycle.conf'
END
	close $conf;
	write_file("$self->{data}/cycle.conf", '');
	$self->start_database;
	system("createdb --maintenance-db=postgres stress > '$self->{home}/psql.log' 2>&1") == 0 or die "no database, see $self->{home}/psql.log\n";
	system("psql -qX -v ON_ERROR_STOP=1 -f test/fault/stress.sql >> '$self->{home}/psql.log' 2>&1") == 0
		or die "no schema, see $self->{home}/psql.log\n";
}

sub make_template
{
	my ($template) = @_;
	open(my $random, '<', '/dev/urandom') or die "/dev/urandom: $!";
	read($random, my $bytes, 12);
	$ENV{PGPASSWORD} = unpack('H*', $bytes);
	write_file("$template.password", "$ENV{PGPASSWORD}\n");
	system("initdb -D '$template' -U stress -A scram-sha-256 --pwfile='$template.password' -E UTF8 --locale=C.UTF-8 > '$template.log' 2>&1") == 0
		or die "initdb failed, see $template.log\n";
}

# With the libraries that its kind wants to have loaded before all others.
sub pg_ctl
{
	my ($self, @words) = @_;
	local @ENV{qw(LD_PRELOAD CLOCK_FILE OUTBOX_CRASH)} = (join(' ', map { "$self->{work}/$_.so" } @{$self->{preload} // []}), "$self->{home}/clock", "$self->{home}/crash");
	return system("pg_ctl -D '$self->{data}' -l '$self->{home}/postgresql.log' -w -t 40 @words >> '$self->{home}/pg_ctl.log' 2>&1") == 0;
}

sub start_database
{
	my ($self) = @_;
	wait_until(60, sub { $self->pg_ctl('start') }) or die "PostgreSQL does not start, see $self->{home}/postgresql.log\n";
	return 1;
}

sub stop_database { my ($self, $mode) = @_; return $self->pg_ctl('-m', $mode, 'stop'); }

# Sets the server's time of day off by so many seconds, where clock.c is loaded.
sub set_clock
{
	my ($self, $seconds) = @_;
	# In place, for it is mapped.
	open(my $out, -e "$self->{home}/clock" ? '+<' : '>', "$self->{home}/clock") or die "clock: $!\n";
	syswrite($out, pack('q', $seconds));
	close $out;
}

# Changes settings until the cycle's faults are lifted; undef takes one back.
sub configure
{
	my ($self, %settings) = @_;
	$self->{settings} = { %{$self->{settings}}, %settings };
	my %now = %{$self->{settings}};
	write_file("$self->{data}/cycle.conf", join '', map { "$_ = '$now{$_}'\n" } grep { defined $now{$_} } sort keys %now);
}

sub reload { my ($self) = @_; my $pid = $self->postmaster; return $pid && kill('HUP', $pid); }

sub postmaster
{
	my ($self) = @_;
	return slurp("$self->{data}/postmaster.pid") =~ /^(\d+)/ ? $1 : 0;
}

# Rows of a query, columns separated by tabs; nothing when it fails.  Of the
# database and port that $where gives, or its own.
sub query
{
	my ($self, $sql, $where) = @_;
	local $ENV{PGDATABASE} = $where->{database} // $ENV{PGDATABASE};
	local $ENV{PGPORT} = $where->{port} // $ENV{PGPORT};
	open(my $out, '-|', 'sh', '-c', 'exec psql -qXAtF "$1" -v ON_ERROR_STOP=1 -c "$2" 2>> "$3"', 'sh', "\t", $sql, "$self->{home}/psql.log")
		or die "psql: $!";
	chomp(my @rows = <$out>);
	return close($out) ? @rows : ();
}

# Whether commands succeed, each in a transaction of its own.
sub does
{
	my ($self, $sql, $where) = @_;
	local $ENV{PGDATABASE} = $where->{database} // $ENV{PGDATABASE};
	local $ENV{PGPORT} = $where->{port} // $ENV{PGPORT};
	return system('sh', '-c', 'exec psql -qX -v ON_ERROR_STOP=1 -c "$1" > /dev/null 2>> "$2"', 'sh', $sql, "$self->{home}/psql.log") == 0;
}

# One value of a query; undef when it fails.
sub value { my $self = shift; return ($self->query(@_))[0]; }

# The program watch, from here on or no more.
sub start_watch { my ($self) = @_; $self->{watch} = spawn("$self->{home}/watch", "$self->{work}/watch"); }

sub stop_watch
{
	my ($self) = @_;
	my $pid = delete $self->{watch} or return;
	kill 'TERM', $pid;
	# The server that it asks may be frozen.
	return if wait_until(3, sub { waitpid($pid, POSIX::WNOHANG) == $pid });
	kill 'KILL', $pid;
	waitpid($pid, 0);
}

sub relay
{
	my ($self, $database) = @_;
	return $self->value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'cleanoutbox relay' AND datname = '@{[ $database // 'stress' ]}'");
}

# Waits until outbox.status shows a state, and a reason; a trouble if it never does.
sub becomes
{
	my ($self, $state, $reason, $limit, $where) = @_;
	my $seen = 'nothing';
	wait_until($limit // 15, sub {
		my ($row) = $self->query("SELECT state, coalesce(reason, '') FROM outbox.status", $where);
		return 0 unless defined $row;
		my ($state_now, $reason_now) = split /\t/, $seen = $row, -1;
		return $state_now =~ /^(?:$state)$/ && $reason_now =~ $reason;
	}) and return 1;
	return $self->trouble("the status never was '$state' ($reason), last: $seen");
}

# Whether what is committed now is published within so many seconds.
sub flows
{
	my ($self, $limit) = @_;
	my $begin = time();
	wait_until($limit, sub { my $left = $limit - (time() - $begin); ($self->value(sprintf "SELECT outbox.flush('%.1f s')", $left > 0.1 ? $left : 0.1) // '') eq 't'; })
		or return $self->trouble("publishing is not back after $limit s: " . join(' ', $self->query('SELECT state, reason FROM outbox.status')));
	$self->{back} = time() - $begin;
	return 1;
}

1;
