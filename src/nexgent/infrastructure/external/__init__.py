"""Clients of the services the engine depends on. Each maps a vendor to our types and errors."""
