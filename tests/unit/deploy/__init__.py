"""What `deploy/` holds for installations on servers."""
