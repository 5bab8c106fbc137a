"""Databases of the reference, taken over into real ones."""
