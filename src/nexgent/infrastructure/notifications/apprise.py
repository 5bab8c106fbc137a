"""Messages for people by apprise, in a process of their own: one for each target and round, ended when it takes too long."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from nexgent.domain.notifications.errors import ChannelMissingError, InvalidAddressError
from nexgent.domain.notifications.models import Address, Level, Message, Outcome
from nexgent.infrastructure.notifications.apprise_child import MISSING

SECONDS = 20.0
"""For one message, the start of the process included."""
AT_ONCE = 4
"""Processes: each takes 45 MB and half a second of a processor to start."""
_MODULE = "nexgent.infrastructure.notifications.apprise_child"
_TYPES = {Level.INFO: "info", Level.WARNING: "warning", Level.DANGER: "failure"}
# What a process needs to run and to trust certificates; nothing else of ours is there to be told.
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_HINT = "apprise is not installed: pip install 'nexgent[notify]'"
_NICENESS = 10


class AppriseSender:
    """Implements `Sender` for people. `private` allows addresses of this machine and of private networks, and proxies."""

    def __init__(self, *, private: bool = False, seconds: float = SECONDS) -> None:
        self._private = private
        self._seconds = seconds
        self._places = asyncio.Semaphore(AT_ONCE)

    async def check(self, url: str) -> str:
        """Return the scheme and whose service it is. Raises `InvalidAddressError`, `ChannelMissingError`."""
        async with self._child() as child:
            answer = await self._ask(child, {"do": "check", "url": url})
        if answer is None:
            raise InvalidAddressError("Invalid url: whether it can be used was not found out in time")
        if answer.get("error") == MISSING:
            raise ChannelMissingError(_HINT)
        if not answer["ok"]:
            raise InvalidAddressError(
                f"Invalid url: {answer['error']} (https://github.com/caronc/apprise lists them)"
            )
        scheme = url.partition("://")[0].lower()
        service = str(answer["service"])
        return f"{scheme}://… ({service})" if service else f"{scheme}://…"

    async def send(self, address: Address, messages: Sequence[Message]) -> AsyncGenerator[Outcome, None]:
        """Send one after the other until one does not come through."""
        async with self._child() as child:
            for message in messages:
                answer = await self._ask(
                    child,
                    {
                        "do": "send",
                        "url": address.url,
                        "title": message.title,
                        "text": message.text,
                        "type": _TYPES[message.level],
                    },
                )
                outcome = _outcome(answer, self._seconds)
                yield outcome
                if not outcome.sent:
                    return

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[Process]:
        kept = (*_KEPT, *_PROXIES) if self._private else _KEPT
        async with self._places:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-m",
                _MODULE,
                *(("private",) if self._private else ()),
                stdin=PIPE,
                stdout=PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in kept if name in os.environ},
                start_new_session=True,
            )
            # Trades have the processor first.
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, child.pid, _NICENESS)
            try:
                yield child
            finally:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()

    async def _ask(self, child: Process, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer; None when there is none in time."""
        if child.stdin is None or child.stdout is None:
            raise AssertionError("the process was started with pipes")
        try:
            async with asyncio.timeout(self._seconds):
                with suppress(BrokenPipeError, ConnectionResetError):
                    child.stdin.write(json.dumps(asked).encode() + b"\n")
                    await child.stdin.drain()
                line = await child.stdout.readline()
        except TimeoutError:
            return None
        if not line:
            return {"ok": False, "error": "its process has ended"}
        answer: dict[str, Any] = json.loads(line)
        return answer


def _outcome(answer: dict[str, Any] | None, seconds: float) -> Outcome:
    if answer is None:
        return Outcome(False, f"no answer within {seconds:g} seconds")
    if answer["ok"]:
        return Outcome(True)
    return Outcome(False, _HINT if answer["error"] == MISSING else str(answer["error"]))
