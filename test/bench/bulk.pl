# One statement that emits very many events, compared with one that inserts as many
# rows into the smallest table that makes an outbox.
use strict;
use warnings;
use Time::HiRes qw(time);
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant COUNT => 100_000;

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
query($node, <<'SQL');
SELECT outbox.pause();
CREATE TABLE minimal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject text NOT NULL, payload jsonb NOT NULL);
CREATE TABLE source AS SELECT i AS id, jsonb_build_object('i', i, 'fill', repeat('x', 200)) AS payload FROM generate_series(1, 100000) i;
VACUUM ANALYZE source;
SQL

my $session = open_session($node);

sub run
{
	my ($sql) = @_;
	ask_session($session, 'TRUNCATE minimal, outbox.event; CHECKPOINT');
	my $begin = time();
	ask_session($session, $sql);
	return COUNT / (time() - $begin);
}

my %took = rounds(
	emit => sub { run(q{SELECT count(outbox.emit('order', id::text, 'placed', payload)) FROM source}) },
	minimal => sub { run(q{INSERT INTO minimal (subject, payload) SELECT 'shop.order.placed', payload FROM source}) });
report('bulk', 'events/s', map { $took{$_}[0] } qw(emit minimal));
close_session($session);
$node->stop;
