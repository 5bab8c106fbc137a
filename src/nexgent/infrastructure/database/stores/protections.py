"""Switches, resets and what wallets have done, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from nexgent.domain.ledger.models import Entry
from nexgent.domain.protections.models import (
    KillSwitch,
    ProtectionControls,
    ProtectionHistory,
    WalletRecord,
)
from nexgent.domain.protections.state import ENTRY_KINDS, HOUR, LONGEST_COOLDOWN
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.codec import CorruptEntryError, decode_entry
from nexgent.shared.types import AgentId, IntentId, TokenAddress, UserId, WalletAddress

log = structlog.get_logger(__name__)

SYSTEM = "system"

_SET_SWITCH = """
INSERT INTO kill_switches (scope, user_id, engaged, reason, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (scope) DO UPDATE SET engaged = excluded.engaged, reason = excluded.reason,
    changed_at = excluded.changed_at, changed_by = excluded.changed_by
WHERE kill_switches.changed_at <= excluded.changed_at
"""
_RESET = """
INSERT INTO protection_resets (agent_id, reset_at, reset_by) VALUES ($1, $2, $3)
ON CONFLICT (agent_id) DO UPDATE SET reset_at = excluded.reset_at, reset_by = excluded.reset_by
WHERE protection_resets.reset_at < excluded.reset_at
"""
_SWITCHES = "SELECT user_id, engaged, reason, changed_at, changed_by FROM kill_switches"
_RESETS = "SELECT agent_id, reset_at FROM protection_resets"
_WALLETS = """
SELECT w.wallet_address, w.agent_id, coalesce(s.seq, 0) AS seq
FROM agent_wallets w LEFT JOIN journal_streams s USING (wallet_address)
WHERE $1::text[] IS NULL OR w.wallet_address = ANY($1)
"""
# Only what the engine has traded counts, and that has an intent: rows that somebody recorded by hand are history, not losses.
# One that names a sale of the engine comes after the engine's own row of that sale, which is written together with the sale.
_TRADED = """t.sale_transaction_id IN (SELECT transaction_id FROM trade_intents WHERE status = 'settled')
      AND NOT EXISTS (SELECT FROM agent_historical_swaps o WHERE o.sale_transaction_id = t.sale_transaction_id
                      AND (o.created_at, o.id) < (t.created_at, t.id))"""
# Results of closed trades since the last reset, summed in the order of the sales.
_RESULTS = f"""
WITH trades AS (
    SELECT t.wallet_address, t.profit_loss_sol, t.sale_time,
           sum(t.profit_loss_sol) OVER stream AS total, row_number() OVER stream AS number
    FROM agent_historical_swaps t LEFT JOIN protection_resets r USING (agent_id)
    WHERE t.wallet_address IS NOT NULL AND ($2::text[] IS NULL OR t.wallet_address = ANY($2))
      AND (r.reset_at IS NULL OR t.sale_time > r.reset_at)
      AND {_TRADED}
    WINDOW stream AS (PARTITION BY t.wallet_address ORDER BY t.sale_time, t.id)
)
SELECT wallet_address, sum(profit_loss_sol) AS profit, greatest(max(total), 0) AS peak,
       coalesce(sum(profit_loss_sol) FILTER (WHERE sale_time >= $1), 0) AS today,
       count(*) - coalesce(max(number) FILTER (WHERE profit_loss_sol >= 0), 0) AS streak,
       max(sale_time) FILTER (WHERE profit_loss_sol < 0) AS last_loss_at
FROM trades GROUP BY wallet_address
"""  # noqa: S608 -- constants only  # nosec B608
_CLOSES = f"""
SELECT t.wallet_address, t.token_address, max(t.sale_time) AS closed_at
FROM agent_historical_swaps t LEFT JOIN protection_resets r USING (agent_id)
WHERE t.wallet_address IS NOT NULL AND t.sale_time > $1 AND ($2::text[] IS NULL OR t.wallet_address = ANY($2))
  AND (r.reset_at IS NULL OR t.sale_time > r.reset_at)
  AND {_TRADED}
GROUP BY t.wallet_address, t.token_address
"""  # noqa: S608 -- constants only  # nosec B608
_ENTRIES = """
SELECT i.wallet_address, i.id, i.created_at
FROM trade_intents i LEFT JOIN protection_resets r USING (agent_id)
WHERE i.created_at > $1 AND (r.reset_at IS NULL OR i.created_at > r.reset_at)
  AND i.kind = ANY($3) AND ($2::text[] IS NULL OR i.wallet_address = ANY($2))
  AND i.status NOT IN ('failed', 'expired')
"""
_UNPROJECTED = """
SELECT entry_id, wallet_address, agent_id, seq, at, kind, postings, body FROM journal
WHERE id > (SELECT position FROM journal_watermark) AND ($1::text[] IS NULL OR wallet_address = ANY($1)) ORDER BY id
"""


class PostgresProtectionStore:
    """Implements `ProtectionStore`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def set_switch(self, switch: KillSwitch) -> None:
        """Store a switch; a newer position that somebody else has stored meanwhile stays."""
        scope = SYSTEM if switch.user_id is None else str(switch.user_id)
        with translated_errors("store a kill switch"):
            await self._pool.execute(
                _SET_SWITCH,
                scope,
                switch.user_id,
                switch.engaged,
                switch.reason,
                switch.changed_at,
                switch.changed_by,
            )

    async def reset(self, agent_id: AgentId, at: datetime, by: UserId) -> None:
        """Let an agent's record count from a moment on."""
        with translated_errors("reset protections"):
            await self._pool.execute(_RESET, agent_id, at, by)

    async def controls(self) -> ProtectionControls:
        """Return all switches and resets."""
        with translated_errors("read protections"):
            async with self._pool.acquire() as connection:
                return await _controls(connection)

    async def history(
        self, now: datetime, wallets: Collection[WalletAddress] | None = None
    ) -> ProtectionHistory:
        """Return everything the protections need, out of one snapshot."""
        chosen = list(wallets) if wallets is not None else None
        kinds = [kind.value for kind in ENTRY_KINDS]
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with translated_errors("read protections"):
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                # Over the whole history: longer than a usual statement may take.
                await connection.execute("SET LOCAL statement_timeout = 0")
                controls = await _controls(connection)
                rows = await connection.fetch(_WALLETS, chosen)
                results = await connection.fetch(_RESULTS, midnight, chosen, timeout=None)
                closes = await connection.fetch(_CLOSES, now - LONGEST_COOLDOWN, chosen)
                entries = await connection.fetch(_ENTRIES, now - HOUR, chosen, kinds)
                unprojected = await connection.fetch(_UNPROJECTED, chosen)
        return ProtectionHistory(controls, _records(rows, results, closes, entries), _decoded(unprojected))


async def _controls(connection: Any) -> ProtectionControls:
    switches = [
        KillSwitch(
            user_id=UserId(row["user_id"]) if row["user_id"] is not None else None,
            engaged=row["engaged"],
            reason=row["reason"],
            changed_at=row["changed_at"],
            changed_by=UserId(row["changed_by"]) if row["changed_by"] is not None else None,
        )
        for row in await connection.fetch(_SWITCHES)
    ]
    resets = {AgentId(row["agent_id"]): row["reset_at"] for row in await connection.fetch(_RESETS)}
    return ProtectionControls(switches, resets)


def _records(
    wallets: list[asyncpg.Record],
    results: list[asyncpg.Record],
    closes: list[asyncpg.Record],
    entries: list[asyncpg.Record],
) -> list[WalletRecord]:
    by_wallet = {row["wallet_address"]: row for row in results}
    closed_at: dict[str, dict[TokenAddress, datetime]] = {}
    for row in closes:
        closed_at.setdefault(row["wallet_address"], {})[TokenAddress(row["token_address"])] = row["closed_at"]
    made: dict[str, dict[IntentId, datetime]] = {}
    for row in entries:
        made.setdefault(row["wallet_address"], {})[IntentId(row["id"])] = row["created_at"]
    return [
        WalletRecord(
            wallet_address=WalletAddress(row["wallet_address"]),
            agent_id=AgentId(row["agent_id"]),
            seq=row["seq"],
            closed_at=closed_at.get(row["wallet_address"], {}),
            entries=made.get(row["wallet_address"], {}),
            **_sums(by_wallet.get(row["wallet_address"])),
        )
        for row in wallets
    ]


def _sums(row: asyncpg.Record | None) -> dict[str, Any]:
    if row is None:
        return {}
    return {
        "profit_sol": row["profit"],
        "peak_profit_sol": row["peak"],
        "profit_today_sol": row["today"],
        "loss_streak": row["streak"],
        "last_loss_at": row["last_loss_at"],
    }


def _decoded(rows: list[asyncpg.Record]) -> list[Entry]:
    entries = []
    for row in rows:
        try:
            entries.append(decode_entry(row))
        except CorruptEntryError as error:
            log.error(
                "protections.entry_unreadable", wallet_address=row["wallet_address"], reason=error.message
            )
    return entries
