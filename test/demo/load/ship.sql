SELECT shop.advance_order('paid', 'shipped');
