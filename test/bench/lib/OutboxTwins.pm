# OutboxTwins: tables with the same columns and the same statements, and different rules.
#
#	query($node, twin_tables($_)) foreach TWINS;
#	query($node, statement('change', 'ours', 1000));
#
# A *twin* is a schema: "bare" has no rules, "plpgsql" has them in PL/pgSQL as an
# experienced engineer writes them, "ours" has them by outbox.define_*.  In each
# are three aggregates:
#
# quiet		version, immutable columns, lifecycle with a guard, two row invariants;
#			a transition emits
# told		the same, and an insert emits as well
# basket	a version that its lines raise, and an invariant at commit over them
#
# A *case* is a statement over so many rows, with what makes its rows ready before it.
package OutboxTwins;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(TWINS CASES twin_tables statement preparation);

use constant TWINS => qw(bare plpgsql ours);
use constant CASES => qw(insert insert_event update update_event single single_event lines);

my %rules = (bare => sub { '' }, plpgsql => \&plpgsql_rules, ours => \&our_rules);

my %case = (
	insert => { table => 'quiet', run => sub { insert($_[0], 1, $_[1], 'quiet') } },
	insert_event => { table => 'told', run => sub { insert($_[0], 1, $_[1], 'told') } },
	update => { table => 'quiet', rows => 1, run => sub { "UPDATE $_[0].quiet SET total = total + 1, note = 'seen' WHERE id > 0" } },
	update_event => { table => 'quiet', rows => 1, run => sub { "UPDATE $_[0].quiet SET state = 'placed' WHERE id > 0" } },
	single => { table => 'quiet', rows => 1, run => sub { one_by_one($_[1], "UPDATE $_[0].quiet SET total = total + 1 WHERE id = i") } },
	single_event => { table => 'quiet', rows => 1, run => sub { one_by_one($_[1], "UPDATE $_[0].quiet SET state = 'placed' WHERE id = i") } },
	lines => { table => 'basket', rows => 1, run => \&fill_baskets });

# What is run, and measured.
sub statement
{
	my ($case, $twin, $count) = @_;
	return $case{$case}{run}->($twin, $count);
}

# What is run before it.  TRUNCATE makes sessions forget what they know of a table: a
# row of number 0 has them look it up again.
sub preparation
{
	my ($case, $twin, $count) = @_;
	my $table = "$twin.$case{$case}{table}";
	my @statements = ($case{$case}{table} eq 'basket' ? "TRUNCATE $table, ${table}_line" : "TRUNCATE $table");
	push @statements, insert($twin, 0, $case{$case}{rows} ? $count : 0, $case{$case}{table});
	return @statements;
}

sub insert
{
	my ($twin, $first, $last, $table) = @_;
	return "INSERT INTO $twin.basket (id, customer_id, total) SELECT i, i % 100, 0 FROM generate_series($first, $last) i" if $table eq 'basket';
	return "INSERT INTO $twin.$table (id, customer_id, email, total, discount, currency, placed_at)"
	  . " SELECT i, i % 100, 'customer' || i % 100 || '\@example.org', 10 + i % 90, i % 10, 'EUR', '2026-01-01 12:00+00' FROM generate_series($first, $last) i";
}

# A transaction each; the loop costs all twins the same.
sub one_by_one
{
	my ($count, $statement) = @_;
	return "DO \$\$ BEGIN FOR i IN 1 .. $count LOOP $statement; COMMIT; END LOOP; END \$\$";
}

# Five lines a basket, its total afterwards, in one transaction.
sub fill_baskets
{
	my ($twin, $count) = @_;
	return one_by_one($count, "INSERT INTO $twin.basket_line (basket_id, number, article, quantity, price) SELECT i, n, 'article ' || n, n, 3 FROM generate_series(1, 5) n;"
		. " UPDATE $twin.basket SET total = 45 WHERE id = i");
}

