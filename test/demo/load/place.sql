\set customer random(1, 100)
\set product random(1, 1000)
\set pieces random(1, 5)
SELECT shop.place_order(:customer, :product, :pieces);
