"""Requests that another process has to carry out: the engine of an agent."""
