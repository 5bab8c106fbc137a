"""Everything that must be right before real money."""
