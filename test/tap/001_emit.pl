# From an emit in a transaction to the message in the stream.
use strict;
use warnings;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker);
drained($node, 'the relay comes up by itself');
is($broker->subjects('OUTBOX_postgres'), 'postgres.*.*', 'it has made a stream for the database');

# One event, as it looks on the wire.
query($node, q{SELECT outbox.emit('order', '42', 'placed', '{"total": 9.9}', '{"tenant": "north"}', 7)});
drained($node, 'an event is published');
my ($message) = $broker->messages('OUTBOX_postgres');
my %event;
@event{qw(id uuid xid)} = split /\|/, query($node, 'SELECT e.id, i.uuid, e.xid FROM outbox.event e, outbox.identity i');
is($message->{seq}, 1, 'it is the first in the stream');
is($message->{subject}, 'postgres.order.placed', 'subject');
is($message->{payload}, '{"total": 9.9}', 'payload');
my %headers = %{ $message->{headers} };
like($headers{'Nats-Msg-Id'}, qr/^$event{uuid}.$event{id}$/, 'message id: outbox and event');
is($headers{'ce-id'}, $headers{'Nats-Msg-Id'}, 'ce-id is the message id');
is($headers{'ce-specversion'}, '1.0', 'ce-specversion');
is($headers{'ce-source'}, '/postgres', 'ce-source');
is($headers{'ce-type'}, 'order.placed', 'ce-type');
is($headers{'ce-subject'}, '42', 'ce-subject');
is($headers{'ce-datacontenttype'}, 'application/json', 'ce-datacontenttype');
like($headers{'ce-time'}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/, 'ce-time');
is($headers{'Outbox-Aggregate-Version'}, 7, 'version');
is($headers{'Outbox-Tx'}, $event{xid}, 'transaction');
is("$headers{'Outbox-Tx-Index'} of $headers{'Outbox-Tx-Count'}", '1 of 1', 'its place in the transaction');
is($headers{'tenant'}, 'north', "the caller's header");

# Context of the session.
query($node, <<'SQL');
SET outbox.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SET outbox.tracestate = 'vendor=1';
SET outbox.correlation_id = 'cart-7';
SET outbox.causation_id = 'message-6';
SET outbox.actor = 'alice@example.org';
SELECT outbox.emit('order', '43', 'placed');
SQL
# Bytes of every value.
query($node, q{SELECT outbox.emit_bytes('file', 'all', 'stored', decode(string_agg(lpad(to_hex(b), 2, '0'), '' ORDER BY b), 'hex'), 'image/png')
	FROM generate_series(0, 255) b});
query($node, q{SELECT outbox.emit_bytes('file', 'none', 'stored', '')});
drained($node, 'context and bytes are published');
my (undef, $traced, $bytes, $none) = $broker->messages('OUTBOX_postgres');
is($traced->{headers}{'traceparent'}, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'traceparent');
is($traced->{headers}{'tracestate'}, 'vendor=1', 'tracestate');
is($traced->{headers}{'Outbox-Correlation-Id'}, 'cart-7', 'correlation id');
is($traced->{headers}{'Outbox-Causation-Id'}, 'message-6', 'causation id');
is($traced->{headers}{'Outbox-Actor'}, 'alice@example.org', 'actor');
ok(!exists $traced->{headers}{'Outbox-Aggregate-Version'}, 'no version where none was given');
is($bytes->{payload}, join('', map { chr } 0 .. 255), 'a payload of bytes arrives as it is');
is($bytes->{headers}{'ce-datacontenttype'}, 'image/png', 'with its content type');
is($none->{payload}, '', 'an empty payload');

# Savepoints, aborts, errors caught in a function, several events at once.
query($node, <<'SQL');
CREATE TABLE shop (id integer PRIMARY KEY, state text);
CREATE TRIGGER capture AFTER INSERT OR UPDATE OR DELETE ON shop FOR EACH ROW EXECUTE FUNCTION outbox.capture('shop');
BEGIN;
SELECT outbox.emit('note', 'a', 'kept-1');
SAVEPOINT one;
SELECT outbox.emit('note', 'a', 'undone');
SAVEPOINT two;
SELECT outbox.emit('note', 'a', 'undone');
RELEASE two;
ROLLBACK TO one;
SELECT outbox.emit('note', 'a', 'kept-2');
SAVEPOINT three;
SELECT outbox.emit('note', 'a', 'kept-3');
RELEASE three;
DO $$
BEGIN
	PERFORM outbox.emit('note', 'a', 'undone');
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	PERFORM outbox.emit('note', 'a', 'kept-4');
END $$;
COMMIT;
BEGIN;
SELECT outbox.emit('note', 'a', 'undone');
ROLLBACK;
SELECT outbox.emit('note', 'a', 'kept-5');
INSERT INTO shop VALUES (1, 'new'), (2, 'new');
UPDATE shop SET state = 'open' WHERE id = 1;
DELETE FROM shop WHERE id = 2;
SELECT count(outbox.emit('bulk', (i % 7)::text, 'made', jsonb_build_object('i', i))) FROM generate_series(1, 5000) i;
SQL
ok(!(try_query($node, q{SELECT outbox.emit('note', 'a', 'undone'), 1 / 0}))[0], 'a statement fails after it has emitted');
drained($node, 'transactions of many kinds are published');

my @messages = same_as_log($node, $broker, 'the stream holds what was committed, each transaction in one piece');
is(join(' ', map { $_->{type} =~ s/note\.//r } grep { $_->{type} =~ /^note/ } @messages), join(' ', map { "kept-$_" } 1 .. 5), 'what was undone has left nothing');
is(join(' ', map { "$_->{index}/$_->{count}" } grep { $_->{type} =~ /^note/ } @messages), '1/4 2/4 3/4 4/4 1/1', 'transactions are counted without what was undone');
my @captured = grep { $_->{type} =~ /^shop/ } @messages;
is(join(' ', map { "$_->{aggregate_id}.$_->{type}" } @captured), '1.shop.inserted 2.shop.inserted 1.shop.updated 2.shop.deleted', 'capture tells of changed rows');
is($captured[2]{payload}, '{"old":{"id":1,"state":"new"},"new":{"id":1,"state":"open"}}', 'with the row before and after');

# The other two ways to look on the wire.
foreach my $mode (qw(plain cloudevents-structured))
{
	alter_database($node, "outbox.envelope = '$mode'", "the envelope is set to $mode");
	query($node, qq{SELECT outbox.emit('order', '44', 'placed', '{"mode": "$mode"}')});
	drained($node, "an event is published as $mode");
}
my ($plain, $structured) = ($broker->messages('OUTBOX_postgres'))[ -2, -1 ];
is($plain->{headers}{'Outbox-Type'}, 'order.placed', 'plain: the type in a header of ours');
is($plain->{payload}, '{"mode": "plain"}', 'plain: the payload as it is');
is_deeply([ grep { /^ce-/ } keys %{ $plain->{headers} } ], [], 'plain: no header of CloudEvents');
my $document = JSON::PP::decode_json($structured->{payload});
is($structured->{headers}{'Content-Type'}, 'application/cloudevents+json', 'structured: content type');
is("$document->{type} $document->{subject} $document->{data}{mode}", 'order.placed 44 cloudevents-structured', 'structured: one document');

$node->stop;
done_testing();
