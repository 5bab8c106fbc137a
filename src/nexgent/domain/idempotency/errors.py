"""Errors of requests that may be repeated."""

from __future__ import annotations

from nexgent.shared.errors import ConflictError


class IdempotencyKeyReusedError(ConflictError):
    """The key was used for another request."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request; use a new key for each new request, and the same method, "
            "path and body to repeat one"
        )


class IdempotencyInProgressError(ConflictError):
    """The first request with the key is being worked on."""

    code = "IDEMPOTENCY_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still being worked on; repeat it in a moment"
        )


class IdempotencyOutcomeUnknownError(ConflictError):
    """The service ended while it worked on the first request with the key, or could not keep its answer."""

    code = "IDEMPOTENCY_OUTCOME_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key was interrupted, and it is not known whether it was carried out. It is "
            "not repeated: look whether it was (open positions, transactions, signals or the list concerned), and use a new key "
            "if it was not"
        )
