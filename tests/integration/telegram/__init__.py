"""The bot of Telegram against a server that speaks the Bot API."""
