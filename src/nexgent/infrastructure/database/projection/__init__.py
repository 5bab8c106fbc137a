"""Journal entries applied to the read tables."""
