"""What the service takes from a connection: how many, how much, and for how long."""
