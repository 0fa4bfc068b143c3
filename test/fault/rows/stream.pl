# What can be done to a stream under a relay: row 12.
use strict;
use warnings;
use World qw(wait_until);

my $stream = 'OUTBOX_stress';

# Waits for the load to be published in full, and compares.
sub settle
{
	my ($world, $crowd, $from) = @_;
	$crowd->stop;
	$crowd->decide('all');
	Verdict::drain($world);
	judge($world, $from, 'before');
}

# Where another stream took its place, what is no longer retained or was purged may be missing.
sub judge
{
	my ($world, $from, $name) = @_;
	my %found = Verdict::compare($world, $from, $name);
	$found{missing} -= $world->value("SELECT count(*) FROM stress.ledger WHERE event_id <= $from->{purged} OR event_id NOT IN (SELECT id FROM outbox.event)") if defined $from->{purged};
	$found{$_} > 0 and $world->trouble("$found{$_} $_ $name") foreach @Verdict::KINDS;
}

# From here on another ledger and another part of the stream are compared.
sub forget
{
	my ($world, $from) = @_;
	@$from{qw(event sequence)} = ($world->value('SELECT coalesce(max(event_id), 0) FROM stress.ledger'), ($world->stream_state)[2]);
	$world->{base} = { %$from };
}

# Another stream takes its place: it is given all that is retained, in order.
sub replace
{
	my ($world, $crowd, $from, $change) = @_;
	my $purged = $world->{base} ? $world->{base}{event} : 0;
	retain($world, '1h');
	$change->();
	my $complete = $world->value("SELECT complete FROM outbox.verify('40 s')");
	$world->trouble('the stream is not repaired') if $complete ne 't';
	$crowd->stop;
	$crowd->decide('all');
	Verdict::drain($world);
	judge($world, { event => 0, sequence => 0, purged => $purged }, 'again');
	retain($world, undef);
	forget($world, $from);
	go_on($world, $crowd);
}

# For so long; undef: as before.
sub retain
{
	my ($world, $time) = @_;
	$world->configure('outbox.retention' => $time);
	$world->reload;
	wait_until(10, sub { ($world->value('SELECT setting FROM pg_settings WHERE name = $$outbox.retention$$') // '') eq ($time ? '3600' : '2') })
		or $world->trouble('the retention does not change');
}

sub go_on { my ($world, $crowd) = @_; $crowd->start($world->{clients}); $world->rest(0.5); $world->flows(10); }

sub delete_it
{
	my ($world, $crowd, $from) = @_;
	settle(@_);
	replace(@_, sub { $world->stream('delete', $stream) });
}

sub make_again
{
	my ($world, $crowd, $from) = @_;
	settle(@_);
	replace(@_, sub {
		$world->stream('delete', $stream);
		$world->stream('create', $stream, 'stress.>') or die "no stream\n";
	});
}

sub purge
{
	my ($world, $crowd, $from) = @_;
	settle(@_);
	$world->stream('purge', $stream);
	forget($world, $from);
	# The relay takes note of it when it connects.
	my $lost = $world->value('SELECT missing FROM outbox.verify()');
	$world->trouble("a purge was taken for a loss of $lost") if $lost ne '0';
	go_on(@_);
}

# Full: nothing more is stored, and the view says why, until there is room.
sub fill
{
	my ($world) = @_;
	# A limit that the stream is beyond by then would have it drop its oldest messages.
	$world->value('SELECT outbox.pause()');
	my $stood = -1;
	wait_until(10, sub { my $before = $stood; $stood = ($world->stream_state)[2]; return $stood == $before }) or die "not paused\n";
	my $room = ($world->stream_state)[0] + 50;
	$world->stream('update', $stream, "max_msgs=$room", 'discard=new') or die "no limit\n";
	$world->value('SELECT outbox.resume()');
	$world->becomes('misconfigured', qr/maximum messages exceeded/);
	$world->trouble('a full stream grows') if ($world->stream_state)[0] > $room;
	$world->stream('update', $stream, 'max_msgs=-1', 'discard=old') or die "the limit stays\n";
}

# Stored without an answer: what is in doubt must not be stored twice.
sub silence
{
	my ($world) = @_;
	$world->stream('update', $stream, 'no_ack=true') or die "still acknowledges\n";
	$world->becomes('misconfigured', qr/acknowledge|no_ack/);
	$world->stream('update', $stream, 'no_ack=false') or die "still silent\n";
}

# Some versions forget when a stream was made: it is the same one nevertheless.
sub change_and_restart
{
	my ($world) = @_;
	foreach my $limit (1_000_000_000, -1)
	{
		$world->restart_broker;
		$world->flows(10);
		$world->stream('update', $stream, "max_msgs=$limit") or die "no limit\n";
	}
	$world->restart_broker;
}

# For good: another one of that name takes its place.
sub seal
{
	my ($world, $crowd, $from) = @_;
	$world->stream('update', $stream, 'sealed=true') or die "not sealed\n";
	$world->becomes('misconfigured', qr/sealed/);
	replace(@_, sub { $world->stream('delete', $stream) });
}

my $back = sub { $_[0]->flows(10) };

(
	{ row => 12, name => 'stream deleted', weight => 1, inject => \&delete_it, expect => $back },
	{ row => 12, name => 'stream made again', weight => 1, inject => \&make_again, expect => $back },
	{ row => 12, name => 'stream purged', weight => 1, inject => \&purge, expect => $back },
	{ row => 12, name => 'stream sealed', weight => 1, inject => \&seal, expect => $back },
	{ row => 12, name => 'stream changed', weight => 1, inject => \&change_and_restart, expect => $back },
	{ row => 12, name => 'stream full', weight => 1, inject => \&fill, expect => $back },
	{ row => 12, name => 'stream without answers', weight => 1, inject => \&silence, expect => $back },
);
