"""Recorded transactions and closed trades."""
