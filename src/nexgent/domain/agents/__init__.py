"""Agents and their trading configuration."""
