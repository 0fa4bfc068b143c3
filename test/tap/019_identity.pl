# Copies of an outbox inside its server: fenced until outbox.adopt says what they are.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, create => 0, conf => 'max_worker_processes = 20');
my $folder = PostgreSQL::Test::Utils::tempdir();

sub in { return { database => $_[0], stream => $_[1] // "OUTBOX_$_[0]" } }

sub emit
{
	my ($database, $aggregate_id, $count) = @_;
	return query($node, "SELECT string_agg(outbox.emit('order', '$aggregate_id', 'placed')::text, ' ') FROM generate_series(1, @{[$count // 1]})", in($database));
}

sub ids_in
{
	my ($stream) = @_;
	return join ' ', map { $_->{id} =~ /-(\d+)$/ } $broker->messages($stream);
}

sub fails
{
	my ($name, $database, $sql, $error) = @_;
	my ($good, $said) = try_query($node, $sql, in($database));
	like($good ? 'no error' : $said, $error, $name);
}

sub fenced
{
	my ($database, $reason) = @_;
	return state_is($node, 'fenced copy', "$database is fenced", in($database), publishing => 0, reason => $reason, hint => qr/outbox\.adopt/);
}

# The original, with something of everything.
query($node, 'CREATE DATABASE shop');
query($node, 'CREATE EXTENSION cleanoutbox', in('shop'));
emit('shop', 'a', 3);
drained($node, 'the original publishes', in('shop'));
fails('an outbox in its place cannot be adopted', 'shop', q{SELECT outbox.adopt('continue')}, qr/ERROR:  55000:.*HINT:.*outbox\.status/s);
fails('modes are checked', 'shop', q{SELECT outbox.adopt('seize')}, qr/ERROR:  22023:.*HINT:.*fork/s);
fails('null is no mode', 'shop', q{SELECT outbox.adopt(NULL)}, qr/ERROR:  22004:/);
query($node, q{CREATE ROLE guest LOGIN; GRANT USAGE ON SCHEMA outbox TO guest; GRANT EXECUTE ON FUNCTION outbox.adopt TO guest}, in('shop'));
fails('others may not, whatever they were granted', 'shop', q{SET ROLE guest; SELECT outbox.adopt('fork')}, qr/ERROR:  42501:/);
$broker->stream('update', 'OUTBOX_shop', 'max_msg_size=2000');
my $dead = query($node, q{SELECT outbox.emit('order', 'dead', 'placed', to_jsonb(repeat('x', 3000)))}, in('shop'));
my $behind = emit('shop', 'dead', 2);
state_is($node, 'idle', 'one is refused, two wait', in('shop'), dead_letters => 1, waiting => 2);
query($node, q{SELECT outbox.pause('a test')}, in('shop'));
my $pending = emit('shop', 'a', 4);
query($node, q{BEGIN; SELECT outbox.emit('order', 'b', 'placed'); SAVEPOINT s; SELECT outbox.emit('order', 'b', 'lost'); ROLLBACK TO s; SELECT outbox.emit('order', 'c', 'placed', '{"text": "\"\\\\"}', '{"Key": "value"}'); COMMIT;}, in('shop'));
query($node, q{SELECT outbox.emit('order', 'a', 'remembered', deliver_at => now() + interval '1 day')}, in('shop'));
my $all = query($node, 'SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM outbox.pending', in('shop'));

# A template copy, forked: what was pending stays with the original.
query($node, 'CREATE DATABASE fork TEMPLATE shop');
query($node, 'SELECT outbox.resume()', in('fork'));
fenced('fork', qr/another database/);
my $own = emit('fork', 'a', 2);
cmp_ok((split ' ', $own)[0], '>', 1e12, 'a copy gives out other ids than the original');
fails('not after something else was written', 'fork', q{BEGIN; CREATE TABLE t (); SELECT outbox.adopt('fork')}, qr/ERROR:  25001:.*HINT:/s);
fails('not in repeatable read', 'fork', q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT outbox.adopt('fork')}, qr/ERROR:  25001:/);
my (undef, undef, $notice) = try_query($node, q{SELECT outbox.adopt('fork')}, in('fork'));
like($notice, qr/left to the original: 10\n/, 'a notice counts what is left to the original');
drained($node, 'the fork publishes', in('fork'));
is(ids_in('OUTBOX_fork'), $own, 'what was recorded there, and nothing else');
emit('fork', 'a');
drained($node, 'and goes on', in('fork'));
isnt(query($node, 'SELECT uuid FROM outbox.identity', in('fork')), query($node, 'SELECT uuid FROM outbox.identity', in('shop')), 'under an identity of its own');
fails('it is no copy any more', 'fork', q{SELECT outbox.adopt('fork')}, qr/ERROR:  55000:/);
is(query($node, q{SELECT (SELECT count(*) FROM outbox.dead_letter) + (SELECT count(*) FROM outbox.scheduled)}, in('fork')), 0, 'dead letters and scheduled events were the original\'s');

# Dumps, plain and custom, as rows and as statements, restored into other databases.
my @dump = ('pg_dump', '-d', $node->connstr('shop'));
command_ok([ @dump, '-f', "$folder/plain" ], 'a plain dump');
query($node, 'CREATE ROLE dumper LOGIN IN ROLE pg_read_all_data');
command_ok([ @dump, '-U', 'dumper', '-f', "$folder/reader" ], 'a dump by one who may read all');
is(rows_in('reader'), rows_in('plain'), 'which holds the same rows');
command_ok([ @dump, '-Fc', '-f', "$folder/custom" ], 'a custom dump');
command_ok([ @dump, '--inserts', '-f', "$folder/inserts" ], 'a dump as statements');
command_ok([ @dump, '--schema-only', '-f', "$folder/schema" ], 'a dump of the schema');
unlike(slurp_file("$folder/schema"), qr/COPY|INSERT/, 'which holds no data');
query($node, "CREATE DATABASE $_") foreach qw(plain custom inserts again schema);
sub rows_in { return join "\n", slurp_file("$folder/$_[0]") =~ /^((?:outbox|event|dead_letter|waiting|blocked|paused)\t.*)$/mg }
sub restore_plain { command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($_[0]), '-f', "$folder/$_[1]" ], "$_[1] is restored into $_[0]") }
restore_plain('plain', 'plain');
restore_plain('inserts', 'inserts');
restore_plain('schema', 'schema');
command_ok([ 'pg_restore', '-j', 2, '-d', $node->connstr('custom'), "$folder/custom" ], 'the custom one is restored by two workers');
foreach my $database (qw(plain custom inserts))
{
	fenced($database, qr/restored here from a dump/);
	is(query($node, q{SELECT string_agg(content->>'id', ' ' ORDER BY (content->>'id')::bigint) FROM outbox.restored WHERE kind = 'event'}, in($database)),
		$all, 'it has all that was pending');
}
emit('schema', 'a');
drained($node, 'an outbox that was restored without data is a new one', in('schema'));

