"""The journal: the append-only truth, its codec, and what is folded straight from it."""
