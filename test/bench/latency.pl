# How long an event takes from its commit to the broker's acknowledgement and to a
# consumer, compared with publishing synchronously, and with limits.
use strict;
use warnings;
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant SECONDS => $ENV{SECONDS} || 5;
my %connections_of = (200 => 2, 5000 => 8);

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
my ($raw, $latency) = map { build_program($_) } qw(raw latency);
stream_for($broker, 'raw');
query($node, q{SELECT outbox.emit('bench', '1', 'made'); SELECT outbox.flush()});

sub commit
{
	my ($rate) = @_;
	my @took = run_program($latency, $broker->url, $node->connstr('postgres'), 'OUTBOX_postgres', $connections_of{$rate}, $rate, SECONDS);
	print "# $rate/s were wanted, $took[0]/s came\n" if $took[0] < 0.95 * $rate;
	query($node, 'SELECT outbox.flush()');
	return @took;
}

sub publish
{
	return run_program($raw, $broker->url, 'raw.made', 'sync', 'id', 200 * SECONDS, 200);
}

commit(200);
my %took = rounds(slow => sub { commit(200) }, fast => sub { commit(5000) }, raw => \&publish);
report('latency_200_p50', 'ms', $took{slow}[1], $took{raw}[0]);
report('latency_200_p99', 'ms', $took{slow}[2], $took{raw}[1]);
report_limit('latency_200_consumer_p50', 'ms', $took{slow}[3], 1);
report_limit('latency_5000_p50', 'ms', $took{fast}[1], 3);
report_limit('latency_5000_p99', 'ms', $took{fast}[2], 25);
report_limit('latency_5000_rate', 'events/s', $took{fast}[0], 5000);
$node->stop;
