"""The journal in PostgreSQL: one statement per group of entries, positions that grow in commit order."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import structlog

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.ledger.models import TRADES, Entry
from nexgent.domain.ledger.ports import JournalConflictError
from nexgent.domain.ledger.state import WalletState
from nexgent.infrastructure.database.connection import DedicatedConnection, translated_errors
from nexgent.infrastructure.database.journal.archived import archived, baseline
from nexgent.infrastructure.database.journal.checked import Checked
from nexgent.infrastructure.database.journal.codec import (
    EncodedEntry,
    JournalLine,
    decode_entry,
    encode_entries,
)
from nexgent.infrastructure.database.journal.parts import APPEND_LOCK
from nexgent.infrastructure.database.journal.wallet_states import read_states
from nexgent.infrastructure.database.lease import WHOLE, EngineLease, signed
from nexgent.infrastructure.database.pool import JOURNAL_READS, LazyPool
from nexgent.shared.errors import UnavailableError
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, shard_of
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

APPEND_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 30.0
WALLETS_TIMEOUT_SECONDS = 10.0
"""For some wallets, which somebody is waiting for; all of them are read when the engine starts."""

# The lock is taken before the first id is drawn: ids come from the target list, which is computed on top of the join with
# `turn`. It is held until the transaction is committed and visible. Hence, over all processes, a line with a higher id
# becomes visible after every line with a lower one, and a reader that has seen position n has missed nothing before it.
# Without the lock a slow transaction could commit id 7 after a reader has gone past id 8.
#
# `lease` locks the row of the engine's lease, so that it is read as it is at this instant and nobody takes it over before the
# lines are committed. When it has another epoch, has expired or has not the shards of all lines, `open` has no row and nothing is
# written; that is decided once for all lines. Epoch 0 is whoever does not trade: its place in the streams is all that counts.
_APPEND = """
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock($1)),
lease AS MATERIALIZED (
    SELECT held.expires_at FROM turn, engine_lease AS held
    WHERE held.id = $13 AND held.epoch = $12 AND held.shards & $14 = $14 FOR SHARE OF held
),
open AS MATERIALIZED (
    SELECT FROM turn WHERE $12::bigint = 0 OR (SELECT expires_at FROM lease) > clock_timestamp()
),
written AS (
    INSERT INTO journal
        (entry_id, wallet_address, agent_id, seq, at, kind, intent_id, position_id, postings, body, epoch)
    SELECT line.entry_id, line.wallet_address, line.agent_id, line.seq, line.at, line.kind, line.intent_id,
           line.position_id, line.postings, line.body, $12
    FROM open, unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::timestamptz[], $7::text[], $8::uuid[],
                      $9::uuid[], $10::json[], $11::json[]) WITH ORDINALITY
        AS line(entry_id, wallet_address, agent_id, seq, at, kind, intent_id, position_id, postings, body, place)
    ORDER BY line.place
    RETURNING id
)
SELECT max(id) FROM written
"""
_OF_WALLET = """
SELECT id, entry_id, wallet_address, agent_id, seq, at, kind, postings, body FROM journal
WHERE wallet_address = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""

# Where the entry that broke the rows is unknown, the newest one stands for it: what it left is not what the rows say.
_SET_APART = """
INSERT INTO projection_failures (journal_id, wallet_address, agent_id, seq, kind, error)
SELECT id, wallet_address, agent_id, seq, kind, $2 FROM (
    SELECT id, wallet_address, agent_id, seq, kind FROM journal WHERE wallet_address = $1
    UNION ALL
    SELECT -1 - abs(hashtextextended(wallet_address, 0) % 1000000000000), wallet_address, w.agent_id, e.seq, 'archived'
    FROM journal_part_ends e JOIN agent_wallets w USING (wallet_address) WHERE wallet_address = $1
) AS line
WHERE NOT EXISTS (SELECT FROM projection_failures f WHERE f.wallet_address = $1)
ORDER BY seq DESC, id DESC LIMIT 1 ON CONFLICT (journal_id) DO NOTHING
"""
_MAX_REASON_LENGTH = 2_000


