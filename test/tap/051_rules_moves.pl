# Rules go where their tables go: dumps, standbys, subscribers, crashes.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxTest;

# Nobody listens there: the log keeps its events.
my $nobody = 'nats://127.0.0.1:1';
my $node = new_node('main', $nobody, create => 0, streaming => 'logical');
my $folder = PostgreSQL::Test::Utils::tempdir();

sub in { return { database => $_[0] } }

sub fails
{
	my ($name, $server, $database, $sql, $error) = @_;
	my ($good, $said) = try_query($server, $sql, in($database));
	like($good ? 'no error' : $said, $error, $name);
}

# Two aggregates: one with entities and something of every rule, one that is partitioned.
sub define_rules
{
	my ($server, $database) = @_;
	query($server, <<'SQL', in($database));
CREATE SCHEMA shop;
CREATE FUNCTION shop.is_fair(total int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT total < 1000';
CREATE TABLE shop.orders (id int PRIMARY KEY, customer text NOT NULL, state text NOT NULL DEFAULT 'draft', total int NOT NULL DEFAULT 0, version int NOT NULL DEFAULT 1);
CREATE TABLE shop.line (id int PRIMARY KEY, orders int NOT NULL REFERENCES shop.orders ON DELETE CASCADE, price int NOT NULL);
CREATE TABLE shop.gift (wrapping text) INHERITS (shop.line);
CREATE TABLE shop.device (id int, zone int, reading int, PRIMARY KEY (id, zone)) PARTITION BY LIST (zone);
CREATE TABLE shop.device_1 PARTITION OF shop.device FOR VALUES IN (1);
CREATE TABLE shop.device_2 PARTITION OF shop.device FOR VALUES IN (2);
SELECT outbox.define_aggregate('order', 'shop.orders', 'id', 'version');
SELECT outbox.define_entity('order', 'shop.line', 'orders');
SELECT outbox.define_immutable('order', 'customer');
SELECT outbox.define_lifecycle('order', 'state', '{draft}');
SELECT outbox.define_transition('order', 'draft', 'placed', 'placed', 'new.total > 0');
SELECT outbox.define_transition('order', 'placed', 'paid');
SELECT outbox.define_invariant('order', 'fair', 'shop.is_fair(new.total)', 'That is too much.');
SELECT outbox.define_invariant('order', 'total_is_sum', 'new.total = (SELECT COALESCE(sum(l.price), 0) FROM shop.line l WHERE l.orders = new.id)', NULL, 'commit');
SELECT outbox.define_event('order', 'extended', 'insert on shop.line', 'new.price <> 0', 'pg_catalog.to_jsonb(new.price)');
SELECT outbox.define_event('order', 'removed', 'delete');
SELECT outbox.define_aggregate('device', 'shop.device');
SELECT outbox.define_invariant('device', 'plausible', 'new.reading > -300');
SELECT outbox.define_event('device', 'read', 'update');
SQL
}

sub fill
{
	my ($server, $database) = @_;
	query($server, <<'SQL', in($database));
BEGIN; INSERT INTO shop.orders VALUES (1, 'ann', 'draft', 30); INSERT INTO shop.line VALUES (1, 1, 10), (2, 1, 20); COMMIT;
UPDATE shop.orders SET state = 'placed' WHERE id = 1;
INSERT INTO shop.orders (id, customer) VALUES (2, 'bob');
INSERT INTO shop.device VALUES (1, 1, 20), (2, 2, 21);
UPDATE shop.device SET reading = 22 WHERE id = 1;
SQL
}

# All that is to be the same elsewhere.
sub facts
{
	my ($server, $database) = @_;
	return query($server, <<'SQL', in($database));
SELECT outbox.describe_aggregate(aggregate) FROM outbox.aggregate ORDER BY aggregate;
SELECT id, changed_at, changed_by, aggregate, revision, call FROM outbox.rule_history ORDER BY id;
SELECT tgrelid::regclass, pg_get_triggerdef(oid), tgenabled, tgisinternal FROM pg_trigger WHERE tgname LIKE 'zz_outbox%' ORDER BY tgrelid::regclass::text, tgname;
SELECT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(refclassid, refobjid, refobjsubid), deptype FROM pg_depend d JOIN pg_trigger t ON d.objid = t.oid
 WHERE d.classid = 'pg_trigger'::regclass AND tgname LIKE 'zz_outbox%' AND NOT (refclassid = 'pg_trigger'::regclass) ORDER BY 1, 2, 3;
SQL
}

# Lines that are in one of them only.
sub differences
{
	my %count;
	$count{$_}++ foreach split /\n/, $_[0];
	$count{$_}-- foreach split /\n/, $_[1];
	return join "\n", map { ($count{$_} > 0 ? '+' : '-') . $_ } grep { $count{$_} } sort keys %count;
}

# A test for each kind of rule.
sub enforced
{
	my ($name, $server, $database) = @_;
	my @refused = (
		[ q{UPDATE shop.orders SET state = 'draft' WHERE id = 1}, qr/ERROR:  23514:.*HINT:.*CONSTRAINT NAME:  order_lifecycle/s ],
		[ q{UPDATE shop.orders SET customer = 'eve' WHERE id = 1}, qr/ERROR:  23514:.*CONSTRAINT NAME:  order_immutable/s ],
		[ q{UPDATE shop.orders SET version = 99 WHERE id = 1}, qr/ERROR:  40001:.*CONSTRAINT NAME:  order_version/s ],
		[ q{UPDATE shop.orders SET total = 1000 WHERE id = 2}, qr/ERROR:  23514: That is too much\..*CONSTRAINT NAME:  fair/s ],
		[ q{INSERT INTO shop.line VALUES (9, 1, 1)}, qr/ERROR:  23514:.*CONSTRAINT NAME:  total_is_sum/s ],
		[ q{INSERT INTO shop.gift VALUES (9, 1, 1)}, qr/ERROR:  23514:.*CONSTRAINT NAME:  total_is_sum/s ],
		[ q{UPDATE shop.device SET reading = -301 WHERE id = 2}, qr/ERROR:  23514:.*CONSTRAINT NAME:  plausible/s ],
		[ q{ALTER TABLE shop.orders DROP COLUMN total}, qr/ERROR:  2BP01:/ ],
		[ q{ALTER TABLE shop.line DROP COLUMN price}, qr/ERROR:  2BP01:/ ],
		[ q{DROP FUNCTION shop.is_fair}, qr/ERROR:  2BP01:/ ],
		[ q{DROP TRIGGER zz_outbox_guard ON shop.line}, qr/ERROR:  2BP01:/ ]);
	my @wrong;
	foreach my $case (@refused)
	{
		my ($sql, $error) = @$case;
		my ($good, $said) = try_query($server, $sql, in($database));
		push @wrong, "$sql: " . ($good ? 'no error' : $said) if $good || $said !~ $error;
	}
	is_deeply(\@wrong, [], "$name: every rule is enforced");
	is(query($server, <<'SQL', in($database)), "3\nextended|3|7", "$name: versions and events go on");
CREATE TEMP TABLE newest AS SELECT coalesce(max(id), 0) AS id FROM outbox.event;
BEGIN; INSERT INTO shop.line VALUES (9, 1, 7); UPDATE shop.orders SET total = total + 7 WHERE id = 1; COMMIT;
SELECT version FROM shop.orders WHERE id = 1;
SELECT action, version, convert_from(payload, 'UTF8') FROM outbox.event WHERE id > (SELECT id FROM newest);
SQL
}

query($node, 'CREATE DATABASE source');
query($node, 'CREATE EXTENSION cleanoutbox', in('source'));
define_rules($node, 'source');
fill($node, 'source');
my $facts = facts($node, 'source');
like($facts, qr/zz_outbox_truncate on table shop\.orders\|column total of table shop\.orders\|n/, 'the facts hold dependencies');
like($facts, qr/\|define_invariant|outbox\.define_invariant/, 'and the history');
my $events = query($node, 'SELECT count(*) FROM outbox.event', in('source'));
is($events, 4, 'the source has its events');

# Dumps.
my @dump = ('pg_dump', '-d', $node->connstr('source'));
my @psql = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1');
command_ok([ @dump, '-f', "$folder/plain" ], 'a plain dump');
command_ok([ @dump, '-Fc', '-f', "$folder/custom" ], 'a custom dump');
command_ok([ @dump, '--schema-only', '-f', "$folder/schema" ], 'a dump of the schema');
command_ok([ @dump, '--data-only', '--disable-triggers', '-f', "$folder/data" ], 'a dump of the data');
query($node, "CREATE DATABASE $_") foreach qw(plain custom parallel sections halves);
command_ok([ @psql, '-d', $node->connstr('plain'), '-f', "$folder/plain" ], 'the plain one is restored');
command_ok([ 'pg_restore', '-e', '-d', $node->connstr('custom'), "$folder/custom" ], 'the custom one is restored');
command_ok([ 'pg_restore', '-e', '-j', 2, '-d', $node->connstr('parallel'), "$folder/custom" ], 'by two workers');
command_ok([ 'pg_restore', '-e', "--section=$_", '-d', $node->connstr('sections'), "$folder/custom" ], "by sections: $_")
  foreach qw(pre-data data post-data);
command_ok([ @psql, '-d', $node->connstr('halves'), '-f', "$folder/schema" ], 'the schema is restored');
fails('without the data its triggers miss their rules', $node, 'halves', q{INSERT INTO shop.orders VALUES (1, 'ann')},
	qr/ERROR:  55000: table "orders" is no part of an aggregate "order".*HINT:.*define_aggregate/s);
command_ok([ @psql, '-d', $node->connstr('halves'), '-f', "$folder/data" ], 'then the data');
query($node, 'ALTER TABLE shop.orders SET (fillfactor = 90); ALTER TABLE shop.device ALTER reading SET STATISTICS 50', in($_)) foreach qw(halves parallel);
foreach my $database (qw(plain custom parallel sections halves))
{
	is(differences(facts($node, $database), $facts), '', "$database: definitions, history, triggers and dependencies are the same");
	is(query($node, 'SELECT count(*) FROM outbox.event', in($database)), 0, "$database: no event is told again");
	enforced($database, $node, $database);
}
query($node, q{SELECT outbox.define_immutable('device', 'zone')}, in('custom'));
is(query($node, q{SELECT count(DISTINCT id) = count(*), max(revision) FROM outbox.rule_history WHERE aggregate = 'device'}, in('custom')), 't|4', 'the history goes on where it was');
query($node, q{ALTER TABLE shop.orders RENAME total TO sum}, in('plain'));
like(query($node, q{SELECT outbox.describe_aggregate('order')}, in('plain')), qr/is_fair\(new\.sum\)/, 'restored rules follow a rename');

# A dump by somebody who is no superuser.
query($node, <<'SQL', in('source'));
CREATE ROLE keeper LOGIN; ALTER SCHEMA shop OWNER TO keeper; ALTER FUNCTION shop.is_fair OWNER TO keeper;
ALTER TABLE shop.orders OWNER TO keeper; ALTER TABLE shop.line OWNER TO keeper; ALTER TABLE shop.gift OWNER TO keeper;
ALTER TABLE shop.device OWNER TO keeper; ALTER TABLE shop.device_1 OWNER TO keeper; ALTER TABLE shop.device_2 OWNER TO keeper;
SQL
command_fails_like([ @dump, '-U', 'keeper', '-f', "$folder/keeper" ], qr/permission denied for (schema|table|sequence)|may lack SELECT privilege/, 'the owner of the tables may not dump the log');
command_ok([ @dump, '-U', 'keeper', '-n', 'shop', '-O', '-f', "$folder/shop" ], 'his own schema he may dump');
query($node, 'CREATE ROLE reader LOGIN IN ROLE pg_read_all_data');
command_ok([ @dump, '-U', 'reader', '-f', "$folder/reader" ], 'who may read all dumps all');
my @rules = map { join "\n", slurp_file("$folder/$_") =~ /^(COPY outbox\.rule_.*?^\\\.)$/gms } qw(plain reader);
is($rules[1], $rules[0], 'the same rules');
like($rules[0], qr/total_is_sum/, 'which are some');

# The user's schema alone.
query($node, "CREATE DATABASE $_") foreach qw(bare undefined);
command_fails_like([ @psql, '-d', $node->connstr('bare'), '-f', "$folder/shop" ], qr/ERROR:  schema "outbox" does not exist/, 'without the extension the triggers cannot be restored');
query($node, 'CREATE EXTENSION cleanoutbox', in('undefined'));
command_ok([ @psql, '-d', $node->connstr('undefined'), '-f', "$folder/shop" ], 'with it they are');
foreach my $sql (q{UPDATE shop.orders SET total = 1}, q{DELETE FROM shop.line}, q{UPDATE shop.device SET reading = 1})
{
	fails("but not the rules, which writers are told: $sql", $node, 'undefined', $sql, qr/ERROR:  55000: table "\w+" is no part of an aggregate "\w+".*HINT:.*define_aggregate/s);
}
my $calls = join "\n", map { query($node, "SELECT outbox.describe_aggregate('$_')", in('source')) } qw(device order);
query($node, $calls, in('undefined'));
is(join("\n", map { query($node, "SELECT outbox.describe_aggregate('$_')", in('undefined')) } qw(device order)), $calls, 'what describe_aggregate has said defines them again');
enforced('undefined', $node, 'undefined');

# A standby, promoted.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(facts($standby, 'source'), facts($node, 'source'), 'a standby has the rules');
fails('and is read only', $standby, 'source', q{SELECT outbox.define_immutable('order', 'total')}, qr/ERROR:  (25006|55000):/);
$standby->promote;
enforced('promoted', $standby, 'source');
$standby->stop;

# Logical replication, both sides with rules.
my $subscriber = new_node('subscriber', $nobody);
define_rules($subscriber, 'postgres');
query($node, q{CREATE PUBLICATION shop FOR TABLES IN SCHEMA shop}, in('source')) if $node->pg_version >= 15;
query($node, q{CREATE PUBLICATION shop FOR TABLE shop.orders, shop.line, shop.gift, shop.device}, in('source')) if $node->pg_version < 15;
query($subscriber, sprintf q{CREATE SUBSCRIPTION shop CONNECTION '%s' PUBLICATION shop}, $node->connstr('source') =~ s/'/''/gr);
$subscriber->wait_for_subscription_sync($node, 'shop', 'postgres');
my $rows = q{SELECT * FROM shop.orders ORDER BY id; SELECT * FROM shop.line ORDER BY id; SELECT * FROM shop.device ORDER BY id};
is(query($subscriber, $rows), query($node, $rows, in('source')), 'a subscriber has the rows, with their versions');
query($node, <<'SQL', in('source'));
BEGIN; INSERT INTO shop.line VALUES (3, 1, 5); UPDATE shop.orders SET total = 35 WHERE id = 1; COMMIT;
BEGIN; INSERT INTO shop.line VALUES (4, 1, 5), (5, 1, -5); COMMIT;
UPDATE shop.orders SET state = 'paid' WHERE id = 1;
DELETE FROM shop.orders WHERE id = 2;
UPDATE shop.device SET zone = 3 - zone;
SQL
$node->wait_for_catchup('shop');
is(query($subscriber, $rows), query($node, $rows, in('source')), 'and what is done to them');
is(query($subscriber, 'SELECT count(*) FROM outbox.event'), 0, 'and tells no event again');
fails('who writes there is held to the rules', $subscriber, 'postgres', q{UPDATE shop.orders SET state = 'draft' WHERE id = 1}, qr/ERROR:  23514:/);

# A subscriber that is to tell events itself: all triggers of the aggregate, or none.
query($subscriber, q{SELECT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::regclass, tgname) FROM pg_trigger
	WHERE tgname LIKE 'zz_outbox%' AND tgrelid IN ('shop.orders'::regclass, 'shop.line'::regclass) \gexec});
query($node, q{BEGIN; INSERT INTO shop.line VALUES (6, 1, 8), (7, 1, -8); COMMIT}, in('source'));
$node->wait_for_catchup('shop');
is(query($subscriber, $rows), query($node, $rows, in('source')), 'with ENABLE ALWAYS for all of them rows arrive as they are');
is(query($subscriber, q{SELECT action, convert_from(payload, 'UTF8') FROM outbox.event ORDER BY id}), "extended|8\nextended|-8", 'and are told');
query($subscriber, 'DROP SUBSCRIPTION shop');
query($node, 'DROP PUBLICATION shop', in('source'));
$subscriber->stop;

# The same by hand.
my $before = query($node, 'SELECT count(*) FROM outbox.event', in('source'));
query($node, q{SET session_replication_role = replica; UPDATE shop.orders SET state = 'draft', version = 50 WHERE id = 1; INSERT INTO shop.line VALUES (8, 1, 100)}, in('source'));
is(query($node, 'SELECT state, version FROM shop.orders WHERE id = 1', in('source')), 'draft|50', 'a replica writes what it is told');
is(query($node, 'SELECT count(*) FROM outbox.event', in('source')), $before, 'and tells nothing');
query($node, q{SET session_replication_role = replica; UPDATE shop.orders SET state = 'placed', version = 3, total = 30 WHERE id = 1;
	INSERT INTO shop.orders (id, customer) VALUES (2, 'bob'); DELETE FROM shop.line WHERE id > 2}, in('source'));

# Prepared transactions outlive a restart and a crash, and are settled before.
query($node, q{BEGIN; INSERT INTO shop.line VALUES (10, 1, 5); UPDATE shop.orders SET total = 35 WHERE id = 1; PREPARE TRANSACTION 'kept'}, in('source'));
fails('an invariant is judged before the transaction is prepared', $node, 'source', q{BEGIN; INSERT INTO shop.line VALUES (11, 2, 5); PREPARE TRANSACTION 'broken'}, qr/ERROR:  23514:.*total_is_sum/s);
query($node, q{BEGIN; INSERT INTO shop.line VALUES (12, 2, 5), (13, 2, -5); PREPARE TRANSACTION 'lost'}, in('source'));
$node->restart;
fails('a definition waits for them after a restart', $node, 'source', q{SET lock_timeout = '100ms'; SELECT outbox.define_immutable('order', 'total')}, qr/ERROR:  55P03:/);
$node->stop('immediate');
$node->start;
fails('and after a crash', $node, 'source', q{SET lock_timeout = '100ms'; SELECT outbox.define_immutable('order', 'total')}, qr/ERROR:  55P03:/);
query($node, q{COMMIT PREPARED 'kept'; ROLLBACK PREPARED 'lost'}, in('source'));
is(query($node, 'SELECT id, total, version FROM shop.orders ORDER BY id', in('source')), "1|35|4\n2|0|1", 'the one is there with its version, the other is not');
is(query($node, 'SELECT count(*) FROM outbox.event', in('source')), $before + 1, 'and so is its event');
query($node, q{SET session_replication_role = replica; UPDATE shop.orders SET version = 2 WHERE id = 1}, in('source'));
enforced('after a crash', $node, 'source');

# A rename that nobody has followed.
query($node, q{ALTER EVENT TRIGGER outbox_ddl_begins DISABLE; ALTER TABLE shop.orders RENAME total TO amount; ALTER EVENT TRIGGER outbox_ddl_begins ENABLE}, in('source'));
foreach my $sql (q{UPDATE shop.orders SET amount = 1 WHERE id = 1}, q{INSERT INTO shop.line VALUES (20, 1, 1)})
{
	fails("writers are told: $sql", $node, 'source', $sql, qr/ERROR:  42703: column new\.total does not exist/);
}
my $repaired = query($node, q{SELECT outbox.describe_aggregate('order')}, in('source')) =~ s/new\.total/new.amount/gr;
query($node, "BEGIN; SELECT outbox.undefine_aggregate('order'); $repaired COMMIT", in('source'));
is(query($node, q{SELECT outbox.describe_aggregate('order')}, in('source')), $repaired, 'who defines the rules anew repairs it');
fails('and they hold', $node, 'source', q{UPDATE shop.orders SET amount = 1 WHERE id = 1}, qr/ERROR:  23514:.*total_is_sum/s);

# Queries that are planned in parallel stay so.
query($node, 'INSERT INTO shop.orders (id, customer) SELECT i, i FROM generate_series(100, 30000) i; ANALYZE shop.orders', in('source'));
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;';
like(query($node, "$parallel EXPLAIN SELECT count(*) FROM shop.orders WHERE length(customer) > 2", in('source')), qr/Parallel Seq Scan/, 'a parallel scan stays one');
is(query($node, "$parallel SELECT count(*) FROM shop.orders WHERE length(customer) > 2", in('source')), 29903, 'and counts all');

# A server that does not preload the library.
set_conf($node, shared_preload_libraries => '');
$node->restart;
fails('without the library preloaded rules hold, too', $node, 'source', q{INSERT INTO shop.orders VALUES (50000, 'ann', 'paid')}, qr/ERROR:  23514:.*order_lifecycle/s);
is(query($node, q{INSERT INTO shop.orders (id, customer) VALUES (50000, 'ann'); BEGIN; INSERT INTO shop.line VALUES (21, 50000, 1), (22, 50000, -1); COMMIT;
	SELECT version FROM shop.orders WHERE id = 50000}, in('source')), 2, 'and versions are raised');

unlike(log_between($node, 0), qr/terminated by signal|PANIC|TRAP/, 'nothing has crashed');
$node->stop;
done_testing();
