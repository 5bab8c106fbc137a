"""Open positions and their price marks."""
