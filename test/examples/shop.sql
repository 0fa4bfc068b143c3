-- Promises: Rules hold for every writer.
--
-- A web shop: orders with their lines and payments, and what is in stock.
--
-- What the statements answer is in expected/shop.out.  Whatever a rule says here is said once, and holds for the shop's
-- program, a colleague in psql, COPY and a migration alike.
CREATE SCHEMA shop;

-- A value object: a rule about a value, in whichever table it stands.
SELECT outbox.define_value_object('shop.money', 'numeric', 'VALUE >= 0 AND scale(VALUE) <= 2',
	'an amount of money is not negative and has whole cents');

-- What PostgreSQL can say by itself, it says: NOT NULL, UNIQUE, foreign keys, and CHECK for what concerns one row as it is.
CREATE TABLE shop.product (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL,
	price shop.money NOT NULL
);
CREATE TABLE shop.stock (
	product_id bigint PRIMARY KEY REFERENCES shop.product,
	on_hand integer NOT NULL CONSTRAINT stock_not_negative CHECK (on_hand >= 0),
	reorder_at integer NOT NULL DEFAULT 10,
	version bigint NOT NULL DEFAULT 1
);
CREATE TABLE shop.orders (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	customer text NOT NULL,
	state text NOT NULL DEFAULT 'draft',
	total shop.money NOT NULL DEFAULT 0,
	tracking_code text,
	version bigint NOT NULL DEFAULT 1
);
CREATE TABLE shop.order_line (
	order_id bigint NOT NULL REFERENCES shop.orders ON DELETE CASCADE,
	product_id bigint NOT NULL REFERENCES shop.product,
	quantity integer NOT NULL CHECK (quantity > 0),
	price shop.money NOT NULL, -- of one piece, as it was when the line was added
	PRIMARY KEY (order_id, product_id)
);
CREATE TABLE shop.payment (
	reference text PRIMARY KEY, -- the payment provider's, so that what it reports twice is booked once
	order_id bigint NOT NULL REFERENCES shop.orders,
	amount shop.money NOT NULL
);
CREATE INDEX ON shop.payment (order_id);

-- An aggregate is what must fit together: an order with its lines and payments.  Who changes a line locks the order, and
-- the order's version goes up, too, so that two people do not work at one order unknowingly.
SELECT outbox.define_aggregate('order', 'shop.orders', version_column => 'version');
SELECT outbox.define_entity('order', 'shop.order_line', 'order_id');
SELECT outbox.define_entity('order', 'shop.payment', 'order_id');
SELECT outbox.define_immutable('order', 'customer');

-- The payload of an event may be any expression.  An expression over rows has no subquery; a function may look elsewhere.
CREATE FUNCTION shop.lines_of(order_id bigint) RETURNS jsonb STABLE
BEGIN ATOMIC
	SELECT jsonb_agg(jsonb_build_object('product', l.product_id, 'quantity', l.quantity, 'price', l.price) ORDER BY l.product_id)
	  FROM shop.order_line l WHERE l.order_id = lines_of.order_id;
END;

-- The lifecycle.  An action is the event that the transition emits, with the row as payload; a guard says when it is open.
SELECT outbox.define_lifecycle('order', 'state', '{draft}');
SELECT outbox.define_transition('order', 'draft', 'placed', guard => 'new.total > 0');
SELECT outbox.define_transition('order', 'draft', 'abandoned');
SELECT outbox.define_transition('order', 'placed', 'paid', 'paid');
SELECT outbox.define_transition('order', 'placed', 'cancelled', 'cancelled');
SELECT outbox.define_transition('order', 'paid', 'shipped', 'shipped', 'new.tracking_code IS NOT NULL');
SELECT outbox.lifecycle_diagram('order') \g (tuples_only=on format=unaligned)

-- Consumers of order.placed want the lines, too, so this event has a payload of its own.
SELECT outbox.define_event('order', 'placed', 'update', 'old.state = ''draft'' AND new.state = ''placed''',
	$$jsonb_build_object('customer', new.customer, 'total', new.total, 'lines', shop.lines_of(new.id))$$);
SELECT outbox.define_event('order', 'payment_received', 'insert on shop.payment', payload =>
	$$jsonb_build_object('reference', new.reference, 'amount', new.amount)$$);

-- Invariants.  Judged with each row: what needs the old row, which CHECK does not see.
SELECT outbox.define_invariant('order', 'total_is_agreed', 'old.state = ''draft'' OR new.total = old.total',
	'the total of an order does not change once it is placed');
-- Judged at commit, once for the order, while its row is locked: what spans several rows.  A null passes, as with CHECK,
-- so mind the sum of no rows.
SELECT outbox.define_invariant('order', 'total_is_sum_of_lines',
	'new.total = (SELECT coalesce(sum(l.quantity * l.price), 0) FROM shop.order_line l WHERE l.order_id = new.id)',
	'the total of an order is the sum of its lines', 'commit');
