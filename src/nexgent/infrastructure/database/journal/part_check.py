"""Check parts of the journal by themselves.

Of every stream it is kept what it had come to at the end of a part, with the digest of all its lines up to there. A part is
folded from what was kept at the end of the one before, so it takes the lines of that part only, and is held against what was kept
of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import first_connection, quoted
from nexgent.infrastructure.database.journal.checked import Checked, read_checked
from nexgent.infrastructure.database.journal.codec import to_json
from nexgent.infrastructure.database.journal.lines import read_lines
from nexgent.infrastructure.database.journal.parts import (
    end_position,
    label_of,
    present_parts,
    start_position,
)
from nexgent.infrastructure.database.journal.quick_fold import QuickFold
from nexgent.infrastructure.database.journal.stream_fold import Difference, Lines, StreamFold, fold_lines
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import AgentId, WalletAddress

_DRAWN = "SELECT last_value FROM journal_id_seq"
_STREAMS = """
SELECT s.wallet_address, w.agent_id, s.first_seq, s.last_seq
FROM (SELECT wallet_address, min(seq) AS first_seq, max(seq) AS last_seq FROM {part} GROUP BY wallet_address) AS s
LEFT JOIN agent_wallets w USING (wallet_address) ORDER BY s.wallet_address
"""
_STARTS = """
SELECT DISTINCT ON (wallet_address) wallet_address, agent_id AS checked_agent_id, seq AS checked_seq,
       entry_id AS checked_entry_id, digest, folded, checked_at
FROM journal_part_ends WHERE end_position <= $1 ORDER BY wallet_address, end_position DESC
"""
_ENDS = """
SELECT wallet_address, agent_id AS checked_agent_id, seq AS checked_seq, entry_id AS checked_entry_id, digest, folded, checked_at
FROM journal_part_ends WHERE end_position = $1
"""
_KEEP = """
INSERT INTO journal_part_ends (end_position, wallet_address, agent_id, seq, entry_id, digest, folded, checked_at)
SELECT $1, k.*, statement_timestamp()
FROM unnest($2::text[], $3::uuid[], $4::bigint[], $5::uuid[], $6::bytea[], $7::json[]) AS k
ON CONFLICT (end_position, wallet_address) DO UPDATE SET checked_at = excluded.checked_at
"""
_FIGURES = """
SELECT count(*) AS entries, count(DISTINCT wallet_address) AS streams, min(at) AS first_at, max(at) AS last_at,
       pg_total_relation_size('{part}') AS bytes,
       (SELECT min(checked_at) FROM journal_part_ends WHERE end_position = $1) AS checked_at
FROM {part}
"""


class PartNotOverError(InvalidInputError):
    """Entries are still being written to a part, or will be."""

    code = "PART_NOT_OVER"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the journal. `bytes` with its indexes; `checked_at` is when it was found in order last."""

    name: str
    entries: int
    streams: int
    bytes: int
    first_at: datetime | None
    last_at: datetime | None
    is_over: bool
    checked_at: datetime | None


@dataclass(slots=True)
class PartReport:
    """What a check of a part has found."""

    name: str
    streams: int = 0
    entries: int = 0
    differences: list[Difference] = field(default_factory=list)


async def list_parts(database_url: str) -> list[Part]:
    """Return all parts with what is in them, in order. Raises `UnavailableError`."""
    connection = await first_connection(database_url, command_timeout=None)
    try:
        with translated_errors("read the parts of the journal"):
            drawn = await connection.fetchval(_DRAWN)
            found = []
            for name in _in_order(await present_parts(connection)):
                row = await connection.fetchrow(_FIGURES.format(part=quoted(name)), end_position(name))
                assert row is not None
                found.append(Part(name=name, is_over=drawn >= end_position(name), **row))
            return found
    finally:
        await connection.close()


