"""Upstream clients without a network."""
