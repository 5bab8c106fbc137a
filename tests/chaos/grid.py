"""The cells of the grid: one fault, at one point, of one operation, in one mode."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

POINTS = (
    "intent",
    "quote",
    "sign",
    "submitted",
    "submit",
    "settled",
    "publish",
    "cache",
    "broadcast",
)
"""In the order a trade gets there. `intent`, `submitted` and `settled` are commits of the journal."""
SENDING = frozenset({"sign", "submitted", "submit"})
"""Points on the way to the chain: a trade on paper has none of them, nor has a write-off, whose sales find no offer."""
MOMENTS = ("before", "after")


class Mode(StrEnum):
    """Paper, or signed swaps on the sandbox's chain."""

    SIMULATION = "simulation"
    LIVE = "live"


class Operation(StrEnum):
    """What is under way when it strikes."""

    BUY = "buy"
    CLOSE = "close"
    STOP_LOSS = "stop loss"
    TAKE_PROFIT = "take profit"
    DCA = "dca"
    WRITE_OFF = "write-off"


class Fault(StrEnum):
    """What strikes."""

    KILL = "kill -9 service, restart at once"
    KILL_EXPIRED = "kill -9 service, restart after expiry"
    KILL_WORKER = "kill -9 worker"
    KILL_REDIS = "kill -9 Redis"
    KILL_POSTGRES = "kill -9 PostgreSQL"
    FLUSH = "FLUSHALL"
    HANG = "hang"
    FREEZE = "SIGSTOP past the lease"
    DROP_BEFORE = "connection dropped before it arrives"
    DROP_AFTER = "connection dropped after it landed"


KILLS = frozenset({Fault.KILL, Fault.KILL_EXPIRED})
DROPS = frozenset({Fault.DROP_BEFORE, Fault.DROP_AFTER})


@dataclass(frozen=True, slots=True)
class Cell:
    """One experiment."""

    mode: Mode
    operation: Operation
    point: str
    moment: str
    fault: Fault

    @property
    def title(self) -> str:
        """The cell in words."""
        return f"{self.mode}, {self.operation}: {self.fault}, {self.moment} {self.point}"

    @property
    def parts(self) -> tuple[str, ...]:
        """What a sample shall have of each."""
        return self.mode, self.operation, self.fault, self.point


def all_cells() -> list[Cell]:
    """Return every cell that makes sense: only live trades sign and send, and only what is sent can be dropped."""
    return [
        cell
        for cell in (Cell(*one) for one in product(Mode, Operation, POINTS, MOMENTS, Fault))
        if _makes_sense(cell)
    ]


def _makes_sense(cell: Cell) -> bool:
    if cell.mode is Mode.SIMULATION and cell.fault is Fault.KILL_EXPIRED:
        return False
    sends = cell.mode is Mode.LIVE and cell.operation is not Operation.WRITE_OFF
    if cell.point in SENDING and not sends:
        return False
    if cell.operation is Operation.WRITE_OFF and (cell.point, cell.moment) == ("quote", "after"):
        # There is no offer.
        return False
    if cell.fault in DROPS:
        return (cell.point, cell.moment) == ("submit", "before")
    return True


def part_of(text: str) -> tuple[int, int]:
    """Read `K/N`. Raises `ValueError` unless K is one of 1 … N."""
    number, separator, count = text.partition("/")
    if not (separator and all(one.isascii() and one.isdigit() for one in (number, count))):
        raise ValueError(f"a part is written as K/N, such as 2/5, not {text!r}")
    if not 1 <= int(number) <= int(count):
        raise ValueError(f"part {number} of {count} does not exist: K of K/N is 1 to N")
    return int(number), int(count)


def part(cells: Sequence[Cell], number: int, count: int) -> Sequence[Cell]:
    """Return the cells of one of `count` parts: the same at each call, evenly mixed, and each cell in one part only."""
    mixed = list(cells)
    # In their own order every so manieth cell would be of the same fault.
    random.Random(0).shuffle(mixed)
    return mixed[number - 1 :: count]


def sample(seed: int, count: int, cells: Sequence[Cell] | None = None) -> Sequence[Cell]:
    """Return that many cells at random, so that modes, operations, faults and points come up evenly."""
    chance = random.Random(seed)
    left = list(all_cells() if cells is None else cells)
    chance.shuffle(left)
    times: dict[object, int] = {}
    chosen: list[Cell] = []
    while left and len(chosen) < count:
        cell = min(left, key=lambda one: sum(times.get(part, 0) for part in one.parts))
        left.remove(cell)
        chosen.append(cell)
        for part in cell.parts:
            times[part] = times.get(part, 0) + 1
    return chosen
