-- Promises: Rules hold for every writer.
--
-- A bank: accounts, and transfers whose entries balance.
--
-- What the statements answer is in expected/bank.out.
CREATE SCHEMA bank;

SELECT outbox.define_value_object('bank.currency', 'text', 'VALUE ~ ''^[A-Z]{3}$''', 'a currency is three capital letters');
SELECT outbox.define_value_object('bank.amount', 'numeric', 'VALUE <> 0 AND scale(VALUE) <= 2', 'an amount is not zero and has whole cents');

CREATE TABLE bank.account (
	number text PRIMARY KEY,
	holder text NOT NULL,
	currency bank.currency NOT NULL,
	balance numeric NOT NULL DEFAULT 0,
	credit_limit numeric NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
	state text NOT NULL DEFAULT 'open',
	version bigint NOT NULL DEFAULT 1,
	UNIQUE (number, currency)
);
CREATE TABLE bank.transfer (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	request_id text NOT NULL UNIQUE, -- the client's: what is sent twice is booked once
	currency bank.currency NOT NULL,
	purpose text NOT NULL,
	UNIQUE (id, currency)
);
-- Positive is credit, negative is debit.  That all of a transfer is in one currency, foreign keys can say.
CREATE TABLE bank.entry (
	transfer_id bigint NOT NULL,
	account text NOT NULL,
	currency bank.currency NOT NULL,
	amount bank.amount NOT NULL,
	PRIMARY KEY (transfer_id, account),
	FOREIGN KEY (transfer_id, currency) REFERENCES bank.transfer (id, currency),
	FOREIGN KEY (account, currency) REFERENCES bank.account (number, currency)
);
CREATE INDEX ON bank.entry (account);

-- A balance follows from the entries, and nobody else writes it: the program may insert entries, and has no right to change
-- them, nor a balance.  Rights are the right tool for who may do what; a rule is for what may be.
CREATE FUNCTION bank.post_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE bank.account SET balance = balance + new.amount WHERE number = new.account;
	RETURN NULL;
END $$;
CREATE TRIGGER post_entry AFTER INSERT ON bank.entry FOR EACH ROW EXECUTE FUNCTION bank.post_entry();
CREATE ROLE regress_outbox_teller;
GRANT USAGE ON SCHEMA bank TO regress_outbox_teller;
GRANT SELECT, INSERT ON bank.transfer, bank.entry TO regress_outbox_teller;
GRANT SELECT, INSERT (number, holder, currency), UPDATE (holder, credit_limit, state) ON bank.account TO regress_outbox_teller;

-- An account.
SELECT outbox.define_aggregate('account', 'bank.account', 'number', 'version');
SELECT outbox.define_immutable('account', 'currency');
SELECT outbox.define_lifecycle('account', 'state', '{open}');
SELECT outbox.define_transition('account', 'open', 'frozen', 'frozen');
SELECT outbox.define_transition('account', 'frozen', 'open', 'released');
SELECT outbox.define_transition('account', 'open', 'closed', 'closed', 'new.balance = 0');
-- An account in debt, whose limit was lowered since, may still be paid into; CHECK could not say so, for it sees no old row.
SELECT outbox.define_invariant('account', 'no_overdraft', 'new.balance >= -new.credit_limit OR new.balance >= old.balance',
	'the balance does not cover this');
SELECT outbox.define_invariant('account', 'accepts_bookings', 'new.state = ''open'' OR new.balance = old.balance',
	'the account is not open for bookings');
SELECT outbox.define_event('account', 'balance_changed', 'update', 'new.balance <> old.balance',
	$$jsonb_build_object('balance', new.balance, 'change', new.balance - old.balance, 'currency', new.currency)$$);

-- A transfer.  It never changes, so it has no version.  That it balances can only be judged when all its entries are there,
-- and must be judged for those that somebody adds later.
SELECT outbox.define_aggregate('transfer', 'bank.transfer');
SELECT outbox.define_entity('transfer', 'bank.entry', 'transfer_id');
SELECT outbox.define_immutable('transfer', 'request_id', 'currency', 'purpose');
SELECT outbox.define_invariant('transfer', 'balanced',
	'(SELECT count(*) >= 2 AND sum(e.amount) = 0 FROM bank.entry e WHERE e.transfer_id = new.id)',
	'debits and credits of a transfer balance', 'commit');
SELECT outbox.define_event('transfer', 'booked', 'insert');
SELECT outbox.define_event('transfer', 'entry_booked', 'insert on bank.entry', payload =>
	$$jsonb_build_object('account', new.account, 'amount', new.amount)$$);