class PostgresJournal:
    """Implements `Journal`. Connects on first use, again after every loss, and never waits longer than its deadlines.

    With a `lease`, trades are written under its epoch only: by a process that holds it, and that the database knows as its
    holder in the statement itself. What people enter by hand (deposits, corrections) is written by replicas as well,
    without an epoch: nothing outside follows from it, and who is not the next in a stream has to decide on the newest state.
    Without a lease nothing is compared: tools and tests.
    """

    def __init__(self, database_url: str, *, lease: EngineLease | None = None) -> None:
        self._lease = lease
        self._writer = DedicatedConnection(database_url, application_name="nexgent-journal")
        self._writing = asyncio.Lock()
        self._unresolved: list[str] = []
        self._pool = LazyPool(database_url, JOURNAL_READS)

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.close()
        await self._pool.close()

    async def append(self, entries: Sequence[Entry]) -> int:
        """Write all entries in one durable transaction; return the position of the last one.

        Raises `JournalConflictError` when a place in a stream is taken and `NotTheEngineError` when trades are somebody else's
        to write (nothing was written), `UnavailableError` when the store cannot be reached or its answer got lost; `find` then
        tells what was written.
        """
        if not entries:
            return await self.head_position()
        lines = encode_entries(entries)
        async with self._writing:
            await self._settle_unresolved()
            epoch = self._lease.epoch if self._lease is not None else 0
            needed = NO_SHARDS
            if self._lease is not None and not epoch:
                if any(isinstance(entry.body, TRADES) for entry in entries):
                    raise self._lease.refusal()
            elif self._lease is not None:
                needed = shards_to_write_for(entries, self._lease.shards)
                if needed & ~self._lease.shards:
                    raise self._lease.refusal()
            return await self._insert(lines, epoch, needed)

    async def _insert(self, lines: Sequence[EncodedEntry], epoch: int, shards: int) -> int:
        row = self._lease.row if self._lease is not None else WHOLE
        arguments = (APPEND_LOCK, *map(list, zip(*lines, strict=True)), epoch, row, signed(shards))
        sent = False
        try:
            with translated_errors("append to the journal"):
                async with asyncio.timeout(APPEND_TIMEOUT_SECONDS):
                    connection = await self._writer.get()
                    sent = True
                    position: int | None = await connection.fetchval(_APPEND, *arguments, timeout=None)
        except asyncpg.UniqueViolationError as error:
            raise JournalConflictError("Another writer was faster") from error
        except (UnavailableError, asyncio.CancelledError):
            if sent:
                self._unresolved.append(self._writer.abandon())
            raise
        if position is None:
            if self._lease is not None:
                self._lease.refused(epoch)
            raise NotTheEngineError
        return position

    async def _settle_unresolved(self) -> None:
        """Make sure that no append with an unknown outcome is still under way on the server.

        A lost answer does not stop the server from carrying on, perhaps while waiting for the lock. As long as that
        session lives, "it is not there" would only mean "not yet".
        """
        if not self._unresolved:
            return
        pool = await self._pool.get()
        for application_name in list(self._unresolved):
            with translated_errors("end an interrupted append"):
                alive = await pool.fetch(
                    "SELECT pid, pg_terminate_backend(pid, 3000) AS ended FROM pg_stat_activity WHERE application_name = $1",
                    application_name,
                    timeout=APPEND_TIMEOUT_SECONDS,
                )
            if not all(row["ended"] for row in alive):
                raise UnavailableError("An interrupted append to the journal is still under way")
            self._unresolved.remove(application_name)

    async def settle(self) -> None:
        """End every append of this process whose outcome is unknown: what is not in the journal now will not be.

        Raises `UnavailableError` when that cannot be made sure.
        """
        async with self._writing:
            await self._settle_unresolved()

    async def find(self, entries: Collection[Entry]) -> frozenset[Entry]:
        """Return those of the entries that are in the journal, after ending every append whose outcome is unknown."""
        await self.settle()
        pool = await self._pool.get()
        with translated_errors("search the journal"):
            rows = await pool.fetch(
                "SELECT entry_id FROM journal WHERE entry_id = ANY($1)",
                [entry.id for entry in entries],
                timeout=APPEND_TIMEOUT_SECONDS,
            )
        found = {row["entry_id"] for row in rows}
        return frozenset(entry for entry in entries if entry.id in found)

    async def load(self, wallets: Collection[WalletAddress] | None = None) -> Sequence[WalletState]:
        """Return the present states of all wallets, or of those asked for that exist: tables plus unprojected entries.

        A wallet whose rows cannot be read comes from its journal, and stands among the failed ones until it is repaired.
        """
        await self.settle()
        pool = await self._pool.get()
        with translated_errors("read wallets"):
            async with (
                asyncio.timeout(READ_TIMEOUT_SECONDS if wallets is None else WALLETS_TIMEOUT_SECONDS),
                pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                read = await read_states(connection, wallets)
        await self._set_apart(read.unreadable)
        return read.states

    async def _set_apart(self, unreadable: Mapping[WalletAddress, str]) -> None:
        """Note wallets whose rows cannot be read as those are whose entries cannot be written: health tells of them."""
        pool = await self._pool.get()
        for wallet, reason in unreadable.items():
            try:
                with translated_errors("set a wallet apart"):
                    await pool.execute(_SET_APART, wallet, reason[:_MAX_REASON_LENGTH])
            except UnavailableError as error:
                # It is found again by whoever reads it next.
                log.warning("journal.wallet_not_set_apart", wallet_address=wallet, code=error.code)

    async def head_position(self) -> int:
        """Return the position of the newest line, 0 when there is none."""
        position: int = await self._fetchval("SELECT coalesce(max(id), 0) FROM journal")
        return position

    async def read_wallet(
        self, wallet: WalletAddress, after_seq: int = 0, limit: int = 10_000
    ) -> list[JournalLine]:
        """Return the lines of one wallet behind a sequence number, in order.

        Raises `JournalArchivedError` where some are not there.
        """
        lines = lines_of(await self._fetch(_OF_WALLET, wallet, after_seq, limit))
        if not lines or lines[0].entry.seq != after_seq + 1:
            known = await self.baseline(wallet)
            if known is not None and known.seq > after_seq:
                raise await archived(await self._pool.get())
        return lines

    async def baseline(self, wallet: WalletAddress) -> Checked | None:
        """Return what a stream had come to where the journal begins, None where nothing of it is archived."""
        pool = await self._pool.get()
        with translated_errors("read the journal"):
            return await baseline(pool, wallet)

    async def _fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        pool = await self._pool.get()
        with translated_errors("read the journal"):
            rows: list[asyncpg.Record] = await pool.fetch(query, *arguments, timeout=READ_TIMEOUT_SECONDS)
            return rows

    async def _fetchval(self, query: str) -> Any:
        pool = await self._pool.get()
        with translated_errors("read the journal"):
            return await pool.fetchval(query, timeout=READ_TIMEOUT_SECONDS)


async def append_in(connection: asyncpg.Connection[asyncpg.Record], entries: Sequence[Entry]) -> None:
    """Append inside the caller's transaction, which holds up every other writer until it ends.

    For whoever trades nothing and has nothing to lose by it. Raises what asyncpg raises.
    """
    if entries:
        lines = encode_entries(entries)
        await connection.fetchval(_APPEND, APPEND_LOCK, *map(list, zip(*lines, strict=True)), 0, WHOLE, 0)


def shards_to_write_for(entries: Iterable[Entry], ours: int) -> int:
    """Return the shards that an engine has to have for an append: those of all trades, and of whatever else is its own.

    What people enter for an agent of another engine is written as a replica writes it.
    """
    if ours == ALL_SHARDS:
        return ours
    needed = NO_SHARDS
    for entry in entries:
        shard = 1 << shard_of(entry.agent_id)
        if shard & ours or isinstance(entry.body, TRADES):
            needed |= shard
    return needed


def lines_of(rows: Iterable[asyncpg.Record]) -> list[JournalLine]:
    """Return rows of the journal as lines."""
    return [JournalLine(row["id"], decode_entry(row)) for row in rows]
