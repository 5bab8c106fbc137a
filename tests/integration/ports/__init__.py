"""What is behind a port behaves as the port says, the fake of the unit tests as well as the real one."""
