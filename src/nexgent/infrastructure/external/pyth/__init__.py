"""Pyth: SOL/USD."""
