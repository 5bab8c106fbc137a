"""Position trails against a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from nexgent.domain.positions.models import PositionTrail
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.pool import PoolUse, opened_pool
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.trails import PostgresTrailStore, forget_stray_trails
from nexgent.shared.ids import new_id
from nexgent.shared.types import PositionId
from tests.builders import T0
from tests.integration.database.story import Story, add_owners

ID = PositionId(new_id())


@pytest.fixture
async def trails(database_url: str) -> AsyncIterator[PostgresTrailStore]:
    store = PostgresTrailStore(database_url)
    yield store
    await store.close()


def a_trail(version: int, peak: str, low: str, stop: str | None, minutes: int = 0) -> PositionTrail:
    return PositionTrail(
        ID,
        version,
        Decimal(peak),
        Decimal(low),
        Decimal(stop) if stop is not None else None,
        T0 + timedelta(minutes=minutes) if stop is not None else None,
    )


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ([a_trail(1, "1E-30", "1E-30", "-32.125")], a_trail(1, "1E-30", "1E-30", "-32.125")),
        ([a_trail(1, "2", "1", "-5", 2), a_trail(1, "1.5", "0.5", "-9", 1)], a_trail(1, "2", "0.5", "-5", 2)),
        ([a_trail(2, "1", "1", "-30"), a_trail(1, "9", "0.1", "80")], a_trail(2, "1", "1", "-30")),
        ([a_trail(1, "9", "0.1", "80"), a_trail(2, "1", "1", "-30", 3)], a_trail(2, "1", "1", "-30", 3)),
        ([a_trail(1, "1", "1", None), a_trail(1, "1", "1", "-30")], a_trail(1, "1", "1", "-30")),
        ([a_trail(1, "1", "1", "-30"), a_trail(1, "1", "1", None)], a_trail(1, "1", "1", "-30")),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_stop_never_loosens_within_a_version(
    trails: PostgresTrailStore, saved: list[PositionTrail], expected: PositionTrail, at_once: bool
) -> None:
    if at_once:
        await trails.save(saved)
    else:
        for trail in saved:
            await trails.save([trail])

    assert await trails.load() == [expected]


async def test_marks_go_with_their_position(
    trails: PostgresTrailStore,
    journal: PostgresJournal,
    projector: Projector,
    database_url: str,
) -> None:
    story = Story()
    connection = await asyncpg.connect(database_url)
    await add_owners(connection, [story])
    await journal.append([story.deposit(), *story.buy()])
    (position,) = story.state.positions.values()
    await trails.save([position.base_trail, a_trail(1, "1", "1", None)])
    await projector.project_all()
    await connection.execute("UPDATE position_marks SET updated_at = now() - interval '2 hours'")

    async with opened_pool(database_url, PoolUse(most=1)) as pool:
        assert await forget_stray_trails(pool) == 1
    assert await trails.load() == [position.base_trail]

    await journal.append(story.sell())
    await projector.project_all()
    assert await trails.load() == []
    await connection.close()
