"""Figures derived from trades and prices."""
