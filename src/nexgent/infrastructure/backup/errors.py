"""Why a backup cannot be taken, read or restored."""

from __future__ import annotations

from nexgent.shared.errors import ConflictError, InvalidInputError


class DamagedBackupError(ConflictError):
    """The file is not a backup, not whole, or not what was written."""

    code = "DAMAGED_BACKUP"


class WrongPassphraseError(InvalidInputError):
    """The passphrase does not open the file."""

    code = "WRONG_PASSPHRASE"


class NotEmptyError(ConflictError):
    """The database has something in it that a backup would replace."""

    code = "DATABASE_NOT_EMPTY"


class ForeignSchemaError(ConflictError):
    """The backup or the database has a schema that does not fit."""

    code = "FOREIGN_SCHEMA"
