"""Redis: write-through copies of what is in memory, and events between processes. Losing it changes no outcome."""
