"""Fold wallets from the journal and hold what they come to against tables and cache, within one snapshot.

A wallet is folded from where it was found in order last (`checked`), or from its first entry when everything is to be checked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import asyncpg

from nexgent.infrastructure.database.journal.archived import baselines
from nexgent.infrastructure.database.journal.checked import Checked, read_checked
from nexgent.infrastructure.database.journal.codec import CorruptEntryError
from nexgent.infrastructure.database.journal.comparison import VerifyReport, compare_wallet
from nexgent.infrastructure.database.journal.folds_at_once import FoldsAtOnce
from nexgent.infrastructure.database.journal.lines import Take, read_lines
from nexgent.infrastructure.database.journal.quick_fold import DoubtfulError, Mints, QuickFold
from nexgent.infrastructure.database.journal.stream_fold import (
    Holding,
    Lines,
    StreamFold,
    fold_lines,
    take_over,
)
from nexgent.infrastructure.database.journal.table_order import (
    parts_wanted,
    pays,
    read_in_table_order,
    table_parts,
)
from nexgent.shared.types import AgentId, WalletAddress

_MINTS_AT_ONCE = 20_000
"""What is found is handed on once it is about so many."""

# From wallet to wallet on the indexes of the streams, past all entries in between. Of some all entries are archived.
_WALLETS = """
WITH RECURSIVE stream (wallet_address) AS (
    (SELECT wallet_address FROM journal ORDER BY wallet_address LIMIT 1)
    UNION ALL
    SELECT (SELECT j.wallet_address FROM journal j WHERE j.wallet_address > stream.wallet_address
            ORDER BY j.wallet_address LIMIT 1)
    FROM stream WHERE stream.wallet_address IS NOT NULL
)
SELECT array_agg(wallet_address) FROM (
    SELECT wallet_address FROM stream WHERE wallet_address IS NOT NULL UNION SELECT wallet_address FROM journal_heads
) AS streams
"""
# For wallets that have a journal. A place is unique within a part: entries of two of them may have the same once somebody has
# changed one.
_STREAMS = """
SELECT stream.wallet_address, w.agent_id, coalesce(s.seq, 0) AS projected_seq,
       (SELECT j.seq FROM journal j WHERE j.wallet_address = stream.wallet_address ORDER BY j.seq DESC LIMIT 1) AS last_seq,
       coalesce(h.seq, 0) AS head_seq,
       (SELECT array_agg(j.entry_id) FROM journal j WHERE j.wallet_address = stream.wallet_address AND j.seq = c.seq)
           = ARRAY[c.entry_id] AS ends_there,
       c.agent_id AS checked_agent_id, c.seq AS checked_seq, c.entry_id AS checked_entry_id, c.digest, c.folded, c.checked_at
FROM unnest($1::text[]) AS stream (wallet_address)
LEFT JOIN agent_wallets w USING (wallet_address)
LEFT JOIN journal_streams s USING (wallet_address)
LEFT JOIN journal_heads h USING (wallet_address)
LEFT JOIN verified_wallets c USING (wallet_address)
ORDER BY stream.wallet_address
"""
_FAILED_WALLETS = "SELECT DISTINCT wallet_address FROM projection_failures"
_WITHOUT_ENTRIES = """
SELECT w.wallet_address, w.agent_id FROM agent_wallets w
WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.wallet_address = w.wallet_address)
  AND NOT EXISTS (SELECT 1 FROM journal_heads h WHERE h.wallet_address = w.wallet_address) ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """A wallet with a journal, and how many of its entries are to be folded."""

    wallet_address: WalletAddress
    entries: int


@dataclass(slots=True)
class Found:
    """What a check of some wallets has found: the report, how far each is in order now, and what they hold if that was asked."""

    report: VerifyReport = field(default_factory=VerifyReport)
    checked: list[Checked] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)


async def streams(connection: asyncpg.Connection[asyncpg.Record], *, everything: bool) -> list[Stream]:
    """Return the wallets that have a journal, in order."""
    known = await baselines(connection)
    found = []
    for row in await connection.fetch(_STREAMS, await connection.fetchval(_WALLETS) or []):
        wallet = WalletAddress(row["wallet_address"])
        behind = known[wallet].seq if wallet in known else 0
        if not everything:
            behind = max(behind, row["checked_seq"] or 0)
        found.append(Stream(wallet, max(0, (row["last_seq"] or 0) - behind)))
    return found


async def check_streams(
    connection: asyncpg.Connection[asyncpg.Record],
    wallets: Collection[WalletAddress],
    *,
    everything: bool,
    with_holdings: bool,
) -> AsyncGenerator[Found, None]:
    """Check wallets that have a journal, in the snapshot the connection has; yield what is found, a part of them after the other.

    Where nearly all of the journal is wanted its lines are read for all wallets at once, in the order in which they are there.
    """
    known = await baselines(connection, wallets)
    rows = await connection.fetch(_STREAMS, list(wallets))
    streams = deque(_begun(row, everything, known.get(row["wallet_address"])) for row in rows)
    folds = await _read_at_once(connection, streams)
    found, size = Found(), 0
    while streams:
        # None is kept longer than it takes: together they had all the mints there are.
        stream = streams.popleft()
        fold = stream.fold
        await _fold(connection, stream, folds, found.report)
        await compare_wallet(connection, fold, found.report)
        if (done := fold.now_checked()) is not None:
            found.checked.append(done)
        if with_holdings and (holding := fold.holding()) is not None:
            found.holdings.append(holding)
            size += len(holding.amounts)
        if size >= _MINTS_AT_ONCE:
            yield found
            found, size = Found(), 0
    yield found


