"""Run numeric vectors of trading rules through the domain: `python -m tests.vectors FILE`."""
