"""Between whatever is printed and the terminal: names of others, such as those of agents and tokens, move no cursor there.

`guard_output` stands in front of the output of the whole process, so no command can forget it. What draws on the screen by
itself does so through `screen`, which cleans the texts in it and lets its own colours through.
"""

from __future__ import annotations

import io
import re
import sys
from typing import Any, cast

# Control characters but for tabs and new lines, what turns the direction of writing round, and what is not seen at all.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def harmless(text: str) -> str:
    """Return a text without what a terminal would obey or hide. New lines and tabs stay."""
    return text if text.isprintable() else _HARMFUL.sub(_INSTEAD, text)


class HarmlessOutput(io.TextIOWrapper):
    """An output of this process. What is written to it as text is harmless; `buffer` takes bytes as they are."""

    def write(self, text: str, /) -> int:
        """Write a text, harmless."""
        super().write(harmless(text))
        return len(text)

    def write_drawn(self, text: str) -> int:
        """Write what this program has drawn itself, with its colours."""
        return super().write(text)


class _Drawing:
    """A file for who draws: the same output, which then takes colours."""

    def __init__(self, output: HarmlessOutput) -> None:
        self._output = output

    def write(self, text: str) -> int:
        return self._output.write_drawn(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


def guard_output() -> None:
    """Have everything this process prints from now on be harmless."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:
            encoding, errors = stream.encoding, stream.errors
            buffered, through = stream.line_buffering, stream.write_through
            guarded = HarmlessOutput(
                cast("io.BufferedWriter", stream.detach()),
                encoding=encoding,
                errors=errors,
                line_buffering=buffered,
                write_through=through,
            )
            setattr(sys, name, guarded)


def drawn_on(stream: object) -> Any:
    """Return where to draw on a stream."""
    return _Drawing(stream) if isinstance(stream, HarmlessOutput) else stream
