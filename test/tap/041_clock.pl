# No bloat, and nothing lost: old events go neither early nor never when somebody sets
# the clock, and the relay goes on.
#
# Promises: No bloat.
use strict;
use warnings;
use File::Basename qw(dirname);
use Test::More;
use Time::HiRes qw(time);
use OutboxBroker;
use OutboxTest;

use constant RETENTION => 4;
use constant HOUR => 3600;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $clock = "$folder/clock";

sub set_clock
{
	my ($seconds) = @_;
	open(my $out, '+>', "$clock.new") or die "$clock: $!";
	print $out pack('q', $seconds);
	close $out;
	# In place: the server's processes have the file mapped.
	my $bytes = PostgreSQL::Test::Utils::slurp_file("$clock.new");
	open(my $file, -e $clock ? '+<' : '>', $clock) or die "$clock: $!";
	syswrite($file, $bytes) == 8 or die "$clock: $!";
	close $file;
}

set_clock(0);
system('gcc', '-O1', '-fPIC', '-shared', '-o', "$folder/clock.so", dirname(__FILE__) . '/clock.c') == 0 or die 'clock.c does not build';
my $broker = OutboxBroker->new->start;
my $node;
{
	local $ENV{CLOCK_FILE} = $clock;
	local $ENV{LD_PRELOAD} = "$folder/clock.so";
	$node = new_node('main', $broker, conf => "outbox.retention = '@{[ RETENTION ]}s'\noutbox.hold_time = 0\nautovacuum = off");
}

sub current { return query($node, 'SELECT child FROM outbox.ring WHERE current') }
sub rows { return query($node, "SELECT count(*) FROM outbox.event_$_[0]") }

# Fills the current child, and sets the clock as soon as it is left.
sub leave_child
{
	my ($seconds, $name) = @_;
	my $child = current();
	query($node, q{SELECT count(outbox.emit('thing', i::text, 'made')) FROM generate_series(1, 10) i});
	eventually("$name: a child is left", sub { current() ne $child }, sub { query($node, 'SELECT * FROM outbox.ring') });
	my $left = time();
	set_clock($seconds);
	return ($child, $left);
}

# Its events stay as long as they should, by a clock that nobody sets, and then go.
sub child_goes_in_time
{
	my ($child, $left, $name) = @_;
	eventually("$name: its events go", sub { rows($child) == 0 }, sub { query($node, 'SELECT *, clock_timestamp() FROM outbox.ring') });
	my $kept = time() - $left;
	cmp_ok($kept, '>=', RETENTION - 1.5, sprintf '%s: not early, after %.1f s', $name, $kept);
	drained($node, "$name: all is published");
}

drained($node, 'ready');
my $wall = query($node, 'SELECT extract(epoch FROM clock_timestamp())');
set_clock(HOUR);
cmp_ok(query($node, 'SELECT extract(epoch FROM clock_timestamp())') - $wall, '>', HOUR - 60, 'the server\'s clock can be set');
set_clock(0);

child_goes_in_time(leave_child(HOUR, 'an hour forward'), 'an hour forward');
child_goes_in_time(leave_child(-2 * HOUR, 'three hours back'), 'three hours back');
child_goes_in_time(leave_child(-1000 * HOUR, 'weeks back'), 'weeks back');

# The clock is set back while nobody looks.
my ($down) = leave_child(0, 'set while it is down');
$node->stop;
set_clock(-1000 * HOUR);
{
	local $ENV{CLOCK_FILE} = $clock;
	local $ENV{LD_PRELOAD} = "$folder/clock.so";
	$node->start;
}
eventually('set back while it is down: events still go', sub { rows($down) == 0 }, sub { query($node, 'SELECT *, clock_timestamp() FROM outbox.ring') });

# The clock is set back while a relay waits to be started again.
foreach my $time (1 .. 3)
{
	my $pid;
	eventually("the relay runs, time $time", sub { $pid = relay_pid($node); $pid ne '' });
	query($node, "SELECT pg_terminate_backend($pid)");
	eventually('it ends', sub { query($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") == 0 });
}
is(relay_pid($node), '', 'the relay is not back yet');
set_clock(-2000 * HOUR);
query($node, q{SELECT outbox.emit('thing', '1', 'changed')});
drained($node, 'set back while a relay is awaited: it comes and publishes');

$node->stop;
done_testing();
