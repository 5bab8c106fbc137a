"""The journal: durable, append-only truth about every wallet."""
