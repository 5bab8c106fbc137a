"""Live wallets held against the chain."""
