"""Errors of the signals package."""

from __future__ import annotations

from nexgent.shared.errors import ConflictError, NotFoundError


class DuplicateSignalError(ConflictError):
    """The same user sent the same token, type and strength a moment ago."""

    code = "SIGNAL_DUPLICATE"

    def __init__(self, window_seconds: int) -> None:
        super().__init__(
            f"A signal with the same token, type and strength was received within the last {window_seconds} seconds"
        )


class SignalNotFoundError(NotFoundError):
    """No such signal, or it belongs to another user."""

    def __init__(self) -> None:
        super().__init__("Trading signal not found")
