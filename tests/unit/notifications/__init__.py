"""Deciding what is told, whom and when."""
