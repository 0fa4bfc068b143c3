# What rules cost a session that lives long, and a transaction that touches much.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use OutboxTest;

my $node = new_node('main', 'nats://127.0.0.1:1', conf => "fsync = off\nsynchronous_commit = off");
query($node, <<'SQL');
CREATE TABLE orders (id int PRIMARY KEY, total int NOT NULL DEFAULT 0, version int NOT NULL DEFAULT 1);
CREATE TABLE line (orders int NOT NULL, n int NOT NULL);
CREATE INDEX ON line (orders);
INSERT INTO orders SELECT generate_series(1, 100000);
SELECT outbox.define_aggregate('order', 'orders', 'id', 'version');
SELECT outbox.define_entity('order', 'line', 'orders');
SELECT outbox.define_invariant('order', 'sound', '(SELECT count(*) FROM public.line l WHERE l.orders = -new.id) = 0', NULL, 'commit');
SELECT outbox.define_event('order', 'placed', 'insert');
CREATE UNLOGGED TABLE seen (changes int, context text, bytes bigint);
SQL

# One session changes rules, another one, which has met all of them, writes meanwhile.
my $definer = 'SELECT outbox.define_invariant($$order$$, $$fair$$, $$new.total < 1000$$); SELECT outbox.undefine_invariant($$order$$, $$fair$$);';
query($node, <<"SQL");
CREATE EXTENSION dblink;
CREATE PROCEDURE live(changes int) LANGUAGE plpgsql AS \$live\$
BEGIN
	FOR i IN 1 .. changes LOOP
		PERFORM * FROM dblink('definer', '$definer') AS t (void text);
		INSERT INTO line VALUES (1, i);
		UPDATE orders SET total = i % 7 WHERE id = 1;
		DELETE FROM line;
		COMMIT;
	END LOOP;
	INSERT INTO seen SELECT changes, name, sum(total_bytes) FROM pg_backend_memory_contexts GROUP BY name;
	COMMIT;
END \$live\$;
SQL
query($node, <<'SQL');
SELECT dblink_connect('definer', format('host=%s port=%s dbname=postgres', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))) IS NULL;
CALL live(100);
CALL live(1000);
SQL
is(query($node, <<'SQL'), '', 'a session that has seen 2,000 more changes of its rules has grown by nothing');
SELECT a.context, a.bytes, b.bytes FROM seen a JOIN seen b USING (context) WHERE a.changes = 100 AND b.changes = 1000 AND b.bytes > a.bytes * 1.5 + 65536
SQL
is(query($node, 'SELECT version > 1000 FROM orders WHERE id = 1'), 't', 'it has written all the while');

# Savepoints that touch aggregates, one after the other and in each other, some rolled back.
query($node, <<'SQL');
CREATE FUNCTION touch(many int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. many / 10 LOOP
		BEGIN
			INSERT INTO line SELECT i * 10 - n, 1 FROM generate_series(0, 9) n;
			BEGIN
				INSERT INTO line SELECT i * 10 - n, 2 FROM generate_series(0, 9) n;
				IF i % 2 = 0 THEN RAISE 'no'; END IF;
			EXCEPTION WHEN raise_exception THEN NULL;
			END;
		END;
	END LOOP;
END $$;
SQL

sub seconds
{
	my ($many) = @_;
	query($node, 'SET session_replication_role = replica; DELETE FROM line; VACUUM line, orders');
	my $begin = time;
	query($node, "BEGIN; SELECT touch($many); COMMIT");
	return time - $begin;
}

my $few = seconds(10000);
my $raised = q{SELECT count(*), count(DISTINCT orders) FROM line};
is(query($node, $raised), '15000|10000', '10,000 aggregates are touched in one transaction');
my $many = seconds(100000);
is(query($node, $raised), '150000|100000', '100,000 are');
is(query($node, 'SELECT min(version), count(*) FILTER (WHERE version > 3 AND id > 1) FROM orders'), '2|0', 'and each version is raised once by each');
note(sprintf '%.1f s for 10,000, %.1f s for 100,000', $few, $many);
cmp_ok($many, '<', 40 * ($few + 0.5), 'the time grows with their number, not with its square');

$node->stop;
done_testing();
