"""Signals from services that send alerts in a form of their own."""
