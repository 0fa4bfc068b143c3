# How much room the log takes while many times what it retains passes through it, and
# while pg_dump or a reader is in its way.
#
# Promises: No bloat.
use strict;
use warnings;
use List::Util qw(max);
use Time::HiRes qw(sleep time);
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant RETENTION => 3; # seconds
use constant PASSES => $ENV{PASSES} || 6; # how many retentions a run lasts

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker, conf => "outbox.retention = '@{[ RETENTION ]}s'\noutbox.hold_time = 0");
# At most 2,000 a second by four clients.
my $script = "\\sleep 2 ms\n\\set id random(1, 1000)\nSELECT outbox.emit('bench', :id::text, 'made', jsonb_build_object('i', :id::integer, 'fill', repeat('x', 200)));\n";

# Largest sizes in MB of the first, second and last third of the time; what is in the
# way is there during the second.
sub pass
{
	my ($obstruct, $clear) = @_;
	my $load = start_load($node, 4, emit => $script);
	my @largest = (0, 0, 0);
	# What was there before is gone after two retentions.
	sleep 2 * RETENTION;
	my $third = RETENTION * PASSES / 3;
	foreach my $part (0 .. 2)
	{
		my $held = $part == 1 && $obstruct ? $obstruct->() : undef;
		for (my $end = time() + $third; time() < $end; sleep 0.1)
		{
			$largest[$part] = max($largest[$part], log_size($node) / 1048576);
		}
		$clear->($held) if $held;
		# The space that was held comes back.
		sleep 2 * RETENTION if $part == 1;
	}
	stop_load($load);
	return @largest;
}

sub read_long
{
	my $session = open_session($node);
	ask_session($session, 'BEGIN; SELECT count(*) FROM outbox.event');
	return $session;
}

# One dump after the other, as long as the pipe stands; a slow one holds its locks longer.
sub dump_slowly
{
	my $session = open_session($node);
	ask_session($session, 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; LOCK TABLE ONLY outbox.event, outbox.event_0, outbox.event_1, outbox.event_2 IN ACCESS SHARE MODE');
	system('pg_dump', '-f', '/dev/null', $node->connstr('postgres')) == 0 or die 'pg_dump fails';
	return $session;
}

my %sizes = rounds(plain => sub { pass() }, dump => sub { pass(\&dump_slowly, \&close_session) }, reader => sub { pass(\&read_long, \&close_session) }, most => $ENV{PASSES} ? 5 : 1);
report("size_$_", 'MB', $sizes{$_}[2], $sizes{$_}[0]) foreach qw(plain dump reader);
report("size_during_$_", 'MB', $sizes{$_}[1], $sizes{$_}[0]) foreach qw(dump reader);
$node->stop;
