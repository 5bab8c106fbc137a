"""Version 1 of the interface, one package per resource."""
