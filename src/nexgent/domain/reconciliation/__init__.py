"""Live wallets held against the chain: what came in, what left, what nobody knows of, and rent that can be had back."""
