"""Notifications against real servers."""
