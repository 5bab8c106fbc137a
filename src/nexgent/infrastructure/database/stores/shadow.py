"""Shadow fills in PostgreSQL, and the landed trades of the journal that have none yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg

from nexgent.domain.ledger.models import TradeIntended, TradeKind, TradeSettled, TradeSubmitted
from nexgent.domain.shadow.models import LandedTrade, ShadowFill, SwapSide
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.codec import decode_entry
from nexgent.infrastructure.database.stores.sql import shadow as sql
from nexgent.shared.types import AgentId, IntentId, TokenAddress, TransactionId, WalletAddress

# Of each live wallet whose agent's shadow is on, the bookings after the last one that was recorded. What led to a booking stands
# shortly before it in the same stream, so each look-up is a few steps back on the journal's own index.
_LANDED = """
SELECT a.id AS agent_id, w.wallet_address, trade.*
FROM agents a
JOIN agent_wallets w ON w.agent_id = a.id AND w.wallet_type = 'live'
CROSS JOIN LATERAL (
    SELECT coalesce(max(f.settled_seq), 0) AS seq FROM shadow_fills f WHERE f.wallet_address = w.wallet_address
) done
CROSS JOIN LATERAL (
    SELECT settled.entry_id AS settled_id, settled.seq AS settled_seq, settled.at AS settled_at,
           settled.postings AS postings, settled.body AS settled,
           sent.entry_id AS sent_id, sent.seq AS sent_seq, sent.at AS sent_at, sent.body AS sent,
           meant.entry_id AS meant_id, meant.seq AS meant_seq, meant.at AS meant_at, meant.body AS meant
    FROM journal settled
    CROSS JOIN LATERAL (
        SELECT j.* FROM journal j
        WHERE j.wallet_address = w.wallet_address AND j.seq < settled.seq AND j.kind = 'submitted'
          AND j.intent_id = settled.intent_id
        ORDER BY j.seq DESC LIMIT 1
    ) sent
    CROSS JOIN LATERAL (
        SELECT j.* FROM journal j
        WHERE j.wallet_address = w.wallet_address AND j.seq < sent.seq AND j.kind = 'intended'
          AND j.intent_id = settled.intent_id
        ORDER BY j.seq DESC LIMIT 1
    ) meant
    WHERE settled.wallet_address = w.wallet_address AND settled.seq > done.seq AND settled.kind = 'settled'
    ORDER BY settled.seq LIMIT $1
) trade
WHERE a.deleted_at IS NULL AND a.trading_config -> 'shadow' -> 'enabled' = 'true'::jsonb
"""
_LOOK_SECONDS = 30.0


class PostgresShadowFills:
    """Implements `ShadowFills`; `landed` and `add` are for whoever records."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def landed(self, limit: int) -> list[LandedTrade]:
        """Return live trades without a shadow fill, at most so many of each wallet, oldest first.

        Raises `UnavailableError`, `CorruptEntryError`.
        """
        with translated_errors("read landed trades"):
            rows = await self._pool.fetch(_LANDED, limit, timeout=_LOOK_SECONDS)
        return [_landed(row) for row in rows]

    async def add(self, fills: Sequence[ShadowFill]) -> None:
        """Record fills; one that is recorded already stays as it is. Raises `UnavailableError`."""
        with translated_errors("record shadow fills"):
            await self._pool.executemany(sql.ADD, [_arguments(fill) for fill in fills])

    async def newest(self, agent_id: AgentId, since: datetime, limit: int) -> Sequence[ShadowFill]:
        """Return the newest fills that landed since then, newest first."""
        with translated_errors("read shadow fills"):
            rows = await self._pool.fetch(sql.NEWEST, agent_id, since, limit)
        return [_fill(row) for row in rows]


def _landed(row: asyncpg.Record) -> LandedTrade:
    settled = _entry(row, "settled", row["postings"], "settled")
    sent, meant = _entry(row, "sent", "[]", "submitted"), _entry(row, "meant", "[]", "intended")
    assert isinstance(settled.body, TradeSettled)
    assert isinstance(sent.body, TradeSubmitted)
    assert isinstance(meant.body, TradeIntended)
    return LandedTrade(
        agent_id=AgentId(row["agent_id"]),
        intent=meant.body.intent,
        submission=sent.body.submission,
        submitted_at=sent.at,
        transaction=settled.body.transaction,
        postings=tuple(settled.postings),
        settled_at=settled.at,
        settled_seq=settled.seq,
    )


def _entry(row: asyncpg.Record, name: str, postings: str, kind: str) -> Any:  # An entry of that kind.
    return decode_entry(
        {
            "entry_id": row[f"{name}_id"],
            "wallet_address": row["wallet_address"],
            "agent_id": row["agent_id"],
            "seq": row[f"{name}_seq"],
            "at": row[f"{name}_at"],
            "kind": kind,
            "postings": postings,
            "body": row[name],
        }
    )


def _arguments(fill: ShadowFill) -> tuple[object, ...]:
    """Return the values in the order of the table's columns."""
    real, paper = fill.real, fill.paper
    return (
        fill.intent_id,
        fill.agent_id,
        fill.wallet_address,
        fill.kind.value,
        fill.token_address,
        fill.token_symbol,
        fill.buying,
        fill.transaction_id,
        *map(_raw, (real.in_raw, real.out_raw, paper.in_raw, paper.out_raw)),
        *map(_raw, (real.network_fee, real.priority_fee, real.platform_fee)),
        *map(_raw, (paper.network_fee, paper.priority_fee, paper.platform_fee)),
        fill.triggered_at,
        fill.ordered_at,
        fill.landed_at,
        fill.settled_seq,
    )


def _raw(value: int | None) -> Decimal | None:
    return Decimal(value) if value is not None else None


def _fill(row: asyncpg.Record) -> ShadowFill:
    return ShadowFill(
        intent_id=IntentId(row["intent_id"]),
        agent_id=AgentId(row["agent_id"]),
        wallet_address=WalletAddress(row["wallet_address"]),
        kind=TradeKind(row["kind"]),
        token_address=TokenAddress(row["token_address"]),
        token_symbol=row["token_symbol"],
        buying=row["buying"],
        transaction_id=TransactionId(row["transaction_id"]),
        real=_side(row, "real"),
        paper=_side(row, "paper"),
        triggered_at=row["triggered_at"],
        ordered_at=row["ordered_at"],
        landed_at=row["landed_at"],
        settled_seq=row["settled_seq"],
    )


def _side(row: asyncpg.Record, name: str) -> SwapSide:
    def fee(kind: str) -> int | None:
        value = row[f"{name}_{kind}_fee"]
        return int(value) if value is not None else None

    return SwapSide(
        in_raw=int(row[f"{name}_in_raw"]),
        out_raw=int(row[f"{name}_out_raw"]),
        network_fee=fee("network"),
        priority_fee=fee("priority"),
        platform_fee=fee("platform"),
    )
