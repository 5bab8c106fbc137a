"""Traces of what the engine has done, made afterwards and sent to a collector."""
