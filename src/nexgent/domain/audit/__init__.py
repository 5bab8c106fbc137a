"""What was done that matters for safety: by whom, on what, when, from where, and how it went."""