-- The teller's day.
SET ROLE regress_outbox_teller;
INSERT INTO bank.account (number, holder, currency) VALUES ('DE01', 'Ada', 'EUR'), ('DE02', 'Grace', 'EUR'), ('US01', 'Ken', 'USD');
INSERT INTO bank.account (number, holder, currency) VALUES ('CH01', 'Niklaus', 'chf');
UPDATE bank.account SET balance = 1000000 WHERE number = 'DE01';
RESET ROLE;
-- The bank's cash is an account as well, with as much credit as it has.
INSERT INTO bank.account (number, holder, currency, credit_limit) VALUES ('CASH-EUR', 'the bank', 'EUR', 1000000);

-- Ada pays in 500.  Accounts are locked in the order of the entries; who always sorts them has no deadlocks.
SET ROLE regress_outbox_teller;
BEGIN;
INSERT INTO bank.transfer (request_id, currency, purpose) VALUES ('r-1', 'EUR', 'cash paid in') RETURNING id;
INSERT INTO bank.entry VALUES (1, 'CASH-EUR', 'EUR', -500), (1, 'DE01', 'EUR', 500);
COMMIT;

-- To Grace she sends 200, and 1 gets lost: the transfer does not exist, and both balances are as they were.
BEGIN;
INSERT INTO bank.transfer (request_id, currency, purpose) VALUES ('r-2', 'EUR', 'rent') RETURNING id;
INSERT INTO bank.entry VALUES (2, 'DE01', 'EUR', -200), (2, 'DE02', 'EUR', 199);
COMMIT;
-- A transfer without entries, an entry too many later on, one in another currency: no, either.
INSERT INTO bank.transfer (request_id, currency, purpose) VALUES ('r-3', 'EUR', 'nothing');
INSERT INTO bank.entry VALUES (1, 'DE02', 'EUR', 1);
INSERT INTO bank.entry VALUES (1, 'US01', 'USD', 1);
-- Who wants to know before COMMIT, asks.
BEGIN;
INSERT INTO bank.transfer (request_id, currency, purpose) VALUES ('r-2', 'EUR', 'rent') RETURNING id;
INSERT INTO bank.entry VALUES (4, 'DE01', 'EUR', -200), (4, 'DE02', 'EUR', 200);
SET CONSTRAINTS ALL IMMEDIATE;
COMMIT;
-- Sent once more after a broken connection.
INSERT INTO bank.transfer (request_id, currency, purpose) VALUES ('r-2', 'EUR', 'rent');

-- More than there is.
BEGIN;
INSERT INTO bank.transfer (request_id, currency, purpose) VALUES ('r-4', 'EUR', 'a bicycle') RETURNING id;
INSERT INTO bank.entry VALUES (6, 'DE01', 'EUR', -301), (6, 'DE02', 'EUR', 301);
ROLLBACK;
-- Neither is a frozen account debited, nor one closed that holds money, nor a closed one opened again.
UPDATE bank.account SET state = 'frozen' WHERE number = 'DE02';
BEGIN;
INSERT INTO bank.transfer (request_id, currency, purpose) VALUES ('r-5', 'EUR', 'coffee') RETURNING id;
INSERT INTO bank.entry VALUES (7, 'DE01', 'EUR', 3), (7, 'DE02', 'EUR', -3);
ROLLBACK;
UPDATE bank.account SET state = 'closed' WHERE number = 'DE01';
UPDATE bank.account SET state = 'closed' WHERE number = 'US01';
UPDATE bank.account SET state = 'open' WHERE number = 'US01';
RESET ROLE;

-- Not even the owner of the tables, who may do everything else.
UPDATE bank.account SET currency = 'USD' WHERE number = 'DE01';
UPDATE bank.entry SET amount = 201 WHERE transfer_id = 4 AND account = 'DE02';
-- A limit may be set below what is owed, and from then on the way leads up only.
UPDATE bank.account SET credit_limit = 100 WHERE number = 'CASH-EUR';
UPDATE bank.account SET balance = balance - 1 WHERE number = 'CASH-EUR';

SELECT number, balance, state, version FROM bank.account ORDER BY number COLLATE "C";
SELECT aggregate, aggregate_id, action, version, convert_from(payload, 'UTF8') AS payload
  FROM outbox.event WHERE aggregate IN ('account', 'transfer') ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA bank CASCADE;
DROP ROLE regress_outbox_teller;
