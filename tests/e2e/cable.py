"""A wire between a process and its PostgreSQL that can be cut and mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote

from nexgent.infrastructure.database.engine import normalise_url
from tests.e2e.product import free_port

_CHUNK = 65_536


class Cable:
    """Passes bytes on between a port of its own and a database. `url` is the database at this end."""

    def __init__(self, database_url: str) -> None:
        self._upstream: Mapping[str, Any] = normalise_url(database_url).connect_kwargs
        self._port = free_port()
        self._whole = True
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The address for whoever is at this end."""
        user, password = quote(self._upstream["user"]), quote(self._upstream.get("password") or "")
        database = self._upstream["database"]
        return f"postgresql://{user}:{password}@127.0.0.1:{self._port}/{database}?sslmode=disable"

    def cut(self) -> None:
        """Break all connections; new ones are refused until it is mended."""
        self._whole = False
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        """Let new connections through."""
        self._whole = True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            if not self._whole:
                return
            far_reader, far_writer = await self._dial()
            self._ends.add(far_writer)
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                self._ends.discard(far_writer)
        finally:
            self._ends.discard(writer)
            writer.transport.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = str(self._upstream["host"]), int(self._upstream["port"])
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def close(self) -> None:
        """Stop listening and break what is connected."""
        assert self._server is not None
        self._server.close()
        self.cut()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 5)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass bytes on until one end is gone; the other one is broken then."""
    try:
        with suppress(ConnectionError):
            while data := await source.read(_CHUNK):
                target.write(data)
                await target.drain()
    finally:
        target.transport.abort()


@asynccontextmanager
async def a_cable(database_url: str) -> AsyncIterator[Cable]:
    """Give a cable for the length of the block."""
    cable = Cable(database_url)
    await cable.open()
    try:
        yield cable
    finally:
        await cable.close()
