"""The SOL price."""
