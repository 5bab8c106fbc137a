"""Trading signals."""
