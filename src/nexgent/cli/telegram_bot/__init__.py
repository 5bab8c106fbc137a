"""`nexgent telegram`: a bot of Telegram that answers questions about the running service, stops entries and sells positions."""
