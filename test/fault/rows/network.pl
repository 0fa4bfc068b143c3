# A frozen broker, and a network that behaves badly: rows 9 and 10.
use strict;
use warnings;
use IO::Handle;
use Time::HiRes qw(time sleep);
use World qw(any wait_until slurp);

# Frozen for one to five seconds; meanwhile, every other time, the server is shut down.
sub freeze
{
	my ($world) = @_;
	$world->freeze_broker;
	$world->lift_later(1 + rand(4), sub { $world->thaw_broker });
	$world->rest(0.5);
	if (int(rand(2)))
	{
		my $begin = time();
		$world->stop_database('fast') or $world->trouble('no fast shutdown while the broker is frozen');
		my $took = time() - $begin;
		$world->trouble(sprintf 'fast shutdown took %.1f s', $took) if $took > 2 + $world->{patience};
		$world->start_database;
	}
	$world->rest(0.1) while $world->{frozen};
}

# --- the proxy ----------------------------------------------------------------

# Puts the proxy between relay and broker until the cycle's faults are lifted.
sub interpose
{
	my ($world) = @_;
	my $port = World::free_port();
	pipe(my $its_input, my $tell) or die "pipe: $!";
	pipe(my $hear, my $its_output) or die "pipe: $!";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		close $tell;
		open(STDIN, '<&', $its_input) && open(STDOUT, '>&', $its_output) or POSIX::_exit(126);
		exec("$world->{work}/proxy", $port, $world->{broker_port}) or POSIX::_exit(127);
	}
	close $_ foreach $its_input, $its_output;
	$tell->autoflush(1);
	die "the proxy does not start\n" unless defined <$hear>;
	my $proxy = { tell => $tell, hear => $hear };
	$world->configure('outbox.nats_url' => "nats://127.0.0.1:$port");
	$world->reload;
	$world->lift_later(3600, sub {
		$world->configure('outbox.nats_url' => undef);
		$world->reload;
		close $tell;
		waitpid($pid, 0);
	});
	return $proxy;
}

sub set_mode
{
	my ($proxy, $mode) = @_;
	print {$proxy->{tell}} "$mode\n";
	my $answer = readline($proxy->{hear});
	die "the proxy is gone\n" unless defined $answer;
}

# Seconds that the process has computed.
sub computed
{
	my ($pid) = @_;
	my @fields = split / /, slurp("/proc/$pid/stat") =~ s/^.*\) //r;
	return @fields > 12 ? ($fields[11] + $fields[12]) / 100 : 0;
}

# What the relay computes while nothing passes must be next to nothing.
sub idles
{
	my ($world, $seconds) = @_;
	my $relay = $world->relay;
	my ($before, $begin) = ($relay ? computed($relay) : 0, time());
	$world->rest($seconds);
	my $share = $relay ? (computed($relay) - $before) / (time() - $begin) : 0;
	$world->trouble(sprintf 'the relay computes %.0f %% of the time while nothing passes', $share * 100) if $share > 0.25;
}

# Some words of the proxy, each for a while, and whether a fault is over at its end.
sub disturb
{
	my ($seconds, @modes) = @_;
	return sub {
		my ($world) = @_;
		my $proxy = interpose($world);
		$world->flows(10);
		foreach my $mode (@modes)
		{
			set_mode($proxy, $mode);
			$mode eq 'half' ? idles($world, $seconds) : $world->rest($seconds);
		}
		set_mode($proxy, 'pass');
		$world->flows(12);
	};
}

# A library that spins on a server which greets and says no more: its process ends.
my $hangs = qr/connecting to NATS hangs beyond its timeout|background worker "cleanoutbox relay.*exited with exit code 1/;

(
	{ row => 9, name => 'broker frozen', weight => 5, restarts => 1, inject => \&freeze, expect => sub { $_[0]->flows(10) } },
	{ row => 10, name => 'network: cut', weight => 2, inject => disturb(0.4, qw(cut cut cut)) },
	{ row => 10, name => 'network: half open', weight => 2, inject => disturb(2.5, 'half') },
	{ row => 10, name => 'network: delay', weight => 1, inject => disturb(1.5, 'delay 200') },
	{ row => 10, name => 'network: slow', weight => 1, inject => disturb(2, 'rate 10000') },
	{ row => 10, name => 'network: mute', weight => 2, log => $hangs, inject => disturb(2.5, 'mute') },
	{ row => 10, name => 'network: single bytes', weight => 1, inject => disturb(1.5, 'single') },
);
