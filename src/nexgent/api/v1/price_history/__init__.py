"""`/price-history`."""
