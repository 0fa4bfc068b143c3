SELECT shop.advance_order('placed', 'paid');
