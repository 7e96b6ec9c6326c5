"""Cards, terminals and punches: what is written of them."""
