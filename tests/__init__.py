"""Tests; a package, so that `python -m tests.vectors` finds its modules."""
