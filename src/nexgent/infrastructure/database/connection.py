"""One long-lived connection of a component, and the translation of driver errors into ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import asyncpg

from nexgent.infrastructure.database.engine import normalise_url
from nexgent.shared.errors import UnavailableError

# What says nothing about the statement, only about server or connection; read-only is a server that is being failed over.
_TRANSIENT = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.PostgresSystemError,
)


class DatabaseUnavailableError(UnavailableError):
    """PostgreSQL did not answer, or not in time."""

    code = "DATABASE_UNAVAILABLE"


@contextmanager
def translated_errors(doing: str) -> Iterator[None]:
    """Turn failures of the server or the connection into `DatabaseUnavailableError`; others pass."""
    try:
        yield
    except _TRANSIENT as error:
        raise DatabaseUnavailableError(
            f"The database is not available at present: could not {doing}"
        ) from error


class DedicatedConnection:
    """A connection under a name of its own, opened when needed and again after a loss.

    The name is its `application_name`; by it another session can find and end what this one left behind on the server.
    """

    def __init__(
        self, database_url: str, *, application_name: str, server_settings: Mapping[str, str] | None = None
    ) -> None:
        kwargs = normalise_url(database_url).connect_kwargs
        self._kwargs = {**kwargs, "server_settings": {**kwargs["server_settings"], **(server_settings or {})}}
        self._prefix = application_name
        self._name = ""
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    @property
    def name(self) -> str:
        """The name of the present or the last session."""
        return self._name

    async def get(self) -> asyncpg.Connection[asyncpg.Record]:
        """Return the connection, opening it when there is none. Raises what asyncpg raises."""
        connection = self._connection
        if connection is None or connection.is_closed():
            self._name = f"{self._prefix}-{uuid4().hex[:16]}"
            settings = {**self._kwargs["server_settings"], "application_name": self._name}
            connection = await asyncpg.connect(**{**self._kwargs, "server_settings": settings})
            self._connection = connection
        return connection

    def abandon(self) -> str:
        """Drop the connection without a word to the server; return its name."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
        return self._name

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2.0)
            except _TRANSIENT:
                connection.terminate()
