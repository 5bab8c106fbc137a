"""Texts of the stores' statements, compiled from `schema/statements` by `make sql`."""
