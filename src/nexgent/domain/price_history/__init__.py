"""Prices over time: recorded by the worker, shown as charts."""
