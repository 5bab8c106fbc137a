"""Requests as such: how often, and once only."""