sub twin_tables
{
	my ($twin) = @_;
	my $tables = join '', map { <<"SQL" } qw(quiet told);
CREATE TABLE $twin.$_ (
	id bigint PRIMARY KEY,
	customer_id bigint NOT NULL,
	email text,
	state text NOT NULL DEFAULT 'draft',
	total numeric(12,2) NOT NULL,
	discount numeric(12,2) NOT NULL DEFAULT 0,
	currency text NOT NULL DEFAULT 'EUR',
	placed_at timestamptz,
	note text,
	version bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 50);
SQL
	return <<"SQL" . $rules{$twin}->();
CREATE SCHEMA $twin;
${tables}CREATE TABLE $twin.basket (id bigint PRIMARY KEY, customer_id bigint NOT NULL, total numeric(12,2) NOT NULL, version bigint NOT NULL DEFAULT 1);
CREATE TABLE $twin.basket_line (
	basket_id bigint NOT NULL REFERENCES $twin.basket,
	number integer NOT NULL,
	article text NOT NULL,
	quantity integer NOT NULL,
	price numeric(12,2) NOT NULL,
	PRIMARY KEY (basket_id, number)
);
SQL
}

sub our_rules
{
	my $rules = <<'SQL';
SELECT outbox.define_event('told', 'created', 'insert');
SELECT outbox.define_aggregate('basket', 'ours.basket', 'id', 'version');
SELECT outbox.define_entity('basket', 'ours.basket_line', 'basket_id');
SELECT outbox.define_invariant('basket', 'total_is_sum',
	'new.total = (SELECT coalesce(sum(l.quantity * l.price), 0) FROM ours.basket_line l WHERE l.basket_id = new.id)', NULL, 'commit');
SQL
	return join('', map { <<"SQL" } qw(quiet told)) . $rules;
SELECT outbox.define_aggregate('$_', 'ours.$_', 'id', 'version');
SELECT outbox.define_immutable('$_', 'customer_id', 'currency');
SELECT outbox.define_lifecycle('$_', 'state', '{draft}');
SELECT outbox.define_transition('$_', 'draft', 'placed', 'placed', 'new.total > 0');
SELECT outbox.define_transition('$_', 'placed', 'paid', 'paid');
SELECT outbox.define_transition('$_', 'paid', 'shipped', 'shipped');
SELECT outbox.define_transition('$_', 'draft', 'cancelled', 'cancelled');
SELECT outbox.define_transition('$_', 'placed', 'cancelled', 'cancelled');
SELECT outbox.define_invariant('$_', '${_}_total_not_negative', 'new.total >= 0');
SELECT outbox.define_invariant('$_', '${_}_discount_within_total', 'new.discount BETWEEN 0 AND new.total');
SQL
}

sub plpgsql_rules
{
	return join('', map { plpgsql_aggregate($_) } qw(quiet told)) . <<'SQL' . plpgsql_basket();
CREATE TRIGGER tell_created AFTER INSERT ON plpgsql.told FOR EACH ROW EXECUTE FUNCTION plpgsql.tell_told();
SQL
}

sub plpgsql_aggregate
{
	my ($name) = @_;
	return <<"SQL";
CREATE FUNCTION plpgsql.keep_$name() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	IF TG_OP = 'INSERT' THEN
		NEW.version := coalesce(NEW.version, 1);
		IF NEW.state <> 'draft' THEN
			RAISE EXCEPTION '$name % cannot begin as %', NEW.id, NEW.state USING ERRCODE = 'check_violation', CONSTRAINT = '${name}_lifecycle';
		END IF;
	ELSE
		IF NEW.version = OLD.version THEN
			NEW.version := OLD.version + 1;
		ELSIF NEW.version <> OLD.version + 1 THEN
			RAISE EXCEPTION '$name % has been changed by somebody else', NEW.id USING ERRCODE = 'serialization_failure';
		END IF;
		IF NEW.id <> OLD.id OR NEW.customer_id <> OLD.customer_id OR NEW.currency <> OLD.currency THEN
			RAISE EXCEPTION 'id, customer_id and currency of $name % never change', OLD.id USING ERRCODE = 'check_violation', CONSTRAINT = '${name}_immutable';
		END IF;
		IF NEW.state <> OLD.state THEN
			IF (OLD.state, NEW.state) NOT IN (('draft', 'placed'), ('placed', 'paid'), ('paid', 'shipped'), ('draft', 'cancelled'), ('placed', 'cancelled')) THEN
				RAISE EXCEPTION '$name % cannot go from % to %', NEW.id, OLD.state, NEW.state USING ERRCODE = 'check_violation', CONSTRAINT = '${name}_lifecycle';
			END IF;
			IF NEW.state = 'placed' AND NOT NEW.total > 0 THEN
				RAISE EXCEPTION '$name % cannot be placed: total > 0 is not met', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = '${name}_lifecycle';
			END IF;
		END IF;
	END IF;
	IF NEW.total < 0 THEN
		RAISE EXCEPTION 'total of $name % is negative', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'total_not_negative';
	END IF;
	IF NEW.discount NOT BETWEEN 0 AND NEW.total THEN
		RAISE EXCEPTION 'discount of $name % exceeds its total', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'discount_within_total';
	END IF;
	RETURN NEW;
END \$\$;
CREATE FUNCTION plpgsql.tell_$name() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM outbox.emit('$name', NEW.id::text, CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE NEW.state END, to_jsonb(NEW), version => NEW.version);
	RETURN NULL;
END \$\$;
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON plpgsql.$name FOR EACH ROW EXECUTE FUNCTION plpgsql.keep_$name();
CREATE TRIGGER tell_moved AFTER UPDATE ON plpgsql.$name FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION plpgsql.tell_$name();
SQL
}

