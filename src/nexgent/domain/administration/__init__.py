"""What an administrator looks at."""
