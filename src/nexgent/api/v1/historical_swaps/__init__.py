"""Closed trades."""
