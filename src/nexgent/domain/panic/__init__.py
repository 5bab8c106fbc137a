"""Stop everything and get out."""
