"""The projector without a database: how long it pauses, and what it keeps of an error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nexgent.infrastructure.database.projection.projector import Projector, _Line, _record_failure
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


async def test_of_a_long_error_the_beginning_is_kept() -> None:
    kept: list[Any] = []

    class Connection:
        async def execute(self, _statement: str, *values: object) -> None:
            kept.append(values)

    row: Any = {"id": 7, "wallet_address": "w", "agent_id": "a", "seq": 3, "kind": "settled"}
    connection: Any = Connection()

    await _record_failure(connection, _Line(row, None), "x" * 2_000 + "y")

    assert kept == [(7, "w", "a", 3, "settled", "x" * 2_000)]
