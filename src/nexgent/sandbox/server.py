"""The sandbox as a server: for the command line, and inside a test."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Generator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from nexgent.sandbox.app import ABORT_EXTENSION, create_sandbox
from nexgent.sandbox.settings import SandboxSettings
from nexgent.shared.errors import UnavailableError

_STARTUP_DEADLINE_SECONDS = 10.0
_REQUEST_END_SECONDS = 0.5
_BACKLOG = 2048


class SandboxPortError(UnavailableError):
    """The sandbox cannot listen where it should."""

    code = "SANDBOX_PORT_UNAVAILABLE"


class _CuttableProtocol(HttpToolsProtocol):
    """Let the application cut the connection of a request, which ASGI itself has no word for."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT_EXTENSION: {"abort": self.transport.abort}}


class _QuietServer(uvicorn.Server):
    """A server inside another program: signals belong to that program, and stopping takes effect at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopped = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        requests = set(self.server_state.tasks)
        if requests:
            _, slow = await asyncio.wait(requests, timeout=_REQUEST_END_SECONDS)
            for request in slow:
                request.cancel()
        for server in self.servers:
            await server.wait_closed()

    def stop(self) -> None:
        """Stop serving. Open streams and idle connections are the client's affair: they are cut, not waited for."""
        self.should_exit = True
        self.force_exit = True
        self._stopped.set()


async def serve_sandbox(settings: SandboxSettings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until cancelled or signalled; `ready` is called with the base URL once connections are accepted.

    Raises SandboxPortError when the address cannot be bound.
    """
    with _listen(settings) as listener:
        server = uvicorn.Server(_config(settings))
        await _serve(server, listener, lambda: ready(_base_url(listener)) if ready is not None else None)


@contextlib.asynccontextmanager
async def run_sandbox(settings: SandboxSettings) -> AsyncIterator[str]:
    """Serve inside this event loop and yield the base URL; port 0 takes a free one."""
    with _listen(settings) as listener:
        server = _QuietServer(_config(settings))
        started = asyncio.Event()
        serving = asyncio.ensure_future(_serve(server, listener, started.set))
        try:
            async with asyncio.timeout(_STARTUP_DEADLINE_SECONDS):
                await started.wait()
            yield _base_url(listener)
        finally:
            server.stop()
            await serving


async def _serve(server: uvicorn.Server, listener: socket.socket, started: Callable[[], None]) -> None:
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.002)
        if server.started:
            started()
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        # Uvicorn shuts down in order when told to; a cancelled serve() would leave its sockets open.
        server.should_exit = True
        server.force_exit = True
        await serving
        raise


def _config(settings: SandboxSettings) -> uvicorn.Config:
    return uvicorn.Config(
        create_sandbox(settings),
        http=_CuttableProtocol,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )


def _listen(settings: SandboxSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Asyncio switches Nagle's delay off only where the protocol is named; without, each answer takes 40 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            reason = "the port is in use by another program; set SANDBOX_PORT to a free one, or to 0 for any"
        else:
            reason = f"{error.strerror or error}; check SANDBOX_HOST and SANDBOX_PORT"
        message = f"The sandbox cannot listen on {settings.host}:{settings.port}: {reason}."
        raise SandboxPortError(message, host=settings.host, port=settings.port) from error
    return listener


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
