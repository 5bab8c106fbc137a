"""A Solana node over JSON-RPC."""
