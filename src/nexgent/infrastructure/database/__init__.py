"""PostgreSQL: the journal, the read tables projected from it, and what keeps them."""