SELECT outbox.define_invariant('order', 'paid_in_full',
	'new.state NOT IN (''paid'', ''shipped'') OR new.total <= (SELECT coalesce(sum(p.amount), 0) FROM shop.payment p WHERE p.order_id = new.id)',
	'an order is paid when payments cover its total', 'commit');

-- The stock of a product is an aggregate of its own: many orders take from it, and it has to fit with none of them.
SELECT outbox.define_aggregate('stock', 'shop.stock', 'product_id', 'version');
SELECT outbox.define_event('stock', 'running_low', 'update', 'new.on_hand < new.reorder_at AND old.on_hand >= old.reorder_at',
	$$jsonb_build_object('on_hand', new.on_hand)$$);

-- Ada fills her cart.  Rules that are judged at commit may be broken on the way there.
INSERT INTO shop.product (name, price) VALUES ('teapot', 24.50), ('lamp', 80.00);
INSERT INTO shop.stock (product_id, on_hand) VALUES (1, 12), (2, 3);
BEGIN;
INSERT INTO shop.orders (customer) VALUES ('Ada') RETURNING id, state, version;
INSERT INTO shop.order_line SELECT 1, id, 4, price FROM shop.product WHERE name = 'teapot';
UPDATE shop.orders SET total = 98.00 WHERE id = 1 RETURNING total, version;
COMMIT;

-- What breaks a rule is refused, in words that may be shown to her.
UPDATE shop.orders SET state = 'paid' WHERE id = 1;
UPDATE shop.orders SET customer = 'Grace' WHERE id = 1;
UPDATE shop.orders SET total = -1 WHERE id = 1;
-- Without BEGIN each statement is a transaction, so this line without a new total does not get in.
INSERT INTO shop.order_line VALUES (1, 2, 1, 80.00);
-- Every way to write is held to the rules.
COPY shop.orders (customer, state) FROM stdin;
Grace	paid
\.

-- Somebody else adds a line between Ada's reading and writing.  Who writes the version that he has read is told so.
BEGIN;
INSERT INTO shop.order_line VALUES (1, 2, 1, 80.00);
UPDATE shop.orders SET total = 178.00 WHERE id = 1;
COMMIT;
UPDATE shop.orders SET state = 'placed', version = 2 WHERE id = 1;

-- Placing the order takes the pieces from the stock, in the same transaction.
BEGIN;
UPDATE shop.orders SET state = 'placed', version = 3 WHERE id = 1;
UPDATE shop.stock s SET on_hand = s.on_hand - l.quantity FROM shop.order_line l WHERE l.order_id = 1 AND l.product_id = s.product_id;
COMMIT;
-- There are two lamps left.  That is for CHECK to say: it needs no other row, and no older one.
UPDATE shop.stock SET on_hand = on_hand - 3 WHERE product_id = 2;

-- The lines are agreed now: neither with another total nor without can one go.
DELETE FROM shop.order_line WHERE order_id = 1 AND product_id = 2;
BEGIN;
DELETE FROM shop.order_line WHERE order_id = 1 AND product_id = 2;
UPDATE shop.orders SET total = 98.00 WHERE id = 1;
ROLLBACK;

-- She pays, too little at first.  A transaction that fails at COMMIT has done nothing.
BEGIN;
INSERT INTO shop.payment VALUES ('pay_8f2c', 1, 100.00);
UPDATE shop.orders SET state = 'paid' WHERE id = 1;
COMMIT;
BEGIN;
INSERT INTO shop.payment VALUES ('pay_8f2c', 1, 100.00);
INSERT INTO shop.payment VALUES ('pay_91ab', 1, 78.00);
UPDATE shop.orders SET state = 'paid' WHERE id = 1;
COMMIT;
-- A guard that does not hold.
UPDATE shop.orders SET state = 'shipped' WHERE id = 1;
UPDATE shop.orders SET state = 'shipped', tracking_code = 'JD014600' WHERE id = 1;

-- A program acts on the fields of an error, not on its words.
DO $$
DECLARE
	broken text;
BEGIN
	UPDATE shop.orders SET state = 'draft' WHERE id = 1;
EXCEPTION WHEN check_violation THEN
	GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
	RAISE NOTICE 'constraint %', broken;
END $$;

-- What others are told: one event for each thing that happened, none for what was refused, with the version that the
-- order got by it.
SELECT aggregate, aggregate_id, action, version, convert_from(payload, 'UTF8') AS payload
  FROM outbox.event WHERE aggregate IN ('order', 'stock') ORDER BY id;
SELECT id, state, total, version FROM shop.orders;

-- A table takes its rules with it.
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
SELECT count(*) FROM outbox.aggregate;
