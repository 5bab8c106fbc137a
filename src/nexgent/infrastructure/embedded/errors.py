"""What can go wrong with the embedded servers. The messages are for the person who started the program."""

from __future__ import annotations

from nexgent.shared.errors import UnavailableError


class EmbeddedServerError(UnavailableError):
    """An embedded server cannot be started or kept running; the message says what to do about it."""

    code = "EMBEDDED_SERVER_ERROR"


class DataFolderInUseError(EmbeddedServerError):
    """Another running process owns the data folder."""

    code = "DATA_FOLDER_IN_USE"
