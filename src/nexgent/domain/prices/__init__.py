"""Prices: sources, plausibility, freshness."""
