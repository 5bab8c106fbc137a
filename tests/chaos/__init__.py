"""Faults at every point of a trade, and the books held against the chain afterwards."""
