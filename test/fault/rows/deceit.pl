# A clock that is set, and an event that crashes whoever publishes it: rows 19 and 24.
use strict;
use warnings;
use World qw(any wait_until);

# --- row 19 -------------------------------------------------------------------

# Whoever waits for a lock while the time is set back waits for so much longer:
# PostgreSQL's own timeouts go by the time of day.
sub free_waiters
{
	my ($world) = @_;
	$world->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stress' AND wait_event_type = 'Lock'");
}

# An hour on or back, the other way, and right again; work goes on all the while.
sub set_clocks
{
	my ($world) = @_;
	my $hour = any(3600, -3600);
	$world->lift_later(3600, sub { $world->set_clock(0) });
	foreach my $off ($hour, -$hour, 0)
	{
		$world->set_clock($off);
		my $seen = $world->value("SELECT extract(epoch FROM clock_timestamp())") // 0;
		$world->trouble("the server's time is not off by $off s") if abs($seen - time() - $off) > 60;
		$world->rest(0.3);
		free_waiters($world);
		$world->flows(10);
	}
}

# --- row 24 -------------------------------------------------------------------

# Whoever publishes what holds the text is ended by the signal; no text: nobody is.
sub crash_on
{
	my ($world, $signal, $text) = @_;
	unlink "$world->{home}/crash";
	return unless defined $text;
	World::write_file("$world->{home}/crash.new", "$signal $text\n");
	rename "$world->{home}/crash.new", "$world->{home}/crash";
}

# An event of an account that nobody else changes; its id.
sub state_poison
{
	my ($world, $signal) = @_;
	my $account = 163;
	$world->does("UPDATE stress.account SET ordinal = 7000000 WHERE number = $account AND ordinal < 7000000");
	my $ordinal = 1 + ($world->value("SELECT ordinal FROM stress.account WHERE number = $account") // die("no account\n"));
	crash_on($world, $signal, qq("ordinal": $ordinal}));
	# Its answer may be lost in the crash.
	$world->does("SELECT stress.change($account, 50)");
	my $event;
	wait_until(20, sub { defined($event = $world->value("SELECT event_id FROM stress.ledger WHERE aggregate_id = '$account' AND ordinal = $ordinal")) });
	return $event // die("the event is not recorded\n");
}

# A relay that ran for a while since it was pardoned may end on it unwarned, and name
# what it was suspected of before; started once more, it names the right one.
sub is_suspected
{
	my ($world, $event) = @_;
	$world->becomes('safe mode', qr/event \d+/, 60);
	my $reason = $world->value('SELECT reason FROM outbox.status') // '';
	return if $reason =~ /event $event\b/;
	$world->count('named late');
	$world->does('SELECT outbox.resume()') or $world->trouble('outbox.resume fails');
	$world->becomes('safe mode', qr/event $event\b/, 60);
}

sub poison
{
	my ($world) = @_;
	my $signal = any(11, 9);
	$world->lift_later(3600, sub { crash_on($world) });
	my $event = state_poison($world, $signal);
	is_suspected($world, $event);
	$world->value('SELECT count(*) FROM stress.ledger') // $world->trouble('the server is not up in safe mode');
	return int(rand(2)) ? resume($world) : set_aside($world, $event);
}

# With the cause gone.
sub resume
{
	my ($world) = @_;
	$world->count('resumed');
	crash_on($world);
	$world->does('SELECT outbox.resume()') or $world->trouble('outbox.resume fails');
	$world->flows(20);
}

# Everything else goes on with the cause there.
sub set_aside
{
	my ($world, $event) = @_;
	$world->count('set aside');
	$world->does("SELECT outbox.set_aside($event)") or $world->trouble('outbox.set_aside fails');
	$world->flows(20);
	crash_on($world);
	$world->does("SELECT outbox.redrive($event)") or $world->trouble('outbox.redrive fails');
	World::wait_until(30, sub { ($world->value('SELECT count(*) FROM outbox.dead_letter') // '') eq '0' }) or $world->trouble('the event stays a dead letter');
	$world->flows(10);
}

(
	{ row => 19, name => 'clock set', weight => 2, world => 'deceived', inject => \&set_clocks, expect => sub { $_[0]->flows(10) } },
	{ row => 24, name => 'poisonous event', weight => 1, world => 'deceived', restarts => 1, torn => 1, lines => 100,
		log => qr/background worker "cleanoutbox relay.*" \(PID \d+\) was terminated by signal 11/, inject => \&poison, expect => sub { $_[0]->flows(20) } },
);
