"""Decisions and use cases that buy and sell."""
