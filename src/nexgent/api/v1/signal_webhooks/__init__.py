"""Signal webhooks over HTTP."""
