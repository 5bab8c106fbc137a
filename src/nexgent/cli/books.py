"""For commands that only look at, or mend, what is there: they begin no books and make no data folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nexgent.bootstrap.storage import Storage, open_storage
from nexgent.config.sections import StorageSettings
from nexgent.infrastructure.database.schema.migration import SCHEMA_REVISION, current_revision
from nexgent.shared.errors import ConflictError


class NoBooksError(ConflictError):
    """There is nothing that could be worked on, or not by this version."""

    code = "NO_BOOKS"


@asynccontextmanager
async def existing_books(settings: StorageSettings) -> AsyncIterator[Storage]:
    """Yield the stores, those of a running service where there is one. Raises `NoBooksError`."""
    _require_data(settings)
    async with open_storage(settings, join_running=True) as storage:
        require_schema(await current_revision(storage.database_url))
        yield storage


def _require_data(storage: StorageSettings) -> None:
    """Raise `NoBooksError` where no embedded server ever ran: looking must not make a data folder."""
    folder = storage.data_dir.expanduser().resolve()
    if storage.database_url is None and not (folder / "postgres").is_dir():
        raise NoBooksError(
            f"There are no books here: the data folder {folder} holds none. `nexgent serve` begins them; is this the "
            "right folder, or is NEXGENT_DATA_DIR or DATABASE_URL missing?"
        )


def require_schema(revision: str | None) -> None:
    """Raise `NoBooksError` unless a database has the schema of this version."""
    if revision == SCHEMA_REVISION:
        return
    if revision is None:
        raise NoBooksError("There are no books here: the database is empty. `nexgent serve` begins them.")
    if revision < SCHEMA_REVISION:
        raise NoBooksError(
            f"The database has schema {revision}, and {SCHEMA_REVISION} is needed: run `nexgent migrate` first."
        )
    raise NoBooksError(
        f"The database has schema {revision}, which is newer than {SCHEMA_REVISION}: use the newer nexgent it belongs to."
    )
