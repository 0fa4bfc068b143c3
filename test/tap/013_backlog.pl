# A large backlog: in one transaction, and in many.
#
# Promises: In order, Polite.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use OutboxBroker;
use OutboxTest;

my $one = 300_000;
my $many = 100_000;
my $stream = 'OUTBOX_postgres';
my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => "max_wal_size = '4GB'");

# MB of memory of its own.
sub memory_of
{
	my ($pid) = @_;
	my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
	return $kilobytes / 1024;
}

# Waits until all is published; returns the most memory that was seen.
sub publish
{
	my ($name) = @_;
	my ($most, $begin) = (0, time());
	my $pid = relay_pid($node);
	eventually($name, sub {
			my $now = eval { memory_of($pid) } // 0;
			$most = $now if $now > $most;
			my $status = status($node);
			($status->{state} // '') eq 'idle' && $status->{backlog} == 0 }, sub { status($node) });
	note(sprintf '%s: %.1f s, at most %.0f MB', $name, time() - $begin, $most);
	is(relay_pid($node), $pid, 'by the same process');
	return $most;
}

drained($node, 'ready');
my $empty = memory_of(relay_pid($node));
query($node, qq{SELECT count(outbox.emit('bulk', (i % 1000)::text, 'made', jsonb_build_object('i', i), version => i)) FROM generate_series(1, $one) i});
my $most = publish("$one events of one transaction");
cmp_ok($most, '<', $empty + 64, sprintf 'memory is bounded: %.0f MB, %.0f MB when idle', $most, $empty);
my ($last) = $broker->brief($stream, $one);
is("$last->{index}/$last->{count}", "$one/$one", 'they are told to belong together');

# Recorded while the broker is away, in transactions of many sizes.
$broker->stop;
state_is($node, 'broker unreachable', 'the broker is away');
query($node, <<"SQL");
DO \$\$
DECLARE
	made integer := 0;
	size integer;
BEGIN
	WHILE made < $many LOOP
		size := 1 + (made * 7919 % 97);
		PERFORM outbox.emit('load', (i % 100)::text, 'made', jsonb_build_object('i', i), version => i) FROM generate_series(made + 1, made + size) i;
		made := made + size;
		COMMIT;
	END LOOP;
END \$\$;
SELECT outbox.emit('load', '0', 'ended');
SQL
$broker->start;
$most = publish("more than $many events of thousands of transactions");
cmp_ok($most, '<', $empty + 64, sprintf 'memory is bounded: %.0f MB', $most);
same_as_log($node, $broker, 'the stream holds the log, each transaction in one piece', { brief => 1 });

$node->stop;
done_testing();
