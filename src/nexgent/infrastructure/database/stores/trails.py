"""Position trails (peak, stop, low) in PostgreSQL: written on every move, one statement per poll."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from nexgent.domain.positions.models import PositionTrail
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.codec import to_json
from nexgent.infrastructure.database.pool import TRAILS, LazyPool
from nexgent.shared.types import PositionId

_TIMEOUT_SECONDS = 5.0

# A trail of a newer version replaces the stored one, whatever it says: a trade has based it anew. Within a version a peak
# and a stop only rise and a low only falls, so late or repeated writes do no harm. Rows that would not change are not
# written.
_SAVE = """
INSERT INTO position_marks AS m
    (position_id, position_version, peak_price_sol, lowest_price_sol, stop_loss_pct, stop_updated_at, updated_at)
SELECT r.position_id, r.position_version, r.peak_price_sol, r.lowest_price_sol, r.stop_loss_pct, r.stop_updated_at, now()
FROM json_populate_recordset(NULL::position_marks, $1::json) r
ON CONFLICT (position_id) DO UPDATE SET
    position_version = excluded.position_version,
    peak_price_sol = CASE WHEN excluded.position_version > m.position_version THEN excluded.peak_price_sol
                     ELSE greatest(m.peak_price_sol, excluded.peak_price_sol) END,
    lowest_price_sol = CASE WHEN excluded.position_version > m.position_version THEN excluded.lowest_price_sol
                       ELSE least(m.lowest_price_sol, excluded.lowest_price_sol) END,
    stop_loss_pct = CASE WHEN excluded.position_version > m.position_version THEN excluded.stop_loss_pct
                    ELSE greatest(m.stop_loss_pct, excluded.stop_loss_pct) END,
    stop_updated_at = CASE WHEN excluded.position_version > m.position_version THEN excluded.stop_updated_at
                      ELSE greatest(m.stop_updated_at, excluded.stop_updated_at) END,
    updated_at = excluded.updated_at
WHERE excluded.position_version > m.position_version
   OR (excluded.position_version = m.position_version
       AND (excluded.peak_price_sol > m.peak_price_sol OR excluded.lowest_price_sol < m.lowest_price_sol
            OR excluded.stop_loss_pct > m.stop_loss_pct
            OR (m.stop_loss_pct IS NULL AND excluded.stop_loss_pct IS NOT NULL)))
"""
_LOAD = """
SELECT position_id, position_version, peak_price_sol, lowest_price_sol, stop_loss_pct, stop_updated_at FROM position_marks
WHERE $1::uuid[] IS NULL OR position_id = ANY($1)
"""
# A trail may be saved just after its position was closed, or before the position's row is there: hence the grace period.
_PRUNE = """
DELETE FROM position_marks m
WHERE m.updated_at < now() - interval '1 hour' AND NOT EXISTS (SELECT 1 FROM agent_positions p WHERE p.id = m.position_id)
  AND (SELECT position FROM journal_watermark) >= (SELECT coalesce(max(id), 0) FROM journal)
"""


@dataclass(slots=True)
class _TrailRow:
    position_id: UUID
    position_version: int
    peak_price_sol: Decimal
    lowest_price_sol: Decimal
    stop_loss_pct: Decimal | None
    stop_updated_at: datetime | None


class PostgresTrailStore:
    """Implements `TrailStore`. Raises `UnavailableError` when PostgreSQL is away."""

    def __init__(self, database_url: str) -> None:
        self._pool = LazyPool(database_url, TRAILS)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def save(self, trails: Sequence[PositionTrail]) -> None:
        """Store the newest trails in one statement; a stop is never loosened by it."""
        rows = _newest(trails)
        if not rows:
            return
        pool = await self._pool.get()
        with translated_errors("store position trails"):
            await pool.execute(_SAVE, to_json(rows), timeout=_TIMEOUT_SECONDS)

    async def load(self, positions: Collection[PositionId] | None = None) -> Sequence[PositionTrail]:
        """Return the stored trails of these positions, or all, also some of positions that are closed by now."""
        pool = await self._pool.get()
        with translated_errors("read position trails"):
            rows = await pool.fetch(_LOAD, list(positions) if positions is not None else None)
        return [
            PositionTrail(
                PositionId(row["position_id"]),
                row["position_version"],
                row["peak_price_sol"],
                row["lowest_price_sol"],
                row["stop_loss_pct"],
                row["stop_updated_at"],
            )
            for row in rows
        ]


async def forget_stray_trails(pool: asyncpg.Pool[asyncpg.Record]) -> int:
    """Delete trails whose positions are gone for an hour; return how many. Raises `UnavailableError`."""
    with translated_errors("delete position trails"):
        status = await pool.execute(_PRUNE)
    return int(status.rpartition(" ")[2])


def _newest(trails: Iterable[PositionTrail]) -> list[_TrailRow]:
    """Merge trails of one position: a statement may touch a row only once."""
    rows: dict[UUID, _TrailRow] = {}
    for trail in trails:
        row = rows.get(trail.position_id)
        if row is None or trail.position_version > row.position_version:
            rows[trail.position_id] = _TrailRow(
                trail.position_id,
                trail.position_version,
                trail.peak_price_sol,
                trail.lowest_price_sol,
                trail.stop_loss_pct,
                trail.stop_updated_at,
            )
        elif trail.position_version == row.position_version:
            row.peak_price_sol = max(row.peak_price_sol, trail.peak_price_sol)
            row.lowest_price_sol = min(row.lowest_price_sol, trail.lowest_price_sol)
            if trail.stop_loss_pct is not None and (
                row.stop_loss_pct is None or trail.stop_loss_pct > row.stop_loss_pct
            ):
                row.stop_loss_pct = trail.stop_loss_pct
                row.stop_updated_at = trail.stop_updated_at
    return list(rows.values())
