-- Databases whose encoding is not UTF-8: events are UTF-8 all the same.
CREATE DATABASE regress_outbox_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE regress_outbox_ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
SELECT current_database() AS this \gset

\c regress_outbox_latin1
SET client_min_messages = error;
CREATE EXTENSION cleanoutbox;
RESET client_min_messages;
SELECT outbox.emit('order', E'Z\xfcrich', 'placed', jsonb_build_object('city', E'Z\xfcrich'), jsonb_build_object('city', E'Z\xfcrich')) > 0 AS ok;
CREATE TABLE city (id text);
CREATE TRIGGER captured AFTER INSERT ON city FOR EACH ROW EXECUTE FUNCTION outbox.capture('city');
INSERT INTO city VALUES (E'Z\xfcrich');
-- Names and headers are text of the database, payloads are UTF-8.
SELECT aggregate_id::bytea, headers::bytea, payload FROM outbox.event ORDER BY id;
-- What is quoted is text of the database, too.
SELECT outbox.emit(E'Z\xfcrich', '1', 'placed');
SELECT outbox.emit('order', repeat(E'\xfc', 128), 'placed');
-- A content type has no letters but ASCII.
SELECT outbox.emit_bytes('order', '1', 'placed', '', E'text/\xfc');

\c regress_outbox_ascii
SET client_min_messages = error;
CREATE EXTENSION cleanoutbox;
RESET client_min_messages;
-- Where the database does not know its encoding, what is no UTF-8 is refused.
SELECT outbox.emit('order', E'Z\xc3\xbcrich', 'placed', jsonb_build_object('city', E'Z\xc3\xbcrich'), jsonb_build_object('city', E'Z\xc3\xbcrich')) > 0 AS ok;
SELECT aggregate_id::bytea, headers::bytea, payload FROM outbox.event ORDER BY id;
SELECT outbox.emit('order', E'Z\xfcrich', 'placed');
\echo :SQLSTATE
SELECT outbox.emit('order', '1', 'placed', jsonb_build_object('city', E'Z\xfcrich'));
\echo :SQLSTATE
SELECT outbox.emit('order', '1', 'placed', headers => jsonb_build_object('city', E'Z\xfcrich'));
\echo :SQLSTATE

\c :this
DROP DATABASE regress_outbox_latin1;
DROP DATABASE regress_outbox_ascii;
