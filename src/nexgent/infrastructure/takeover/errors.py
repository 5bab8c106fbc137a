"""Why nothing can be taken over."""

from __future__ import annotations

from nexgent.shared.errors import ConflictError, InvalidInputError, UnavailableError


class SourceAddressError(InvalidInputError):
    """The address of the reference's database cannot be used. The message never contains it: it may hold a password."""

    code = "INVALID_SOURCE_ADDRESS"


class SourceUnreachableError(UnavailableError):
    """The reference's database does not let us in, or is lost on the way."""

    code = "SOURCE_UNREACHABLE"


class NotAReferenceError(ConflictError):
    """The database has not the tables of the reference, or those of a version that is too old."""

    code = "NOT_A_REFERENCE"


class EngineRunsError(ConflictError):
    """A service trades on the database that things would be taken over into."""

    code = "ENGINE_RUNS"


class SameDatabaseError(ConflictError):
    """Both addresses lead to one database."""

    code = "SAME_DATABASE"


class DoesNotFitError(ConflictError):
    """The database refused what was mapped. Nothing was written."""

    code = "DOES_NOT_FIT"


class NotTakenError(Exception):
    """A record cannot be mapped; the message says why, for people."""
