"""Benchmarks of the promised times: `make bench` or `python -m benchmarks [NAME …]`."""
