"""Which engines there are, as the database knows them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from nexgent.domain.forwarding.models import EngineAddress
from nexgent.domain.ledger.share import concerns
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import first_connection
from nexgent.infrastructure.database.lease import ROWS, unsigned
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS
from nexgent.shared.types import AgentId

_ALL = """
SELECT id, epoch, shards FROM engine_lease WHERE owner IS NOT NULL AND expires_at > clock_timestamp() ORDER BY id
"""
_LIVES = (
    "SELECT EXISTS (SELECT FROM engine_lease WHERE id = $1 AND epoch = $2 AND expires_at > clock_timestamp())"
)


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


class PostgresEngines:
    """Implements `Engines`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def engine_of(self, agent_id: AgentId | None) -> EngineAddress | None:
        """Return who trades for an agent, or for what is nobody's."""
        return (await self.engines_of([agent_id])).get(agent_id)

    async def engines_of(
        self, agent_ids: Collection[AgentId | None]
    ) -> Mapping[AgentId | None, EngineAddress]:
        """Return who trades for each of these, in one look."""
        with translated_errors("look for engines"):
            rows = await self._pool.fetch(_ALL)
        held = [(EngineAddress(row=row["id"], epoch=row["epoch"]), unsigned(row["shards"])) for row in rows]
        found: dict[AgentId | None, EngineAddress] = {}
        for agent_id in agent_ids:
            engine = next((address for address, shards in held if concerns(shards, agent_id)), None)
            if engine is not None:
                found[agent_id] = engine
        return found

    async def lives(self, engine: EngineAddress) -> bool:
        """Tell whether an engine still has its lease."""
        with translated_errors("look at an engine"):
            return bool(await self._pool.fetchval(_LIVES, engine.row, engine.epoch))


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