# A change of a line raises the version, once for what a statement does to a basket;
# the sum is looked at at the end, for each line, under the basket's lock.
sub plpgsql_basket
{
	return <<'SQL';
CREATE FUNCTION plpgsql.keep_basket() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.version = OLD.version THEN
		NEW.version := OLD.version + 1;
	ELSIF NEW.version <> OLD.version + 1 THEN
		RAISE EXCEPTION 'basket % has been changed by somebody else', NEW.id USING ERRCODE = 'serialization_failure';
	END IF;
	IF NEW.id <> OLD.id THEN
		RAISE EXCEPTION 'the id of basket % never changes', OLD.id USING ERRCODE = 'check_violation', CONSTRAINT = 'basket_immutable';
	END IF;
	RETURN NEW;
END $$;
CREATE FUNCTION plpgsql.raise_basket() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE plpgsql.basket b SET version = b.version FROM (SELECT DISTINCT basket_id FROM changed) c WHERE b.id = c.basket_id;
	RETURN NULL;
END $$;
CREATE FUNCTION plpgsql.check_basket(which bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	noted numeric;
BEGIN
	SELECT total INTO noted FROM plpgsql.basket WHERE id = which FOR UPDATE;
	IF FOUND AND noted <> (SELECT coalesce(sum(quantity * price), 0) FROM plpgsql.basket_line WHERE basket_id = which) THEN
		RAISE EXCEPTION 'the total of basket % is not the sum of its lines', which USING ERRCODE = 'check_violation', CONSTRAINT = 'total_is_sum';
	END IF;
END $$;
CREATE FUNCTION plpgsql.check_of_basket() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM plpgsql.check_basket(NEW.id);
	RETURN NULL;
END $$;
CREATE FUNCTION plpgsql.check_of_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP <> 'DELETE' THEN
		PERFORM plpgsql.check_basket(NEW.basket_id);
	END IF;
	IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND OLD.basket_id <> NEW.basket_id) THEN
		PERFORM plpgsql.check_basket(OLD.basket_id);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER keep BEFORE UPDATE ON plpgsql.basket FOR EACH ROW EXECUTE FUNCTION plpgsql.keep_basket();
CREATE TRIGGER raise_inserted AFTER INSERT ON plpgsql.basket_line REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plpgsql.raise_basket();
CREATE TRIGGER raise_updated AFTER UPDATE ON plpgsql.basket_line REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plpgsql.raise_basket();
CREATE TRIGGER raise_deleted AFTER DELETE ON plpgsql.basket_line REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plpgsql.raise_basket();
CREATE CONSTRAINT TRIGGER check_sum AFTER INSERT OR UPDATE OF total ON plpgsql.basket DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION plpgsql.check_of_basket();
CREATE CONSTRAINT TRIGGER check_sum AFTER INSERT OR UPDATE OR DELETE ON plpgsql.basket_line DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION plpgsql.check_of_line();
SQL
}

1;
