"""What the composition root does beside composing."""
