"""Before and beside real trades."""
