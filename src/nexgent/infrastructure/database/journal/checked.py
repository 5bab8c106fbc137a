"""How far a wallet's stream has been checked: where, what it had come to, and a digest of every line up to there.

A line of the journal never changes, so a check goes on from here; a check of everything computes the digest anew and finds what
was changed since in spite of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from nexgent.domain.ledger.state import WalletState
from nexgent.infrastructure.database.journal.codec import to_json
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress

NOTHING = b""
_SAVE = """
INSERT INTO verified_wallets (wallet_address, agent_id, seq, entry_id, digest, folded, checked_at)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[], $5::bytea[], $6::json[]), statement_timestamp()
ON CONFLICT (wallet_address) DO UPDATE SET
    agent_id = excluded.agent_id, seq = excluded.seq, entry_id = excluded.entry_id, digest = excluded.digest,
    folded = excluded.folded, checked_at = excluded.checked_at
"""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a stream has come to: its state, and the sums of postings that are not zero; `afterlife` of one without an agent."""

    state: WalletState | None
    afterlife: WalletState | None = None
    sums: Mapping[TokenAddress, int] = field(default_factory=dict)
    decimals: Mapping[TokenAddress, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked:
    """A stream up to and with the entry `seq`, of whose lines nothing was wrong."""

    wallet_address: WalletAddress
    agent_id: AgentId | None
    seq: int
    entry_id: UUID
    digest: bytes
    folded: Folded
    checked_at: datetime | None = None


_decoder = msgspec.json.Decoder(Folded)


def read_checked(wallet: WalletAddress, row: asyncpg.Record) -> Checked | None:
    """Return how far a wallet was checked, from a row with the columns of the table; None where it was not, or cannot be read."""
    if row["checked_seq"] is None:
        return None
    try:
        folded = _decoder.decode(row["folded"])
    except msgspec.MsgspecError:
        # Of another version: it is checked from the start again.
        return None
    return Checked(
        wallet,
        AgentId(row["checked_agent_id"]) if row["checked_agent_id"] is not None else None,
        row["checked_seq"],
        row["checked_entry_id"],
        row["digest"],
        folded,
        row["checked_at"],
    )


async def save_checked(connection: asyncpg.Connection[asyncpg.Record], checked: Iterable[Checked]) -> None:
    """Keep how far wallets were checked."""
    rows = [
        (one.wallet_address, one.agent_id, one.seq, one.entry_id, one.digest, to_json(one.folded))
        for one in checked
    ]
    if rows:
        await connection.execute(_SAVE, *(list(column) for column in zip(*rows, strict=True)))
