"""What watches prices and positions: triggers, exits, recovery, dead tokens."""
