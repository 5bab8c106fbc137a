"""A place to send requests to, to see what arrives."""
