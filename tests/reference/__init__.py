"""Databases of the reference: its two generations of tables as the specification has them, and a story with awkward values."""
