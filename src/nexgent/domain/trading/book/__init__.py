"""Open positions in memory, arranged so that a price touches only those it can concern."""
