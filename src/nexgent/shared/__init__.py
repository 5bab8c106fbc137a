"""Building blocks every layer may use: money, time, ids, errors, events, loops."""
