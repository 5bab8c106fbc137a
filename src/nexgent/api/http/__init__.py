"""What FastAPI and pydantic leave to us: who calls, limits, idempotency, exact decimals, and the contract's error bodies."""
