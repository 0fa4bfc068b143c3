\echo Use "CREATE EXTENSION cleanoutbox" to load this file. \quit

CREATE SCHEMA outbox;
COMMENT ON SCHEMA outbox IS
'Transactional outbox: events emitted in a transaction, published to NATS JetStream after its commit.';
