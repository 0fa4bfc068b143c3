-- The order stays, what follows the savepoint does not.
\set customer random(1, 100)
\set product random(1, 1000)
BEGIN;
SELECT shop.place_order(:customer, :product, 1) AS number \gset
SAVEPOINT gift;
SELECT shop.state('order', :number, 'wrapped', '{"paper": "red"}', 2), nextval('shop.rolled_back_events');
ROLLBACK TO SAVEPOINT gift;
COMMIT;