async def check_the_rest(connection: asyncpg.Connection[asyncpg.Record]) -> VerifyReport:
    """Check wallets without any entry; report the journal's end and the entries that could not be written to tables."""
    report = VerifyReport()
    report.journal_position = await connection.fetchval("SELECT coalesce(max(id), 0) FROM journal")
    report.projection_failures = await connection.fetchval("SELECT count(*) FROM projection_failures")
    for row in await connection.fetch(_WITHOUT_ENTRIES):
        empty = StreamFold(WalletAddress(row["wallet_address"]), AgentId(row["agent_id"]), 0)
        await compare_wallet(connection, empty, report)
    report.repairable += [
        WalletAddress(row["wallet_address"]) for row in await connection.fetch(_FAILED_WALLETS)
    ]
    return report


@dataclass(slots=True)
class _Begun:
    """A stream that is to be folded, from where it was in order if it is not from its first entry."""

    fold: StreamFold
    last_seq: int
    start: Checked | None
    known: Checked | None
    """What its lines are held against as they come: they are read again in spite of it."""

    @property
    def after_seq(self) -> int:
        """The entry behind which its lines are wanted."""
        return self.start.seq if self.start is not None else 0

    @property
    def is_usual(self) -> bool:
        """Tell whether a quick fold may be tried: it is somebody's, and the tables contain all of it."""
        return self.fold.owner is not None and self.fold.projected_seq >= self.last_seq

    def quick(self, mints: Mints | None = None) -> QuickFold | None:
        """Return a new quick fold of it, which has no line yet; None where there is no use in one."""
        owner = self.fold.owner
        return (
            QuickFold(self.fold.wallet, owner, self.known, mints)
            if owner is not None and self.is_usual
            else None
        )


def _begun(row: asyncpg.Record, everything: bool, baseline: Checked | None) -> _Begun:
    """Return a stream. Where the last entry that was checked is another one, it is folded from the first.

    One whose first entries are archived is folded from what it had come to there.
    """
    wallet = WalletAddress(row["wallet_address"])
    last_seq = row["last_seq"] or (baseline.seq if baseline is not None else 0)
    fold = _new_fold(wallet, row, last_seq)
    known, start = fold.checked, baseline
    if baseline is not None and known is not None and known.seq <= baseline.seq:
        if known.seq == baseline.seq and known.digest != baseline.digest:
            fold.report(f"entry {known.seq}", "what is kept of it is not what is kept of the end of its part")
        if known.seq < baseline.seq:
            fold.checked = None
        known = None
    elif known is not None and not everything and row["ends_there"]:
        start = known
    return _Begun(fold, last_seq, start, known)


async def _read_at_once(
    connection: asyncpg.Connection[asyncpg.Record], streams: Collection[_Begun]
) -> FoldsAtOnce:
    """Return streams folded at once, none where they are not much of the journal, or one of their lines cannot be read."""
    folds, mints = FoldsAtOnce(), Mints()
    usual = [one for one in streams if one.is_usual and one.last_seq > one.after_seq]
    if len(usual) < 2:
        return folds
    wallets, after = [one.fold.wallet for one in usual], [one.after_seq for one in usual]
    parts = await table_parts(connection)
    if any(after):
        parts = await parts_wanted(connection, parts, wallets, after)
    if not pays(sum(one.last_seq - one.after_seq for one in usual), sum(part.pages for part in parts)):
        return folds
    for one in usual:
        # One that was checked for somebody else is looked at by itself.
        with suppress(DoubtfulError):
            if (quick := one.quick(mints)) is not None:
                if one.start is not None:
                    quick.go_on_from(one.start)
                folds.add(one.fold.wallet, quick, one.after_seq)
    try:
        await read_in_table_order(connection, parts, wallets, folds.take)
    except CorruptEntryError:
        return FoldsAtOnce()
    return folds


async def _fold(
    connection: asyncpg.Connection[asyncpg.Record], stream: _Begun, folds: FoldsAtOnce, report: VerifyReport
) -> None:
    """Fold all entries of a stream, unless that was done at once with others and nothing is unusual about it."""
    fold, start = stream.fold, stream.start
    if start is not None:
        report.entries_checked_before += start.seq
    if (quick := folds.pop(fold.wallet, stream.last_seq)) is not None:
        with suppress(DoubtfulError):
            report.entries += take_over(fold, start, quick)
            return
    lines: Lines = partial(read_lines, connection, "journal", fold.wallet)
    if stream.after_seq == stream.last_seq:
        lines = _nothing
    report.entries += await fold_lines(fold, lines, start, stream.quick())


async def _nothing(_after_seq: int, _take: Take) -> None:
    """Hand on the lines of a stream that has none."""


def _new_fold(wallet: WalletAddress, row: asyncpg.Record, last_seq: int) -> StreamFold:
    owner = AgentId(row["agent_id"]) if row["agent_id"] is not None else None
    fold = StreamFold(wallet, owner, row["projected_seq"] if owner is not None else 0)
    checked = read_checked(wallet, row)
    # What was folded for another agent, or for none, says nothing of this one's balances.
    fold.checked = checked if checked is not None and checked.agent_id == owner else None
    # Tables that are being written anew contain less than was checked.
    if fold.checked is not None and owner is not None and row["projected_seq"] < fold.checked.seq:
        fold.checked = None
    if row["head_seq"] != last_seq:
        fold.report(
            f"entry {last_seq}",
            "the stream ends here, and not where it did",
            journal=str(row["head_seq"]),
        )
    return fold
