"""Wallets of agents."""
