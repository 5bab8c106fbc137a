"""Requests that may be repeated, and are done once."""
