"""Keys of live wallets."""
