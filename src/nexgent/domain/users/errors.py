"""Errors of the users package."""

from __future__ import annotations

from datetime import UTC, datetime

from nexgent.shared.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NexgentError,
    NotFoundError,
    UnavailableError,
)


class NotAuthenticatedError(NexgentError):
    """The request does not prove who it comes from. Clients end their session on it, so it means nothing else."""

    code = "AUTHENTICATION_ERROR"


class InvalidTokenError(NexgentError):
    """A token cannot be read, is signed by somebody else, or is over (`expired`)."""

    code = "AUTHENTICATION_ERROR"

    def __init__(self, *, expired: bool = False, complete: bool = True) -> None:
        super().__init__("Token expired" if expired else "Invalid token")
        self.expired = expired
        self.complete = complete
        """False when the token is genuine but lacks claims."""


class AccountLockedError(NexgentError):
    """Too many wrong passwords; wait."""

    code = "ACCOUNT_LOCKED"

    def __init__(self, until: datetime) -> None:
        moment = until.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        super().__init__(
            "Account is locked after too many failed logins; try again later", lockedUntil=moment
        )


class LinkOverError(NotAuthenticatedError):
    """A one-time link was used, has expired or never was."""

    code = "LINK_OVER"

    def __init__(self) -> None:
        super().__init__("This link was used already or is over; `nexgent dashboard` gives a new one")


class NotTheMachineError(ForbiddenError):
    """It is for whoever sits at the service's own machine."""

    code = "NOT_THE_MACHINE"


class WrongPasswordError(ForbiddenError):
    """The present password is another one. Not 401: the session is as good as before."""

    code = "INVALID_PASSWORD"

    def __init__(self) -> None:
        super().__init__("Forbidden: the current password is wrong")


class SessionNotFoundError(NotFoundError):
    """The session has ended, or it is somebody else's."""

    code = "SESSION_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Session not found")


class TooManyApiKeysError(ConflictError):
    """One user has as many keys as are allowed."""

    code = "TOO_MANY_API_KEYS"


class MissingScopeError(ForbiddenError):
    """The API key may not do this."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"API key missing required scope: {scope}")


class UserNotFoundError(NotFoundError):
    """The user does not exist any more."""

    def __init__(self) -> None:
        super().__init__("User not found")


class LoginBusyError(UnavailableError):
    """More logins are waiting than can be checked in reasonable time."""

    code = "LOGIN_BUSY"

    def __init__(self) -> None:
        super().__init__("Too many logins at once; try again in a moment")


class InvalidAdminError(NexgentError):
    """The administrator cannot be set up as configured."""

    code = "INVALID_ADMIN"


class RegistrationDisabledError(ForbiddenError):
    """Accounts are made by the administrator's settings only."""

    code = "REGISTRATION_DISABLED"

    def __init__(self) -> None:
        super().__init__("Registration is disabled")


class WeakPasswordError(InvalidInputError):
    """The password would be guessed too soon; `problems` says what it lacks."""

    code = "WEAK_PASSWORD"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The password is invalid: it is too weak")
        self.problems = problems


class EmailInUseError(ConflictError):
    """There is an account with that address, which the administrator may know."""

    code = "EMAIL_IN_USE"

    def __init__(self, email: str) -> None:
        super().__init__(f"There is an account {email} already")


class OwnAccountError(ConflictError):
    """The administrator's account is not managed by its own administrator."""

    code = "OWN_ACCOUNT"


class EmailTakenError(InvalidInputError):
    """There is an account with that address, which is nobody's business."""

    code = "REGISTRATION_FAILED"

    def __init__(self) -> None:
        super().__init__("Unable to create account")
