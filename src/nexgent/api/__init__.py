"""HTTP shapes and routes."""
