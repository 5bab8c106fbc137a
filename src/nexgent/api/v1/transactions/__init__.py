"""Recorded transactions."""
