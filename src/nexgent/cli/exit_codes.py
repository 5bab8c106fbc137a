"""What commands return to the shell. Stable: scripts may rely on them."""

OK = 0
FAILURE = 1
"""The command ran and found a problem (`verify`: differences; `doctor`: something to put right)."""
USAGE = 2
"""The command line or a setting is wrong."""
CANNOT_START = 3
"""Port taken, data folder in use or not writable, database or market not reachable."""
INTERRUPTED = 130
