"""The figures of the last measurements, in a file: what was measured, where, when, how often, and how far the runs lie apart.

What README says of our own times is made of this file by `make figures` and typed by nobody.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.table import Row

WAY = "way of a signal: "
"""How the names of `benchmarks.way` begin; `LEAST` and `FLOOR` are how those end that are not medians of our own times."""
LEAST = ", least"
FLOOR = ", floor"
REST = "waking up: "
"""How the names of `benchmarks.rest` begin; `AFTER_A_REST` and `AWAKE` are how those end that are not taken at once."""
AFTER_A_REST = ", after a rest"
AWAKE = ", after a rest, processors kept awake"
ENGINES = "engines: "
"""How the names of `benchmarks.engines` begin."""
FRAME = ": processor of the service a frame"
"""How the name of the figure of `benchmarks.sockets` ends that says what a frame costs."""
FILE = Path(__file__).resolve().parent / "figures.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row over all its runs. `lowest` and `highest` are None where nobody noted how far the runs lay apart.

    `reference` is what the reference gave on the same kind of machine, `times_better` the ratio to it.
    """

    name: str
    unit: str
    median: float
    lowest: float | None
    highest: float | None
    runs: int
    measured_on: str
    machine: str
    load: float | None
    """How many processes wanted to run when it began, in the mean of a minute: figures of a busy machine are none."""
    reference: float | None = None
    promise: float | None = None
    times_better: float | None = None
    note: str = ""
    remark: str = ""
    """What has to be said of figures that were not measured like the others."""


def machine() -> str:
    """Return what the figures depend on, in a line."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{os.cpu_count()} × {model}, {platform.system()}, Python {platform.python_version()}"


def load() -> float | None:
    """Return how busy the machine is, None where that cannot be told."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def merged(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """Return one row a name: the median of all runs."""
    rows: dict[str, list[Row]] = {}
    for row in (row for run in runs for row in run):
        rows.setdefault(row.name, []).append(row)
    return [
        Row(
            name,
            statistics.median(row.value for row in found),
            found[0].unit,
            found[0].reference,
            found[0].promise,
            found[0].more_is_better,
            "; ".join(dict.fromkeys(row.note for row in found if row.note)) if len(found) == 1 else "",
        )
        for name, found in rows.items()
    ]


def of_runs(
    runs: Sequence[Sequence[Row]], *, measured_on: str, where: str, busy: float | None
) -> list[Figure]:
    """Return the figures of some runs."""
    found: list[Figure] = []
    for row in merged(runs):
        values = [one.value for run in runs for one in run if one.name == row.name]
        found.append(
            Figure(
                name=row.name,
                unit=row.unit,
                median=row.value,
                lowest=min(values),
                highest=max(values),
                runs=len(values),
                measured_on=measured_on,
                machine=where,
                load=busy,
                reference=row.reference,
                promise=row.promise,
                times_better=round(row.ratio, 2) if row.ratio is not None else None,
                note=row.note,
            )
        )
    return found


def read(path: Path = FILE) -> dict[str, Figure]:
    """Return the figures by name; none where there is no file yet."""
    if not path.exists():
        return {}
    return {one["name"]: Figure(**one) for one in json.loads(path.read_text())}


def write(figures: Mapping[str, Figure], path: Path = FILE) -> None:
    """Write the file, one line a figure, so that a change of one is a change of a line."""
    lines = (json.dumps(asdict(one), ensure_ascii=False) for one in figures.values())
    path.write_text("[\n  " + ",\n  ".join(lines) + "\n]\n")


def keep(new: Iterable[Figure], path: Path = FILE) -> None:
    """Replace the figures that were measured anew; the others stay, with their own day and machine."""
    write({**read(path), **{figure.name: figure for figure in new}}, path)
