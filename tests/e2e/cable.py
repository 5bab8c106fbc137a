"""A wire between a process and a server that can be cut, or swallow everything, and be mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar
from urllib.parse import quote

from nexgent.infrastructure.database.engine import normalise_url
from tests.e2e.product import free_port

_CHUNK = 65_536


class Cable:
    """Passes bytes on between a port of its own and a server: `host` (or the path of a Unix socket) and `port`."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._far_port = port
        self.port = free_port()
        self._whole = True
        self._passing = asyncio.Event()
        self._passing.set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    def cut(self) -> None:
        """Break all connections; new ones are refused until it is mended."""
        self._whole = False
        self._break()

    def swallow(self) -> None:
        """Lose every byte, in both directions, until it is mended: nothing is answered, and nothing is closed."""
        self._passing.clear()

    def mend(self) -> None:
        """Let connections through again. Those that lost bytes cannot go on: they are broken."""
        self._whole = True
        if not self._passing.is_set():
            self._break()
            self._passing.set()

    def _break(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            await self._passing.wait()
            if not self._whole or writer.is_closing():
                return
            far_reader, far_writer = await self._dial()
            self._ends.add(far_writer)
            try:
                await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
            finally:
                self._ends.discard(far_writer)
        finally:
            self._ends.discard(writer)
            writer.transport.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(self._host)
        return await asyncio.open_connection(self._host, self._far_port)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Pass bytes on until one end is gone; the other one is broken then, or hears nothing of it while all is swallowed."""
        try:
            with suppress(ConnectionError):
                while data := await source.read(_CHUNK):
                    if self._passing.is_set():
                        target.write(data)
                        await target.drain()
            await self._passing.wait()
        finally:
            target.transport.abort()

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Stop listening and break what is connected."""
        assert self._server is not None
        self._server.close()
        self.cut()
        self._passing.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 5)


class DatabaseCable(Cable):
    """One to a database. `url` is the database at this end."""

    def __init__(self, database_url: str) -> None:
        target = normalise_url(database_url).connect_kwargs
        host, port = str(target["host"]), int(target["port"])
        super().__init__(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else host, port)
        user, password = quote(target["user"]), quote(target.get("password") or "")
        self.url = (
            f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{target['database']}?sslmode=disable"
        )


AnyCable = TypeVar("AnyCable", bound=Cable)


@asynccontextmanager
async def opened(cable: AnyCable) -> AsyncIterator[AnyCable]:
    """Give a cable for the length of the block."""
    await cable.open()
    try:
        yield cable
    finally:
        await cable.close()
