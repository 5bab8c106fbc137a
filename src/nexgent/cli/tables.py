"""Tables of commands. What is there to be copied, such as ids and addresses, is never cut and never broken over two lines."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

GAP = "  "
NARROWEST = 20


def line_width() -> int | None:
    """Return how long a line may be; None when nobody looks at a screen."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given) > 0:
        return max(NARROWEST, int(given))
    return max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, width: int | None) -> list[str]:
    """Return the lines of a table; where it does not fit, of a list with a cell on each line."""
    texts = [["–" if cell in {None, ""} else printable(str(cell)) for cell in row] for row in rows]
    lines = [list(columns), *texts]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    if width is None or sum(widths) + len(GAP) * (len(columns) - 1) <= width:
        return [GAP.join(cell.ljust(widths[at]) for at, cell in enumerate(line)).rstrip() for line in lines]
    label = max(len(column) for column in columns[1:])
    found: list[str] = []
    for row in texts:
        found.append(row[0])
        found.extend(
            line
            for column, cell in zip(columns[1:], row[1:], strict=True)
            for line in paragraph(cell, width, first=f"  {column.ljust(label)}  ")
        )
    return found


def paragraph(text: str, width: int | None, *, first: str = "", rest: str | None = None) -> list[str]:
    """Return a text in lines, broken between words only. `first` and `rest` begin the first line and the others."""
    following = " " * len(first) if rest is None else rest
    text = " ".join(map(printable, text.split("\n")))
    if width is None:
        return [f"{first}{text}"]
    return textwrap.wrap(
        text,
        max(width, len(first) + NARROWEST),
        initial_indent=first,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def printable(text: str) -> str:
    """Return a text of others, such as the symbol of a token, without what moves the cursor of a terminal or hides in a line."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    )


def words(name: str) -> str:
    """Return the name of a field as words: `maxDailyLossSol` is `max daily loss sol`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
