"""Texts of the stores' statements, compiled from `scripts/statements` by `make sql`."""
