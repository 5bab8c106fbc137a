"""Jupiter: swaps, prices, token figures."""
