-- Two events, both gone with the transaction.
\set customer random(1, 100)
\set product random(1, 1000)
BEGIN;
SELECT shop.place_order(:customer, :product, 1);
SELECT nextval('shop.rolled_back'), nextval('shop.rolled_back_events'), nextval('shop.rolled_back_events');
ROLLBACK;
