"""Encrypted wallets."""
