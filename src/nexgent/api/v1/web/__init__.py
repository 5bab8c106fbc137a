"""`/web`: the session of the dashboard."""