async def check_parts(database_url: str, names: Collection[str] | None = None) -> list[PartReport]:
    """Check these parts, or all that are over; keep what streams had come to at the end of each that is in order.

    Ends with the first part in which something is wrong: what follows stands on it. Nobody is kept waiting. Memory does not grow
    with the journal. Raises `InvalidInputError` for a part that is not there or stands on one that was never checked,
    `PartNotOverError`, `UnavailableError`.
    """
    connection = await first_connection(database_url, command_timeout=None)
    try:
        with translated_errors("check parts of the journal"):
            # What is drawn meanwhile belongs to the part after: a month begins under the lock of those that append.
            drawn = await connection.fetchval(_DRAWN)
            present = _in_order(await present_parts(connection))
            chosen = [
                name for name in present if (drawn >= end_position(name) if names is None else name in names)
            ]
            for name in names or ():
                if name not in present:
                    raise InvalidInputError(f"There is no part {label_of(name)} of the journal.")
                if drawn < end_position(name):
                    state = "to come" if drawn < start_position(name) else "still written to"
                    raise PartNotOverError(
                        f"The part {label_of(name)} is {state}; it can be checked by itself once it is over."
                    )
            reports = []
            for name in chosen:
                reports.append(await _check(connection, name))
                if reports[-1].differences:
                    break
            return reports
    finally:
        await connection.close()


async def read_starts(
    connection: asyncpg.Connection[asyncpg.Record], name: str
) -> dict[WalletAddress, Checked]:
    """Return what streams had come to before a part, as far as that was checked."""
    return _by_wallet(await connection.fetch(_STARTS, start_position(name)))


async def read_ends(
    connection: asyncpg.Connection[asyncpg.Record], name: str
) -> dict[WalletAddress, Checked]:
    """Return what streams with entries in a part had come to at its end, when it was checked first."""
    return _by_wallet(await connection.fetch(_ENDS, end_position(name)))


async def _check(connection: asyncpg.Connection[asyncpg.Record], name: str) -> PartReport:
    report, ends = PartReport(name), []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        starts, kept = await read_starts(connection, name), await read_ends(connection, name)
        for row in await connection.fetch(_STREAMS.format(part=quoted(name))):
            wallet = WalletAddress(row["wallet_address"])
            owner = AgentId(row["agent_id"]) if row["agent_id"] is not None else None
            fold = StreamFold(wallet, owner, row["last_seq"])
            if (start := starts.get(wallet)) is None and row["first_seq"] > 1 and start_position(name):
                raise InvalidInputError(
                    f"{label_of(name)} goes on from a part that was not checked: check those before it first."
                )
            fold.checked = known = kept.pop(wallet, None)
            quick = QuickFold(wallet, owner, known) if owner is not None else None
            report.entries += await fold_lines(fold, _lines_of(connection, name, wallet), start, quick)
            fold.compare_sums()
            if known is not None and known.seq != fold.last_seq:
                fold.report(
                    f"entry {fold.last_seq}",
                    "the stream did not end here when it was checked",
                    journal=str(known.seq),
                )
            report.streams += 1
            report.differences += fold.differences
            if (done := fold.end()) is not None:
                ends.append(done)
        for wallet, known in kept.items():
            report.differences.append(
                Difference(
                    wallet, f"entry {known.seq}", "none of its entries is left in this part", None, None, None
                )
            )
    if not report.differences:
        await _keep(connection, name, ends)
    return report


def _lines_of(connection: asyncpg.Connection[asyncpg.Record], name: str, wallet: WalletAddress) -> Lines:
    """Return what yields all lines of a wallet in a part, those as well that have no business there."""
    return lambda _, take: read_lines(connection, quoted(name), wallet, 0, take)


async def _keep(connection: asyncpg.Connection[asyncpg.Record], name: str, ends: Iterable[Checked]) -> None:
    rows = [
        (one.wallet_address, one.agent_id, one.seq, one.entry_id, one.digest, to_json(one.folded))
        for one in ends
    ]
    if rows:
        await connection.execute(
            _KEEP, end_position(name), *(list(column) for column in zip(*rows, strict=True))
        )


def _by_wallet(rows: Iterable[asyncpg.Record]) -> dict[WalletAddress, Checked]:
    found = (read_checked(WalletAddress(row["wallet_address"]), row) for row in rows)
    return {one.wallet_address: one for one in found if one is not None}


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=end_position)
