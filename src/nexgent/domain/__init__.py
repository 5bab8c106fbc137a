"""What the engine knows about trading, free of any framework."""
