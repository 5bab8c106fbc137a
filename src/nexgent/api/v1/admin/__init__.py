"""The administrator's endpoints."""
