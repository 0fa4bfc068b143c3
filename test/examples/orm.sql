-- Promises: Rules hold for every writer.
--
-- Optimistic locking as ORMs do it, against a table with a version: the statements that they send, prepared, with the
-- conflict that each has to notice.  What is answered is in expected/orm.out; the number is that of the rows affected, by
-- which an ORM knows.  Interleaved sessions are in test/isolation/specs/optimistic.spec.
--
-- They all know the version that they have read, and either write the next one where the row has still that one (most),
-- or write what they have read (Django's save).  Both are what the trigger expects: it numbers each change by itself, and
-- takes old and old + 1 for the same thing.
CREATE SCHEMA orm;
CREATE TABLE orm.orders (
	id bigint PRIMARY KEY,
	customer text NOT NULL,
	state text NOT NULL DEFAULT 'draft',
	version integer
);
CREATE TABLE orm.order_line (
	id bigint PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES orm.orders,
	product text NOT NULL
);
SELECT outbox.define_aggregate('orm_order', 'orm.orders', version_column => 'version');
SELECT outbox.define_entity('orm_order', 'orm.order_line', 'order_id');
SELECT outbox.define_event('orm_order', 'created', 'insert');
SELECT outbox.define_event('orm_order', 'changed', 'update');
SELECT outbox.define_event('orm_order', 'deleted', 'delete');
SET search_path = orm;

-- GORM with gorm.io/plugin/optimisticlock.  It begins at 1.
PREPARE gorm_insert (text, text, integer, bigint) AS
INSERT INTO "orders" ("customer","state","version","id") VALUES ($1,$2,$3,$4) RETURNING "id";
PREPARE gorm_update (text, integer, bigint) AS
UPDATE "orders" SET "state"=$1,"version"="version"+1 WHERE "orders"."version" = $2 AND "id" = $3;
EXECUTE gorm_insert ('Ada', 'draft', 1, 1);
EXECUTE gorm_update ('placed', 1, 1);
\echo rows affected: :ROW_COUNT
EXECUTE gorm_update ('cancelled', 1, 1);
\echo rows affected: :ROW_COUNT
SELECT state, version FROM orders WHERE id = 1;

-- Hibernate, JPA @Version.  It begins at 0, and a version that the program has given stays.
PREPARE hibernate_insert (text, text, integer, bigint) AS
insert into orders (customer, state, version, id) values ($1, $2, $3, $4);
PREPARE hibernate_insert_line (bigint, text, bigint) AS
insert into order_line (order_id, product, id) values ($1, $2, $3);
PREPARE hibernate_update (text, text, integer, bigint, integer) AS
update orders set customer=$1, state=$2, version=$3 where id=$4 and version=$5;
PREPARE hibernate_delete (bigint, integer) AS
delete from orders where id=$1 and version=$2;
BEGIN;
EXECUTE hibernate_insert ('Grace', 'draft', 0, 2);
EXECUTE hibernate_insert_line (2, 'lamp', 1);
COMMIT;
SELECT version FROM orders WHERE id = 2;
-- A flush inserts the children first, then updates the parent.  The transaction changes the root itself, so nothing is
-- added at commit, and the version is the one that Hibernate has in memory.
BEGIN;
EXECUTE hibernate_insert_line (2, 'teapot', 2);
EXECUTE hibernate_update ('Grace', 'placed', 1, 2, 0);
\echo rows affected: :ROW_COUNT
COMMIT;
SELECT version FROM orders WHERE id = 2;
BEGIN;
EXECUTE hibernate_update ('Grace', 'paid', 2, 2, 1);
COMMIT;
-- A second session that has read 1.
EXECUTE hibernate_update ('Grace', 'cancelled', 2, 2, 1);
\echo rows affected: :ROW_COUNT
EXECUTE hibernate_delete (2, 1);
\echo rows affected: :ROW_COUNT
-- A child alone: the database raises the version of the root, and Hibernate does not know.  It is told at its next update,
-- so the parent is to be refreshed, or locked with OPTIMISTIC_FORCE_INCREMENT, which updates it as above.
EXECUTE hibernate_insert_line (2, 'chair', 3);
EXECUTE hibernate_update ('Grace', 'shipped', 3, 2, 2);
\echo rows affected: :ROW_COUNT
SELECT version FROM orders WHERE id = 2;
EXECUTE hibernate_update ('Grace', 'shipped', 4, 2, 3);
\echo rows affected: :ROW_COUNT

-- Rails.  Its lock_version begins at 0; the column may be called so, or be set as locking_column.
PREPARE rails_insert (bigint, text, text, integer) AS
INSERT INTO "orders" ("id", "customer", "state", "version") VALUES ($1, $2, $3, $4) RETURNING "id";
PREPARE rails_update (text, integer, bigint, integer) AS
UPDATE "orders" SET "state" = $1, "version" = $2 WHERE "orders"."id" = $3 AND "orders"."version" = $4;
PREPARE rails_destroy (bigint, integer) AS
DELETE FROM "orders" WHERE "orders"."id" = $1 AND "orders"."version" = $2;
EXECUTE rails_insert (3, 'Ken', 'draft', 0);
EXECUTE rails_update ('placed', 1, 3, 0);
\echo rows affected: :ROW_COUNT
EXECUTE rails_update ('cancelled', 1, 3, 0);
\echo rows affected: :ROW_COUNT
EXECUTE rails_destroy (3, 0);
\echo rows affected: :ROW_COUNT
EXECUTE rails_destroy (3, 1);
\echo rows affected: :ROW_COUNT

-- Django's save() writes all columns back as they were read, the version among them: that is refused when it is stale,
-- which Django by itself does not notice.
PREPARE django_insert (bigint, text, text, integer) AS
INSERT INTO "orders" ("id", "customer", "state", "version") VALUES ($1, $2, $3, $4);
PREPARE django_save (text, text, integer, bigint) AS
UPDATE "orders" SET "customer" = $1, "state" = $2, "version" = $3 WHERE "orders"."id" = $4;
EXECUTE django_insert (4, 'Barbara', 'draft', 1);
EXECUTE django_save ('Barbara', 'placed', 1, 4);
\echo rows affected: :ROW_COUNT
EXECUTE django_save ('Barbara L.', 'draft', 1, 4);
\echo :LAST_ERROR_SQLSTATE
-- The object in memory has not got the new version, so a second save() of it fails as well, until it is read again.
SELECT state, version FROM orders WHERE id = 4;
EXECUTE django_save ('Barbara', 'paid', 2, 4);
-- django-concurrency with AutoIncVersionField.
PREPARE django_concurrency (text, text, integer, bigint, integer) AS
UPDATE "orders" SET "customer" = $1, "state" = $2, "version" = $3 WHERE ("orders"."id" = $4 AND "orders"."version" = $5);
EXECUTE django_concurrency ('Barbara', 'shipped', 4, 4, 3);
\echo rows affected: :ROW_COUNT
EXECUTE django_concurrency ('Barbara', 'cancelled', 4, 4, 3);
\echo rows affected: :ROW_COUNT
-- With IntegerVersionField the version is the time: that is no number of changes, and refused.
EXECUTE django_concurrency ('Barbara', 'cancelled', 1767225600, 4, 4);

-- SQLAlchemy with version_id_col.
PREPARE sqlalchemy_update (text, integer, bigint, integer) AS
UPDATE orders SET state=$1, version=$2 WHERE orders.id = $3 AND orders.version = $4;
EXECUTE sqlalchemy_update ('returned', 5, 4, 4);
\echo rows affected: :ROW_COUNT
EXECUTE sqlalchemy_update ('lost', 5, 4, 4);
\echo rows affected: :ROW_COUNT

-- Prisma, updateMany with the version in its condition.
PREPARE prisma_update (text, integer, bigint, integer) AS
UPDATE "orm"."orders" SET "state" = $1, "version" = ("orm"."orders"."version" + $2) WHERE ("orm"."orders"."id" = $3 AND "orm"."orders"."version" = $4);
EXECUTE prisma_update ('refunded', 1, 4, 5);
\echo rows affected: :ROW_COUNT
EXECUTE prisma_update ('lost', 1, 4, 5);
\echo rows affected: :ROW_COUNT

-- What does not protect.  TypeORM's save() with a VersionColumn raises the version and does not compare it: it says
-- nothing of what was read, so nobody can know.  The version is right, the other change is overwritten.
PREPARE typeorm_save (text, bigint) AS
UPDATE "orders" SET "state" = $1, "version" = "version" + 1 WHERE "id" IN ($2);
SELECT version FROM orders WHERE id = 4;
EXECUTE typeorm_save ('packed', 4);
EXECUTE typeorm_save ('lost', 4);
\echo rows affected: :ROW_COUNT
SELECT state, version FROM orders WHERE id = 4;
-- Two have read 8, and both write the next one without comparing.  The 9 of the second one is what the row has by then,
-- so it is taken for a version that was left as it is.
PREPARE next_without_comparing (text, integer, bigint) AS
UPDATE orders SET state = $1, version = $2 WHERE id = $3;
EXECUTE next_without_comparing ('first', 9, 4);
EXECUTE next_without_comparing ('second', 9, 4);
\echo rows affected: :ROW_COUNT
SELECT state, version FROM orders WHERE id = 4;
-- Who writes what he has read is safe without comparing.
PREPARE as_read (text, integer, bigint) AS
UPDATE orders SET state = $1, version = $2 WHERE id = $3;
EXECUTE as_read ('first', 10, 4);
EXECUTE as_read ('second', 10, 4);

-- The events have all the versions, and no gap.
SELECT aggregate_id, action, version FROM outbox.event WHERE aggregate = 'orm_order' AND aggregate_id IN ('2', '3', '4') ORDER BY aggregate_id, id;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA orm CASCADE;
