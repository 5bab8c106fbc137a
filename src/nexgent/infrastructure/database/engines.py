"""Which engines there are, as the database knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import first_connection
from nexgent.infrastructure.database.lease import ROWS, unsigned
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSeen:
    """An engine that lives, or has ended without another one having taken its place.

    `age_seconds` is how long ago it renewed its right, `moves` how many shards it has taken since it came.
    """

    owner: str
    version: str | None
    epoch: int
    lives: bool
    shards: int
    moves: int
    age_seconds: float


async def list_engines(database_url: str) -> list[EngineSeen]:
    """Return them, those that live first. Raises `DatabaseUnavailableError`."""
    connection = await first_connection(database_url)
    try:
        with translated_errors("read the engines"):
            rows: Sequence[asyncpg.Record] = await connection.fetch(ROWS)
    finally:
        await connection.close()
    engines = [
        EngineSeen(
            owner=row["owner"],
            version=row["version"],
            epoch=row["epoch"],
            lives=row["live"],
            shards=unsigned(row["shards"]) if row["live"] else NO_SHARDS,
            moves=row["moves"],
            age_seconds=max(0.0, row["age"]),
        )
        for row in rows
    ]
    return sorted(engines, key=lambda one: (not one.lives, -one.epoch))


def unheld(engines: Sequence[EngineSeen]) -> int:
    """Return the shards that no engine has."""
    held = NO_SHARDS
    for engine in engines:
        held |= engine.shards
    return ALL_SHARDS & ~held
