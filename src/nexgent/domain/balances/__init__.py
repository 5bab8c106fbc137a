"""Balances of a wallet, derived from its ledger."""
