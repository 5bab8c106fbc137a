"""Whoever reads the journal on from a position while others write to it."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import asyncpg

from nexgent.infrastructure.database.projection.projector import NEXT

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def follow(connection: Connection, seen: list[int], done: asyncio.Event) -> None:
    """Add the positions of new lines to those that were seen, as the projector finds them, until all are written."""
    position = 0
    while True:
        finished = done.is_set()
        rows = await connection.fetch(NEXT, position, 1_000)
        seen.extend(row["id"] for row in rows)
        position = rows[-1]["id"] if rows else position
        if finished and not rows:
            return
