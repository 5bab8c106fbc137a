"""`/overview`."""
