"""The bot of Telegram, without Telegram."""
