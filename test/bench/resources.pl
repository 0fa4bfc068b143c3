# What the relay takes when it has nothing to do, and how much memory it has with
# payloads of a megabyte.
use strict;
use warnings;
use Time::HiRes qw(sleep time);
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant SECONDS => $ENV{SECONDS} || 20;
use constant LARGE => 200; # payloads

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);

# Wake-ups a second, and the percentage of a core.
sub rest
{
	my $pid = relay_pid($node);
	my ($woken, $cpu, $begin) = (switches_of($pid), cpu_of($pid), time());
	sleep SECONDS;
	my $took = time() - $begin;
	return ((switches_of($pid) - $woken) / $took, (cpu_of($pid) - $cpu) / $took * 100);
}

sub pass_large
{
	query($node, 'SELECT outbox.pause()');
	query($node, q{SELECT outbox.emit_bytes('bench', i::text, 'made', decode(repeat('ff', 1000000), 'hex')) FROM generate_series(1, } . LARGE . ') i');
	my @took = drain($node, LARGE, { watch => \&memory_of });
	query($node, 'SELECT outbox.resume()');
	return @took;
}

query($node, q{SELECT outbox.emit('bench', '1', 'made'); SELECT outbox.flush()});
sleep 3;
my %took = rounds(idle => \&rest, most => 1);
report_limit('idle_wakeups', '/s', $took{idle}[0], 1);
report_limit('idle_cpu', '%', $took{idle}[1], 0.1);
%took = rounds(large => \&pass_large, most => 3);
report_limit('memory_large', 'MB', $took{large}[2], 4 + 32);
$node->stop;
