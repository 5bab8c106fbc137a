"""Write the tables of our own times into the documents, from `benchmarks/figures.json`, which `make bench` writes.

`--check` writes nothing and ends with 1 when a document says something else than the file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from textwrap import wrap

from benchmarks.figures import Figure, read

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = "README.md"
COMMAND = "make figures"
_PLACE = re.compile(
    r"(<!-- figures: made by `make figures` -->\n\n).*?(\n<!-- end of figures -->)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: what it is called, and the figures it shows, `…` standing for whatever a name goes on with."""

    label: str
    names: tuple[str, ...]
    form: str = "{}"


LINES = (
    Line(
        "signal → trades recorded and pushed on the WebSocket, 1 / 10 / 100 / 1 000 agents",
        tuple(f"signal → trades recorded and pushed, {count} agents" for count in (1, 10, 100, 1000)),
    ),
    Line(
        "`POST /trading-signals`, durable, 16 connections",
        ("POST signal, durable, 16 connections", "POST signal, durable, 16 connections, p99"),
        "{}, p99 {}",
    ),
    Line("`GET /health/live`, 16 connections", ("GET health/live, 16 connections",)),
    Line(
        "`GET /agents` (20) / `GET /agent-positions`, 16 connections", ("GET agents (20)", "GET positions, …")
    ),
    Line(
        "ready from nothing / after `kill -9`, embedded servers",
        ("start-up, embedded servers from nothing", "ready again after kill -9, embedded servers"),
    ),
    Line(
        "memory of the service process with 1 000 agents",
        ("memory of the service process, 1 000 agents, idle",),
    ),
)
_WIDTH = 130
_UNITS = {"/s": " a second"}


def main(arguments: Sequence[str]) -> int:
    """Write the document or, with `--check`, tell whether it is up to date."""
    path = ROOT / DOCUMENT
    before = path.read_text()
    after = with_table(before, table(list(read().values())))
    if before == after:
        return 0
    if "--check" in arguments:
        print(f"{DOCUMENT} does not say what benchmarks/figures.json does: run `{COMMAND}`", file=sys.stderr)
        return 1
    path.write_text(after)
    print(f"written: {DOCUMENT}")
    return 0


def with_table(document: str, lines: Sequence[str]) -> str:
    """Return a document with the table in its place. Raises `ValueError` when it has no place for one."""
    made, count = _PLACE.subn(lambda found: found[1] + "\n".join(lines) + "\n" + found[2], document)
    if count != 1:
        raise ValueError(f"{count} places for the figures")
    return made


def table(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of the table; figures that were never measured leave their line out."""
    shown = [(line, found) for line in LINES if (found := _found(line, figures))]
    lines = ["| what is measured | median | spread | × the reference |", "| --- | --- | --- | --- |"]
    for line, found in shown:
        cells = (
            line.label,
            _values(line, [one.median for one in found], found),
            _spread(found),
            " / ".join(_number(one.times_better) if one.times_better is not None else "–" for one in found),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *_origins(one for _, found in shown for one in found)]


def _found(line: Line, figures: Sequence[Figure]) -> list[Figure]:
    found: list[Figure] = []
    for name in line.names:
        beginning = name.removesuffix("…")
        same = [
            one
            for one in figures
            if one.name == name or (beginning != name and one.name.startswith(beginning))
        ]
        if not same:
            return []
        found.append(max(same, key=lambda one: one.measured_on))
    return found


def _spread(found: Sequence[Figure]) -> str:
    ends = [(one.lowest, one.highest) for one in found]
    if any(low is None or high is None or one.runs < 2 for (low, high), one in zip(ends, found, strict=True)):
        return "not noted"
    return " / ".join(
        f"{_number(low)}–{_number(high)}" for low, high in ends if low is not None and high is not None
    )


def _values(line: Line, values: Sequence[float], found: Sequence[Figure]) -> str:
    units = {one.unit for one in found}
    if len(units) == 1:
        return " / ".join(_number(value) for value in values) + _unit(found[0].unit)
    return line.form.format(
        *(_number(value) + _unit(one.unit) for value, one in zip(values, found, strict=True))
    )


def _unit(unit: str) -> str:
    return _UNITS.get(unit, f" {unit}")


def _number(value: float) -> str:
    """Return three digits that mean something: 9 650, 11, 3.9."""
    if value >= 1_000:
        return f"{round(value, -1):,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _origins(figures: Iterable[Figure]) -> list[str]:
    """Return where the figures are from: a line for each day, machine and number of runs."""
    origins = dict.fromkeys((one.measured_on, one.machine, one.runs, one.load, one.remark) for one in figures)
    said: list[str] = []
    for day, machine, runs, load, remark in origins:
        when = date.fromisoformat(day)
        times = "one run" if runs == 1 else f"{runs} runs"
        busy = f", load {load} before" if load is not None else ""
        text = f"{when.day} {when:%B %Y}, {machine}, client, sandbox and servers on the same machine; {times}{busy}."
        said += wrap(f"{text} {remark}".strip(), _WIDTH)
    return said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
