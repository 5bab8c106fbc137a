"""The projector without a database: how long it pauses, and what it keeps of an error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nexgent.infrastructure.database.projection.project import project
from nexgent.infrastructure.database.projection.projector import Projector, _Batch, _Line, _record_failure
from nexgent.infrastructure.database.projection.sql import prepared
from nexgent.shared.errors import UnavailableError

HEAD = 5


class Rounds(Projector):
    """Its rounds are given: so many entries each, 0 while somebody else is at it, an error while PostgreSQL is away."""

    def __init__(self, rounds: list[int | Exception]) -> None:
        super().__init__("postgresql://nobody@nowhere/nothing")
        self._rounds = rounds
        self._reached = 0

    async def position(self) -> int:
        return self._reached

    async def project(self, limit: int = 1, read_before: object = None) -> int:
        done = self._rounds.pop(0)
        if isinstance(done, Exception):
            raise done
        self._reached += done
        return done


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the pauses instead of making them."""
    made: list[float] = []

    async def noted(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", noted)
    return made


@pytest.mark.parametrize(
    ("rounds", "paused"),
    [
        ([HEAD], 0),
        ([1] * HEAD, 0),
        ([0, HEAD], 1),
        ([0, 0, 1, 0, HEAD], 3),
        ([UnavailableError("away"), HEAD], 1),
    ],
    ids=str,
)
async def test_it_pauses_only_while_there_is_nothing_it_can_do_itself(
    pauses: list[float], rounds: list[int | Exception], paused: int
) -> None:
    assert await Rounds(rounds).project_until(HEAD, 60)

    assert len(pauses) == paused
    assert all(0 < seconds < 1 for seconds in pauses)


async def test_it_gives_up_when_its_time_is_over_and_not_before_it_has_tried_once(
    pauses: list[float],
) -> None:
    late = Rounds([1, HEAD])

    assert not await late.project_until(HEAD, 0)
    assert await late.position() == 1
    assert await Rounds([]).project_until(0, 0)
    assert pauses == []


class Backlogged(Projector):
    """So many entries are left, and what is asked for is noted."""

    def __init__(self, left: int) -> None:
        super().__init__("postgresql://nobody@nowhere/nothing")
        self._unread = left
        self.asked: list[int] = []

    async def _read_ahead(self, after: int | None, limit: int) -> _Batch:
        count = min(limit, self._unread)
        self._unread -= count
        self.asked.append(limit)
        rows: Any = [{"id": number} for number in range(count)]
        return _Batch(after or 0, rows, [], prepared(project([]), merged=False))

    async def project(self, limit: int = 1, read_before: _Batch | None = None) -> int:
        assert read_before is not None
        return len(read_before.rows)


@pytest.mark.parametrize(
    ("left", "limit", "asked"),
    [
        (0, 1_000, [250]),
        (249, 1_000, [250, 250]),
        (250, 1_000, [250, 500]),
        (3_000, 1_000, [250, 500, 1_000, 1_000, 1_000, 1_000]),
        (700, 300, [250, 300, 300, 300]),
        (20, 10, [10, 10, 10]),
    ],
    ids=str,
)
async def test_batches_begin_small_and_grow_while_they_are_full(
    left: int, limit: int, asked: list[int]
) -> None:
    projector = Backlogged(left)

    assert await projector.project_all(limit) == left

    assert projector.asked == asked


async def test_of_a_long_error_the_beginning_is_kept() -> None:
    kept: list[Any] = []

    class Connection:
        async def execute(self, _statement: str, *values: object) -> None:
            kept.append(values)

    row: Any = {"id": 7, "wallet_address": "w", "agent_id": "a", "seq": 3, "kind": "settled"}
    connection: Any = Connection()

    await _record_failure(connection, _Line(row, None), "x" * 2_000 + "y")

    assert kept == [(7, "w", "a", 3, "settled", "x" * 2_000)]
