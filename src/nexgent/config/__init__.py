"""Settings sections, read once at start."""
