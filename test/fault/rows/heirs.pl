# Servers that follow others, and others that should be no more: rows 16, 17 and 23.
#
# When a server is followed by one that lacks what it had published, the heir is
# fenced, and goes on when it is adopted.  So after each cycle the stream holds what
# the heir has committed, once and in order, and besides what the former servers
# alone had.
use strict;
use warnings;
use Servers;
use World qw(any wait_until);

my $fenced = 'fenced copy';

# Lets clients work with the server that is the world's own now.
sub work_on { my ($world, $crowd) = @_; $crowd->start($world->{clients}); $world->rest(0.3); }

# Waits until the server either publishes or is fenced; says whether it is.
sub is_fenced
{
	my ($world, $where) = @_;
	my $state = '';
	wait_until(20, sub { $state = $world->value('SELECT state FROM outbox.status', $where) // ''; $state =~ /^(?:idle|publishing|$fenced)$/; })
		or $world->trouble("neither published nor fenced: $state");
	return $state eq $fenced;
}

sub adopt
{
	my ($world, $mode, $where) = @_;
	wait_until(10, sub { $world->does("SELECT outbox.adopt('$mode')", $where) }) or $world->trouble("outbox.adopt('$mode') fails");
}

# Goes on with the heir, which has to be adopted if it is fenced, and should be if
# the stream holds what it does not know.
sub inherit
{
	my ($world, $crowd, $from, $heir) = @_;
	Servers::succeed($world, $heir);
	$crowd->decide('all');
	work_on($world, $crowd);
	$from->{fenced} = is_fenced($world);
	$world->count($from->{fenced} ? 'fenced' : 'continued');
	adopt($world, 'continue') if $from->{fenced};
	$world->flows(15);
}

# --- row 16: the old server is dead -------------------------------------------

sub follow
{
	my ($world) = @_;
	my $standby = Servers::start($world, Servers::copy($world, '-R'));
	Servers::catch_up($world);
	return $standby;
}

sub replace
{
	my ($world, $crowd, $from, $heir, $start) = @_;
	my $old = Servers::own($world);
	Servers::crash($old);
	$crowd->stop;
	$start->();
	inherit($world, $crowd, $from, $heir);
	Servers::bury($world, $old, $from);
}

sub promote
{
	my ($world, $crowd, $from) = @_;
	my $standby = follow($world);
	$world->rest(rand(0.5));
	replace($world, $crowd, $from, $standby, sub { Servers::promote($world, $standby) });
}

# A standby that was away for a while.
sub promote_behind
{
	my ($world, $crowd, $from) = @_;
	my $standby = follow($world);
	Servers::stop($world, $standby, 'fast') or $world->trouble('the standby does not stop');
	$world->rest(rand(2));
	$world->flows(10);
	replace($world, $crowd, $from, $standby, sub {
		Servers::start($world, $standby);
		Servers::promote($world, $standby);
	});
	$world->trouble('a server that lacks what the stream has is not fenced') unless $from->{fenced};
}

# --- row 17: an earlier time --------------------------------------------------

# A backup is recovered as it was when it was taken.
sub go_back
{
	my ($world, $crowd, $from) = @_;
	my $backup = Servers::copy($world);
	Servers::set($backup, restore_command => 'false', recovery_target => 'immediate', recovery_target_action => 'promote');
	World::write_file("$backup->{data}/recovery.signal", '');
	$world->rest(rand(1));
	$world->flows(10);
	replace($world, $crowd, $from, $backup, sub {
		Servers::start($world, $backup);
		wait_until(20, sub { ($world->value('SELECT pg_is_in_recovery()', $backup) // 't') eq 'f' }) or $world->trouble('the backup is not recovered');
		# Those that copy it later are to follow it.
		Servers::set($backup, restore_command => '', recovery_target => '', recovery_target_action => 'pause');
	});
	$world->trouble('a server that lacks what the stream has is not fenced') unless $from->{fenced};
}

# --- row 23: the old server lives ---------------------------------------------

# Work that nobody should see, where nothing prepared is in its way.
sub work_in_vain
{
	my ($world, $crowd, $from, $where) = @_;
	$crowd->decide('all', $where);
	my $last = $world->value('SELECT coalesce(max(event_id), 0) FROM stress.ledger', $where);
	$world->does('SELECT stress.change(i, 100) FROM generate_series(0, 9) i', $where) or $world->trouble('a server that is fenced takes no events');
	push @{$from->{vain}}, $world->query("SELECT event_id FROM stress.ledger WHERE event_id > $last", $where);
}

# None of that is in the stream.
sub in_vain
{
	my ($world, $found, $from) = @_;
	my %vain = map { $_ => 1 } @{$from->{vain} // []};
	my @stored = grep { $vain{$_} } World::slurp("$world->{home}/cycle.stream") =~ /^\d+\t[0-9a-f-]{36}-(\d+)\t/mg;
	$world->trouble(@stored . ' events of a server that is fenced are in the stream') if @stored;
	$world->trouble('nothing was recorded in vain') unless %vain;
}

# The old server finds events that it never had; or it meets, where it wanted to go
# on, one of both that the other has published, and halts there.
sub is_locked_out
{
	my ($world, $old) = @_;
	$world->becomes("$fenced|misconfigured", qr/never had|already taken/, 20, $old);
	my $state = $world->value('SELECT state FROM outbox.status', $old) // '';
	$world->count('halts') if $state ne $fenced;
}

# Frozen while another one takes over, and back in the middle of what it was doing.
sub come_back
{
	my ($world, $crowd, $from) = @_;
	my $standby = follow($world);
	my $old = Servers::own($world);
	Servers::freeze($old);
	$crowd->abandon;
	Servers::promote($world, $standby);
	inherit($world, $crowd, $from, $standby);
	Servers::thaw($old);
	work_in_vain($world, $crowd, $from, $old);
	is_locked_out($world, $old);
	$world->rest(0.3);
	$world->flows(10);
	Servers::bury($world, $old, $from);
}

# Killed, replaced, and started again by somebody who did not know.
sub rise
{
	my ($world, $crowd, $from) = @_;
	my $standby = follow($world);
	my $old = Servers::own($world);
	Servers::crash($old);
	$crowd->stop;
	Servers::promote($world, $standby);
	inherit($world, $crowd, $from, $standby);
	Servers::start($world, $old);
	work_in_vain($world, $crowd, $from, $old);
	is_locked_out($world, $old);
	$world->flows(10);
	Servers::bury($world, $old, $from);
}

# Copied files, started beside the original.
sub start_copy
{
	my ($world, $crowd, $from) = @_;
	my $copy = Servers::start($world, Servers::copy($world));
	work_in_vain($world, $crowd, $from, $copy);
	$world->becomes($fenced, qr/./, 15, $copy);
	return $copy;
}

sub run_beside
{
	my ($world, $crowd, $from) = @_;
	my $copy = start_copy($world, $crowd, $from);
	$world->rest(0.5);
	$world->flows(10);
	Servers::bury($world, $copy, $from);
}

# An event, of an account that no prepared transaction has locked.
sub speak_up
{
	my ($world, $server) = @_;
	foreach my $account (0 .. 29)
	{
		return if $world->does("SET lock_timeout = '100ms'; SELECT stress.change($account, 100)", $server);
	}
	$world->trouble('all accounts are locked');
}

# The copy claims to be the successor while the original goes on, which nobody should do:
# one of both wins, nothing is lost or stored twice, but until then each may take the
# place that a message of the other was to get, in front of those that follow it.
sub compete
{
	my ($world, $crowd, $from) = @_;
	my $copy = start_copy($world, $crowd, $from);
	my $original = Servers::own($world);
	adopt($world, 'continue', $copy);
	$world->does('SELECT stress.change(i, 100) FROM generate_series(0, 9) i', $copy) or $world->trouble('an adopted copy takes no events');
	# Where the original is never behind, the copy never gets in to say that it is there.
	$crowd->stop;
	my @state = ('', '');
	wait_until(30, sub {
		@state = map { $world->value('SELECT state FROM outbox.status', $_) // '' } $original, $copy;
		return 1 if grep { $_ eq $fenced } @state;
		# Who has nothing to publish does not find out.
		speak_up($world, $_) foreach $copy, $original;
		return 0;
	}) or $world->trouble("two servers publish as one: $state[0], $state[1]");
	my $original_wins = $state[0] ne $fenced;
	$world->count($original_wins ? 'original wins' : 'copy wins');
	if ($original_wins)
	{
		$crowd->start($world->{clients});
		$world->flows(10);
		return Servers::bury($world, $copy, $from);
	}
	Servers::succeed($world, $copy);
	$crowd->decide('all');
	work_on($world, $crowd);
	$world->flows(10);
	Servers::bury($world, $original, $from);
}

# The relay alone, for longer than the broker's answers may take.
sub freeze_relay
{
	my ($world) = @_;
	my $relay = $world->relay or return $world->trouble('no relay');
	kill 'STOP', $relay;
	$world->lift_later(2.2 + rand(1.5), sub { kill 'CONT', $relay });
	$world->rest(0.1) while @{$world->{lifts}};
}

my $back = sub { $_[0]->flows(10) };
my %heir = (way => 1, weight => 1, world => 'heirs', restarts => 1, torn => 1, lines => 100, expect => $back);
my %zombie = (%heir, row => 23, account => \&in_vain);

(
	{ %heir, row => 16, name => 'standby promoted', weight => 3, inject => \&promote },
	{ %heir, row => 16, name => 'standby promoted, behind', weight => 2, inject => \&promote_behind },
	{ %heir, row => 17, name => 'earlier time', inject => \&go_back },
	{ %zombie, name => 'frozen primary back', weight => 2, inject => \&come_back },
	{ %zombie, name => 'dead primary back', weight => 2, inject => \&rise },
	{ %zombie, name => 'copied server', inject => \&run_beside },
	{ %heir, row => 23, name => 'copied server claims', loose => ['disordered'], inject => \&compete },
	{ row => 23, name => 'relay frozen', way => 1, weight => 2, inject => \&freeze_relay, expect => $back },
);
