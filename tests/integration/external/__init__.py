"""Upstream clients over real HTTP."""
