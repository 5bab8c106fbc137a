"""Kinds of failure. A package subclasses a kind and sets a stable `code`; callers test types or codes, never text."""

from __future__ import annotations

from typing import ClassVar


class NexgentError(Exception):
    """A failure with a stable code and facts for whoever has to act on it.

    `details` may be shown to clients: it never holds a secret or the text of a foreign exception. Its keys are words of
    whoever raises, so no parameter beside it has a name: whatever a detail is called, it collides with nothing.
    """

    code: ClassVar[str] = "ERROR"

    def __init__(self, message: str, /, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotFoundError(NexgentError):
    """What was asked for does not exist, or does not belong to the caller."""

    code = "NOT_FOUND"


class ForbiddenError(NexgentError):
    """It exists and belongs to somebody else."""

    code = "AUTHORIZATION_ERROR"


class InvalidInputError(NexgentError):
    """The request itself is wrong; the message says what is allowed."""

    code = "VALIDATION_ERROR"


class ConflictError(NexgentError):
    """The request is right, but not in the present state."""

    code = "CONFLICT"


class RejectedError(NexgentError):
    """A business rule refuses."""

    code = "REJECTED"


class UnavailableError(NexgentError):
    """Something outside did not answer as it should. Trying again later may help."""

    code = "UNAVAILABLE"


class UpstreamError(NexgentError):
    """A service we depend on answered, but its answer cannot be used."""

    code = "EXTERNAL_SERVICE_ERROR"
