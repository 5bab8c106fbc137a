"""Server-sent events, as far as a client of one endless stream needs them. Pure: bytes in, events out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_EVENT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; an unnamed one is called `message`."""

    name: str
    data: bytes


class EventTooLargeError(ValueError):
    """An event does not end."""


class EventParser:
    """Feed it chunks as they arrive, cut anywhere; it yields the events they complete. Comments are dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._after_return = False

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Yield the events that end in this chunk. Raises `EventTooLargeError`."""
        if self._after_return and chunk.startswith(b"\n"):
            # The line feed of a CR LF that was cut in two; the line ended with the first half.
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r") if chunk else self._after_return
        lines = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) + self._size > MAX_EVENT_BYTES:
            raise EventTooLargeError("an event of the stream is too large")
        for line in lines:
            if line:
                self._take(line)
                continue
            if self._data:
                yield ServerEvent(self._name.decode("utf-8", "replace") or "message", b"\n".join(self._data))
            self._name, self._data, self._size = b"", [], 0

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value)
            if self._size > MAX_EVENT_BYTES:
                raise EventTooLargeError("an event of the stream is too large")
            self._data.append(value)
        elif name == b"event":
            self._name = value
