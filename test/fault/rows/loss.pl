# A broker that has lost what it had acknowledged: rows 6 to 8.
#
# Its store is replaced by an older copy of itself, as after a power cut or a restored
# backup, or damaged.  What was lost is what the older copy lacks: that, and nothing
# else, is to be found and sent again; on its own stream each event regains its place.
use strict;
use warnings;
use World qw(any wait_until);

use constant LOST_AT_LEAST => 30;

my $stream = 'OUTBOX_stress';

# What is stored as the broker is killed, or in the middle of its work, for files that
# are copied while it is frozen lack what it has not written yet; afterwards it runs.
sub keep_store
{
	my ($world) = @_;
	my $frozen = int(rand(2));
	$frozen ? $world->freeze_broker : $world->kill_broker;
	system("rm -rf '$world->{home}/older' && cp -a '$world->{home}/store' '$world->{home}/older'") == 0 or die "the store is not kept\n";
	$frozen ? $world->thaw_broker : $world->start_broker;
	$world->flows(10);
	my $kept = ($world->stream_state)[2];
	$world->rest(rand(1));
	wait_until(10, sub { ($world->stream_state)[2] > $kept + LOST_AT_LEAST }) or die "there is nothing to lose\n";
}

# Puts that back; the broker is down.
sub put_store_back
{
	my ($world) = @_;
	$world->kill_broker;
	system("find '$world->{home}/store' -mindepth 1 -delete && cp -a '$world->{home}/older/.' '$world->{home}/store'") == 0 or die "the store is not put back\n";
}

# Does it while the broker runs where only we find it.
sub unseen
{
	my ($world, $action) = @_;
	my $result;
	{
		local $world->{broker_port} = World::free_port();
		local $world->{admin_url} = "nats://127.0.0.1:$world->{broker_port}";
		$world->configure_broker('');
		$world->start_broker;
		wait_until(20, sub { ($world->stream_state)[2] > 0 }) or die "no stream\n";
		$result = $action->();
		$world->kill_broker;
	}
	$world->configure_broker('');
	return $result;
}

# What the relay has counted: events lost, sent again, no longer retained, to be sent.
sub counted
{
	my ($world) = @_;
	my ($row) = $world->query('SELECT lost, repaired, gone, to_repair FROM outbox.stat_relay');
	my %count;
	@count{qw(lost repaired gone left)} = split /\t/, $row // die("outbox.stat_relay cannot be read\n");
	return \%count;
}

