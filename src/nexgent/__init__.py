"""Self-hosted trading engine for Solana tokens."""
