"""Figures of agents: performance, balance history, take profit."""
