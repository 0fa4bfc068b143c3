-- A small web shop.  It writes its own ledger: in each transaction, which events
-- that transaction has stated.  The show compares it with what arrives.
CREATE EXTENSION cleanoutbox;
CREATE SCHEMA shop;

CREATE TABLE shop.customer (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE shop.product (id bigint PRIMARY KEY, name text NOT NULL, price numeric(10, 2) NOT NULL, revision bigint NOT NULL DEFAULT 0);
CREATE TABLE shop.stock (product_id bigint PRIMARY KEY REFERENCES shop.product, quantity bigint NOT NULL, revision bigint NOT NULL DEFAULT 0);
CREATE TABLE shop.orders (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	customer_id bigint NOT NULL REFERENCES shop.customer,
	state text NOT NULL DEFAULT 'placed',
	total numeric(10, 2) NOT NULL DEFAULT 0,
	version bigint NOT NULL DEFAULT 1
);
CREATE INDEX ON shop.orders (state, id);
CREATE TABLE shop.order_line (
	order_id bigint NOT NULL REFERENCES shop.orders,
	product_id bigint NOT NULL REFERENCES shop.product,
	quantity bigint NOT NULL,
	PRIMARY KEY (order_id, product_id)
);
CREATE TABLE shop.payment (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	order_id bigint NOT NULL REFERENCES shop.orders,
	amount numeric(10, 2) NOT NULL
);

-- What was committed: event, aggregate, and the aggregate's own count of its events.
CREATE TABLE shop.demo_ledger (
	event_id bigint NOT NULL,
	aggregate text NOT NULL,
	aggregate_id text NOT NULL,
	ordinal bigint NOT NULL,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
-- Counted even when the transaction is rolled back, for sequences are not.
CREATE SEQUENCE shop.rolled_back;
CREATE SEQUENCE shop.rolled_back_events;

CREATE FUNCTION shop.state(aggregate text, aggregate_id bigint, action text, payload jsonb, version bigint) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO shop.demo_ledger (event_id, aggregate, aggregate_id, ordinal)
	VALUES (outbox.emit(aggregate, aggregate_id::text, action, payload, version => version), aggregate, aggregate_id::text, version)
$$;

-- The stock states its events by a trigger alone.
CREATE TRIGGER outbox_stock AFTER UPDATE ON shop.stock
	FOR EACH ROW EXECUTE FUNCTION outbox.capture('stock', 'product_id');
CREATE FUNCTION shop.note_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO shop.demo_ledger (event_id, aggregate, aggregate_id, ordinal)
	VALUES (currval('outbox.event_id_seq'), 'stock', new.product_id::text, new.revision);
	RETURN NULL;
END $$;
-- Fires after outbox_stock, by its name.
CREATE TRIGGER outbox_stock_noted AFTER UPDATE ON shop.stock
	FOR EACH ROW EXECUTE FUNCTION shop.note_stock();

CREATE FUNCTION shop.place_order(customer bigint, product bigint, pieces bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	number bigint;
	amount numeric;
BEGIN
	INSERT INTO shop.orders (customer_id) VALUES (customer) RETURNING id INTO number;
	INSERT INTO shop.order_line VALUES (number, product, pieces);
	UPDATE shop.stock s SET quantity = s.quantity - pieces, revision = s.revision + 1 WHERE s.product_id = place_order.product;
	UPDATE shop.orders SET total = pieces * (SELECT p.price FROM shop.product p WHERE p.id = place_order.product)
	 WHERE id = number RETURNING total INTO amount;
	PERFORM shop.state('order', number, 'placed',
		jsonb_build_object('customer', (SELECT c.name FROM shop.customer c WHERE c.id = place_order.customer), 'total', amount), 1);
	RETURN number;
END $$;

-- Moves some order that is in one state to the next.
CREATE FUNCTION shop.advance_order(old_state text, new_state text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	moved shop.orders;
	paid bigint;
BEGIN
	UPDATE shop.orders o SET state = new_state, version = o.version + 1
	 WHERE o.id = (SELECT id FROM shop.orders WHERE state = old_state ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
	RETURNING o.* INTO moved;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	IF new_state = 'paid' THEN
		INSERT INTO shop.payment (order_id, amount) VALUES (moved.id, moved.total) RETURNING id INTO paid;
		PERFORM shop.state('payment', paid, 'received', jsonb_build_object('order', moved.id, 'amount', moved.total), 1);
	END IF;
	PERFORM shop.state('order', moved.id, new_state, jsonb_build_object('total', moved.total), moved.version);
	RETURN moved.id;
END $$;

CREATE FUNCTION shop.reprice(factor numeric) RETURNS bigint LANGUAGE sql AS $$
	WITH repriced AS (
		UPDATE shop.product SET price = round(price * factor, 2), revision = revision + 1 RETURNING *
	), stated AS (
		SELECT shop.state('product', id, 'repriced', jsonb_build_object('name', name, 'price', price), revision) FROM repriced
	)
	SELECT count(*) FROM stated
$$;

INSERT INTO shop.customer
SELECT n, (ARRAY['Ada', 'Alan', 'Barbara', 'Edsger', 'Grace', 'Ken', 'Margaret', 'Tony'])[1 + n % 8] FROM generate_series(1, 100) n;
INSERT INTO shop.product (id, name, price)
SELECT n, (ARRAY['teapot', 'lamp', 'chair', 'bicycle', 'kettle', 'clock', 'globe'])[1 + n % 7] || ' ' || n, 5 + n % 90 FROM generate_series(1, 1000) n;
INSERT INTO shop.stock SELECT id, 100000 FROM shop.product;
ANALYZE;
