"""Agents and their configuration."""