# A restored one, dumped and restored once more, forked.
command_ok([ 'pg_dump', '-d', $node->connstr('plain'), '-f', "$folder/again" ], 'a dump of what was restored');
restore_plain('again', 'again');
fenced('again', qr/restored/);
emit('again', 'a');
(undef, undef, $notice) = try_query($node, q{SELECT outbox.adopt('fork')}, in('again'));
like($notice, qr/left to the original: 10\n/, 'the fork leaves the same to the original');
drained($node, 'the restored fork publishes', in('again'));
is(ids_in('OUTBOX_again'), '1', 'its own event');

# Restored over a live outbox: fenced at once, and what it records meanwhile comes last.
query($node, 'CREATE DATABASE live');
query($node, 'CREATE EXTENSION cleanoutbox', in('live'));
emit('live', 'a', 2);
drained($node, 'an outbox of its own publishes', in('live'));
command_ok([ 'pg_restore', '--data-only', '-d', $node->connstr('live'), "$folder/custom" ], 'data alone is restored over it');
fenced('live', qr/restored/);
emit('live', 'a', 3);
query($node, q{ALTER DATABASE live SET outbox.stream = 'OUTBOX_shop'; ALTER DATABASE live SET outbox.subject_template = 'shop.{aggregate}.{action}'});

# The original ends; the restored one continues it.
query($node, 'SELECT outbox.resume()', in('shop'));
drained($node, 'the original has published what was pending', in('shop'));
my $later = emit('shop', 'a', 2);
drained($node, 'and more', in('shop'));
my $before = ids_in('OUTBOX_shop');
like($before, qr/ \Q$all $later\E$/, 'all of it is in the stream');
query($node, 'DROP DATABASE shop WITH (FORCE)');
query($node, q{SELECT outbox.adopt('continue')}, in('live'));
is(status($node, in('live'))->{state}, 'paused', 'the pause was restored, too');
is(query($node, 'SELECT attempts, waiting FROM outbox.blocked_aggregate', in('live')), '1|2', 'and what waits behind a dead letter');
is(query($node, 'SELECT event_type FROM outbox.scheduled_event', in('live')), 'order.remembered', 'and what is scheduled');
query($node, 'SELECT outbox.resume()', in('live'));
state_is($node, 'idle', 'the restored one publishes', in('live'), backlog => 0, dead_letters => 1, waiting => 2);
my $base = 1e12;
is(ids_in('OUTBOX_shop'), "$before " . join(' ', map { $base + $_ } 3 .. 5), 'what the stream lacked, once, under new ids where it was recorded after the dump');
$broker->stream('update', 'OUTBOX_shop', 'max_msg_size=100000');
$node->reload;
eventually('the limit is raised', sub { query($node, 'SELECT max_message_size FROM outbox.stat_relay', in('live')) eq '100000' });
query($node, 'SELECT outbox.redrive_all()', in('live'));
state_is($node, 'idle', 'the dead letter passes', in('live'), dead_letters => 0, waiting => 0);
like(ids_in('OUTBOX_shop'), qr/ $dead $behind$/, 'and what waited behind it follows');

# Ids that sessions keep in store would not tell what came first.
query($node, 'ALTER SEQUENCE outbox.event_id_seq CACHE 10', in('fork'));
$node->reload;
state_is($node, 'misconfigured', 'a sequence with a cache is refused', in('fork'), reason => qr/CACHE 1/);
query($node, 'ALTER SEQUENCE outbox.event_id_seq CACHE 1', in('fork'));
drained($node, 'without it the relay goes on', in('fork'));

unlike(log_between($node, 0), qr/terminated by signal|PANIC|TRAP/, 'nothing has crashed');
$node->stop;
done_testing();
