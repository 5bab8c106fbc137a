"""Trading signals and the decisions they lead to."""
