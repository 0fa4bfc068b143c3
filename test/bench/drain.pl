# How fast committed events are published, compared with what libnats can do at best
# and with a polling relay.
use strict;
use warnings;
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant BATCH => 500; # the best of 100, 500 and 5000

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
my ($raw, $poller) = map { build_program($_) } qw(raw poller);
stream_for($broker, $_) foreach qw(raw polled);
query($node, 'SELECT outbox.pause()');
query($node, <<'SQL');
CREATE TABLE polled (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject text NOT NULL, payload jsonb NOT NULL, published boolean NOT NULL DEFAULT false);
CREATE INDEX ON polled (id) WHERE NOT published;
SQL

sub pass
{
	fill($node, EVENTS);
	query($node, 'CHECKPOINT');
	my @took = drain($node, EVENTS, { watch => \&memory_of });
	# So that the stream's size is no part of it.
	$broker->stream('purge', 'OUTBOX_postgres');
	query($node, 'TRUNCATE outbox.event; VACUUM');
	return @took;
}

sub poll
{
	query($node, "INSERT INTO polled (subject, payload) SELECT 'polled.made', jsonb_build_object('i', i, 'fill', repeat('x', 200)) FROM generate_series(1, @{[ EVENTS ]}) i");
	query($node, 'VACUUM ANALYZE polled; CHECKPOINT');
	my @took = run_program($poller, $broker->url, $node->connstr('postgres'), BATCH);
	$broker->stream('purge', 'POLLED');
	query($node, 'TRUNCATE polled');
	return @took;
}

my %took = rounds(
	relay => \&pass,
	poller => \&poll,
	map({ my $shape = $_; ("raw_$shape" => sub { raw_rate($raw, $broker, 'loop', $shape, EVENTS) }) } qw(bare id same fenced)),
	most => 4);
report("drain_raw_$_", 'events/s', $took{relay}[0], $took{"raw_$_"}[0]) foreach qw(bare id same fenced);
report('drain_poller', 'events/s', map { $took{$_}[0] } qw(relay poller));
report('drain_cpu_raw', 's/100k', map { $took{$_}[1] } qw(relay raw_same));
report_limit('drain_cpu', 's/100k', $took{relay}[1], 0.6);
report_limit('memory_drain', 'MB', $took{relay}[2], 32);
$node->stop;
