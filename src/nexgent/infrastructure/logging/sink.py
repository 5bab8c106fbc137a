"""Where finished lines go. A line that cannot be written is lost; what wrote it goes on."""

from __future__ import annotations

import threading
from typing import BinaryIO

_NOTE = b"--- %d lines could not be written ---\n"


class LineSink:
    """The logger that structlog writes finished lines with.

    A full disk, or a pipe whose reader is gone, must never become an error of the code that only wanted to leave a line: the
    line is dropped, and the next one that can be written is preceded by a note of how many were.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._lost = 0

    def msg(self, line: bytes) -> None:
        """Write a line."""
        with self._lock:
            # A buffered stream keeps what it could not write, perhaps half a line: the note begins a new one.
            note = b"\n" + _NOTE % self._lost if self._lost else b""
            try:
                self._stream.write(note + line + b"\n")
                self._stream.flush()
            except (OSError, ValueError):
                # `ValueError`: the stream is closed.
                self._lost += 1
            else:
                self._lost = 0

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


class NamedSink:
    """A sink that knows which module writes: what it may say depends on that."""

    __slots__ = ("_sink", "name")

    def __init__(self, sink: LineSink, name: str = "") -> None:
        self._sink = sink
        self.name = name

    def msg(self, line: bytes) -> None:
        """Write a line."""
        self._sink.msg(line)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg
