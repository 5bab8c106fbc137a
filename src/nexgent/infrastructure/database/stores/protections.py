"""Switches, resets and what wallets have done, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
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
from nexgent.infrastructure.database.projection.projector import PROJECTOR_LOCK
from nexgent.infrastructure.database.stores.sql import protections as sql
from nexgent.shared.types import AgentId, IntentId, TokenAddress, UserId, WalletAddress

log = structlog.get_logger(__name__)

SYSTEM = "system"
SUMMED_UP_AFTER = timedelta(days=1)
"""What was sold before the midnight (UTC) that is at least so long ago is summed up: what counts today is not among it."""
_WALLETS_AT_ONCE = 25


class PostgresProtectionStore:
    """Implements `ProtectionStore`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def set_switch(self, switch: KillSwitch) -> None:
        """Store a switch; a newer position that somebody else has stored meanwhile stays."""
        scope = SYSTEM if switch.user_id is None else str(switch.user_id)
        with translated_errors("store a kill switch"):
            await self._pool.execute(
                sql.SET_SWITCH,
                scope,
                switch.user_id,
                switch.engaged,
                switch.reason,
                switch.changed_at,
                switch.changed_by,
                switch.flatten,
            )

    async def reset(self, agent_id: AgentId, at: datetime, by: UserId) -> None:
        """Let an agent's record count from a moment on."""
        with translated_errors("reset protections"):
            await self._pool.execute(sql.RESET, agent_id, at, by)

    async def controls(self) -> ProtectionControls:
        """Return all switches and resets."""
        with translated_errors("read protections"):
            async with self._pool.acquire() as connection:
                return await _controls(connection)

    async def history(
        self,
        now: datetime,
        wallets: Collection[WalletAddress] | None = None,
        *,
        cooldowns: Mapping[AgentId, timedelta] | None = None,
        protected: Collection[AgentId] | None = None,
    ) -> ProtectionHistory:
        """Return everything the protections need, out of one snapshot."""
        chosen = list(wallets) if wallets is not None else None
        kinds = [kind.value for kind in ENTRY_KINDS]
        agents = list(cooldowns) if cooldowns is not None else None
        longest = LONGEST_COOLDOWN if cooldowns is None else max(cooldowns.values(), default=timedelta(0))
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with translated_errors("read protections"):
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                # What is not summed up yet may be the whole history: longer than a usual statement may take.
                await connection.execute("SET LOCAL statement_timeout = 0")
                controls = await _controls(connection)
                rows = await connection.fetch(sql.WALLETS, chosen)
                judged = chosen if protected is None else _wallets_of(rows, protected)
                results = (
                    await connection.fetch(sql.RESULTS, midnight, judged, timeout=None)
                    if judged != []
                    else []
                )
                closes = await connection.fetch(sql.CLOSES, now - longest, chosen, agents)
                entries = await connection.fetch(sql.ENTRIES, now - HOUR, chosen, kinds)
                unprojected = await connection.fetch(sql.UNPROJECTED, chosen)
        records = _records(rows, results, closes, entries, protected)
        return ProtectionHistory(controls, records, _decoded(unprojected))


async def keep_sums(pool: asyncpg.Pool[asyncpg.Record], now: datetime) -> int:
    """Sum up what every wallet has done until yesterday, so that a start reads what came since; return how many wallets were due.

    A few wallets at a time: the projector waits meanwhile, so that no trade from before comes in between. Raises
    `UnavailableError`.
    """
    before = (now - SUMMED_UP_AFTER).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    done = 0
    with translated_errors("sum up what wallets have done"):
        while True:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", PROJECTOR_LOCK, timeout=None)
                due = [
                    row["wallet_address"]
                    for row in await connection.fetch(sql.BEHIND, before, _WALLETS_AT_ONCE)
                ]
                if due:
                    await connection.execute(sql.KEEP, before, due, timeout=None)
            if not due:
                return done
            done += len(due)


async def _controls(connection: Any) -> ProtectionControls:
    switches = [
        KillSwitch(
            user_id=UserId(row["user_id"]) if row["user_id"] is not None else None,
            engaged=row["engaged"],
            reason=row["reason"],
            changed_at=row["changed_at"],
            changed_by=UserId(row["changed_by"]) if row["changed_by"] is not None else None,
            flatten=row["flatten"],
        )
        for row in await connection.fetch(sql.SWITCHES)
    ]
    resets = {AgentId(row["agent_id"]): row["reset_at"] for row in await connection.fetch(sql.RESETS)}
    return ProtectionControls(switches, resets)


def _wallets_of(wallets: list[asyncpg.Record], agents: Collection[AgentId]) -> list[str]:
    return [row["wallet_address"] for row in wallets if row["agent_id"] in agents]


def _records(
    wallets: list[asyncpg.Record],
    results: list[asyncpg.Record],
    closes: list[asyncpg.Record],
    entries: list[asyncpg.Record],
    protected: Collection[AgentId] | None,
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
            results_known=protected is None or row["agent_id"] in protected,
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
