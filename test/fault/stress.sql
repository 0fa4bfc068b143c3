-- Accounts that the clients change, and the ledger that tells which events they
-- stated.  Both are written in the transaction that emits.
CREATE EXTENSION cleanoutbox;
CREATE SCHEMA stress;

-- The aggregates.  ordinal counts an aggregate's events, under its row's lock.
CREATE TABLE stress.account (
	number int PRIMARY KEY,
	aggregate text NOT NULL,
	aggregate_id text NOT NULL,
	ordinal bigint NOT NULL DEFAULT 0,
	UNIQUE (aggregate, aggregate_id)
) WITH (fillfactor = 20);
-- 0 to 49 are everybody's; those from 100 on belong to one client each.  Some ids
-- have to be encoded to travel in a header.
INSERT INTO stress.account (number, aggregate, aggregate_id)
SELECT n, (ARRAY['order', 'invoice', 'cart', 'shipment_note', 'stock-item'])[1 + n % 5],
       CASE n % 7 WHEN 0 THEN n || ' 100% "quoted"' WHEN 1 THEN 'straße.' || n WHEN 2 THEN n || '*>' ELSE n::text END
  FROM generate_series(0, 49) n
UNION ALL
SELECT n, 'private', n::text FROM generate_series(100, 163) n;

CREATE TABLE stress.ledger (
	event_id bigint PRIMARY KEY,
	aggregate text NOT NULL,
	aggregate_id text NOT NULL,
	ordinal bigint NOT NULL,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	checksum text NOT NULL
);
CREATE TABLE stress.note (xid xid8 NOT NULL DEFAULT pg_current_xact_id());

-- Changes an account and emits that; the payload's size is chosen by the caller.
CREATE FUNCTION stress.change(account_number int, size int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	account stress.account;
	body jsonb;
	bytes bytea;
	event bigint;
BEGIN
	UPDATE stress.account SET ordinal = ordinal + 1 WHERE number = account_number RETURNING * INTO STRICT account;
	body := jsonb_build_object('ordinal', account.ordinal, 'noise', 'canary-4711' || repeat(md5(random()::text), 1 + size / 32));
	IF account.ordinal % 4 = 0 THEN
		bytes := decode('00ff0d0a', 'hex') || convert_to(body::text, 'UTF8');
		event := outbox.emit_bytes(account.aggregate, account.aggregate_id, 'changed', bytes, version => account.ordinal);
	ELSE
		bytes := convert_to(body::text, 'UTF8');
		event := outbox.emit(account.aggregate, account.aggregate_id, 'changed', body, version => account.ordinal);
	END IF;
	INSERT INTO stress.ledger (event_id, aggregate, aggregate_id, ordinal, checksum)
	VALUES (event, account.aggregate, account.aggregate_id, account.ordinal, encode(sha256(bytes), 'hex'));
END
$$;
