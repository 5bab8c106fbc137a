"""Telling people and programs what happened: what is worth telling, whom, when, and in how many messages."""
