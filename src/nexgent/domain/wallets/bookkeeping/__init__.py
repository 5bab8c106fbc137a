"""Entries made by hand: balances, transactions and closed trades that people record, correct and remove."""
