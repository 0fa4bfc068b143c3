-- One transaction that stays open while all others come and go.
BEGIN;
SELECT shop.state('report', 1, 'begun', '{"what": "a transaction that takes its time"}', 1);
SELECT pg_sleep(:seconds);
SELECT shop.state('report', 1, 'finished', '{"what": "committed after all the others"}', 2);
COMMIT;