# So many, or as many as there are, are found to be lost, and are sent again.
sub repaired
{
	my ($world, $before, $expected) = @_;
	my $now;
	wait_until(30, sub { $now = counted($world); $now->{lost} - $before->{lost} >= ($expected // 1) && $now->{left} == 0; });
	my ($lost, $sent) = map { $now->{$_} - $before->{$_} } qw(lost repaired);
	$world->trouble("$lost events were found to be lost, not $expected") if defined $expected && $lost != $expected;
	$world->trouble("$lost events were found to be lost, $sent sent again, $now->{left} are left, " . ($now->{gone} - $before->{gone}) . ' gone')
		if !$lost || $sent != $lost || $now->{left} || $now->{gone} != $before->{gone};
	$world->count('lost', $lost);
	$world->flows(20);
}

# The relay, asked to look at everything, finds nothing.
sub is_complete
{
	my ($world, $limit) = @_;
	$limit //= '30 s';
	return ($world->value("SELECT complete AND missing = 0 AND gone = 0 AND checked > 0 FROM outbox.verify('$limit')") // '') eq 't';
}

# Which message is where, of what there is when all is published.
sub places
{
	my ($world, $name) = @_;
	my $file = "$world->{home}/$name.places";
	Verdict::write_stream($world, 0, $file);
	open(my $in, '<', $file) or die "$file: $!\n";
	return { map { /^(\d+)\t(\S+)/ } <$in> };
}

# Everything is published, nothing more is recorded.
sub calm
{
	my ($world, $crowd) = @_;
	$crowd->stop;
	$crowd->decide('all');
	Verdict::drain($world);
}

# What was there is there again, at the same place.
sub regained
{
	my ($world, $before) = @_;
	my $after = places($world, 'after');
	my @moved = grep { ($after->{$_} // '') ne $before->{$_} } sort { $a <=> $b } keys %$before;
	$world->trouble(scalar(@moved) . " events are not at their old places, one of them $moved[0]") if @moved;
}

sub set_back
{
	my ($world, $crowd) = @_;
	keep_store($world);
	calm($world, $crowd);
	my ($before, $count) = (places($world, 'before'), counted($world));
	put_store_back($world);
	my $last = unseen($world, sub { ($world->stream_state)[2] });
	$crowd->start($world->{clients}) if int(rand(2));
	$world->start_broker;
	repaired($world, $count, scalar grep { $_ > $last } keys %$before);
	regained($world, $before);
}

# Set back while events are on their way.
sub set_back_under_load
{
	my ($world) = @_;
	keep_store($world);
	my $count = counted($world);
	put_store_back($world);
	$world->rest(rand(0.5));
	$world->start_broker;
	repaired($world, $count);
}

# --- row 7 --------------------------------------------------------------------

# Somebody else writes to the stream before the relay sees it: more than was lost,
# or less.
sub write_between
{
	my ($world, $crowd, $from) = @_;
	keep_store($world);
	my $count = counted($world);
	put_store_back($world);
	my $many = any(5, 2 * LOST_AT_LEAST) + int(rand(20));
	$from->{foreign} = unseen($world, sub { scalar grep { $world->stream('publish', 'stress.other.written', 'x') } 1 .. $many });
	$world->start_broker;
	repaired($world, $count);
}

# --- row 8 --------------------------------------------------------------------

# The stream's file of messages that is the largest.
sub block
{
	my ($world) = @_;
	my ($block) = sort { -s $b <=> -s $a } glob "$world->{home}/store/jetstream/*/streams/$stream/msgs/*.blk";
	return $block // die("the stream has no file\n");
}

sub cut
{
	my ($world) = @_;
	my $file = block($world);
	truncate($file, int((-s $file) * 2 / 3)) or die "$file: $!\n";
}

sub flip
{
	my ($world) = @_;
	my $file = block($world);
	open(my $bytes, '+<:raw', $file) or die "$file: $!\n";
	my $place = int((-s $file) * (0.3 + rand(0.4)));
	seek($bytes, $place, 0);
	read($bytes, my $byte, 1);
	# Some versions count a message that cannot be read.
	$world->{damaged} = 'damaged';
	seek($bytes, $place, 0);
	print $bytes chr(ord($byte) ^ 1 << int(rand(8)));
	close($bytes) or die "$file: $!\n";
}

sub damage
{
	my ($how) = @_;
	return sub {
		my ($world) = @_;
		my $begin = ($world->stream_state)[2];
		wait_until(10, sub { ($world->stream_state)[2] > $begin + 10 * LOST_AT_LEAST }) or die "there is nothing to lose\n";
		$world->{before} = counted($world);
		$world->kill_broker;
		$how->($world);
		$world->start_broker;
		$world->flows(30);
	};
}

# Has the server taken a damaged sequence for the last one?  Then it says that all before
# it was removed, and what it cannot read is held for that, too.
sub jumped
{
	my ($world) = @_;
	my ($messages, $first, $last) = $world->stream_state;
	return $last - $first > $messages + 10_000;
}

# Asked to look at everything, the relay notices what the broker does not tell by
# itself, and sends it again.  With some versions nobody can read what is stored behind a
# flipped bit, then or later; yet they know its ids, and take it again only when those are
# forgotten, or in another stream.
sub mended
{
	my ($world, $crowd) = @_;
	calm($world, $crowd);
	if (jumped($world) || !grep { is_complete($world, '4 s') } 1 .. 2)
	{
		$world->count('stream replaced');
		$world->stream('delete', $stream) or $world->trouble('the stream stays');
		wait_until(30, sub { is_complete($world) }) or $world->trouble('events are missing in a new stream');
	}
	$world->count('lost', counted($world)->{lost} - $world->{before}{lost});
	$world->trouble('a loss is not reported') unless $world->{counts}{lost};
	complete_at_last($world);
}

sub complete_at_last
{
	my ($world) = @_;
	$world->flows(10);
	is_complete($world) or $world->trouble('outbox.verify finds that events are missing');
}

my %loss = (way => 1, world => 'lasting', whole => 1, lines => 60, expect => \&complete_at_last);
# What is sent again stands behind what came later.
my %damage = (%loss, row => 8, weight => 1, last => 1, torn => 1, expect => \&mended);

(
	{ %loss, row => 6, name => 'broker set back', weight => 3, inject => \&set_back },
	{ %loss, row => 6, name => 'broker set back under load', weight => 2, inject => \&set_back_under_load },
	{ %loss, row => 7, name => 'foreign writer', last => 1, torn => 1, weight => 1, inject => \&write_between },
	{ %damage, name => 'block cut', loose => ['disordered', 'gap'], inject => damage(\&cut) },
	{ %damage, name => 'bit flipped', loose => ['disordered', 'gap'], inject => damage(\&flip) },
);
