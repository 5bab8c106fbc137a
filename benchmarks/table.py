"""Rows with medians and ratios, printed as a plain table."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was measured, in which unit, what the reference gave, what was promised."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    promise: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Tell whether the promise is kept."""
        if self.promise is None:
            return None
        return self.value >= self.promise if self.more_is_better else self.value <= self.promise

    @property
    def ratio(self) -> float | None:
        """How many times better than the reference."""
        if not self.reference or not self.value:
            return None
        return self.value / self.reference if self.more_is_better else self.reference / self.value


def median_seconds(run: Callable[[], object], *, repeat: int, warm_up: int = 1) -> float:
    """Return the median duration of a call, with the garbage collector out of the way."""
    for _ in range(warm_up):
        run()
    gc.collect()
    gc.disable()
    try:
        times = []
        for _ in range(repeat):
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
    finally:
        gc.enable()
    return statistics.median(times)


def show(rows: list[Row]) -> None:
    """Print the table."""
    header = ("what", "measured", "promise", "reference", "x reference", "")
    lines = [header]
    for row in rows:
        kept = {True: "kept", False: "MISSED", None: ""}[row.kept]
        lines.append(
            (
                row.name,
                f"{_number(row.value)} {row.unit}",
                f"{_number(row.promise)} {row.unit}" if row.promise is not None else "",
                f"{_number(row.reference)} {row.unit}" if row.reference is not None else "",
                f"{row.ratio:.1f}" if row.ratio is not None else "",
                f"{kept} {row.note}".strip(),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for number, line in enumerate(lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.1f}"
