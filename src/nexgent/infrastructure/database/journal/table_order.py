"""Lines of many wallets at once, in the order in which the table has them.

Wallet by wallet, each line is in another page. Here every page is read once, one after the other, and the lines of a few
dozen pages come as one value: the server sends them in one piece, and the driver hands them on as one, which takes half as
long as to receive each by itself. What nobody wants is passed over by the server.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from sys import maxsize
from typing import TypeAlias

import asyncpg

from nexgent.infrastructure.database.engine import quoted
from nexgent.infrastructure.database.journal.codec import CorruptEntryError
from nexgent.infrastructure.database.journal.lines import Line, literal
from nexgent.infrastructure.database.journal.parts import end_position, is_part
from nexgent.shared.types import WalletAddress

TakeOne: TypeAlias = Callable[[bytes, Line], None]
"""Takes a line of a wallet."""

_PIECE_BYTES = 512 * 1024
"""So much of a table is read for one value: what a processor has next to it, and still has when it hashes a line."""
_PAGE_BYTES = 8_192
_FEW_PAGES = 2
# To ask how large a table is waits for whoever has it locked: only those of the journal are asked.
_PARTS = """
WITH part AS MATERIALIZED (SELECT relid FROM pg_partition_tree('journal') WHERE isleaf)
SELECT (SELECT relname FROM pg_class WHERE oid = relid) AS name, pg_relation_size(relid) AS bytes, pg_table_size(relid) AS whole
FROM part WHERE pg_relation_size(relid) > 0
"""
_IS_WANTED = """
SELECT EXISTS (
    SELECT FROM unnest($1::text[], $2::bigint[]) AS stream (wallet_address, after_seq)
    WHERE EXISTS (SELECT FROM {table} j WHERE j.wallet_address = stream.wallet_address AND j.seq > stream.after_seq)
)
"""
# The plan is known beforehand: whatever else a planner came to would be read once for every few pages.
_PLANNED = """
SET LOCAL enable_tidscan = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL jit = off
"""
_AS_BEFORE = """
SET LOCAL enable_tidscan = DEFAULT; SET LOCAL enable_seqscan = DEFAULT; SET LOCAL enable_indexscan = DEFAULT;
SET LOCAL enable_indexonlyscan = DEFAULT; SET LOCAL enable_bitmapscan = DEFAULT;
SET LOCAL max_parallel_workers_per_gather = DEFAULT; SET LOCAL jit = DEFAULT
"""
_LINES = """
SELECT (
    SELECT string_agg(record_send(ROW(
        j.entry_id::text, j.agent_id::text, j.seq, j.at, j.wallet_address, j.kind, j.postings, j.body)), '')
    FROM {table} j
    WHERE j.ctid >= ('(' || page || ',0)')::tid AND j.ctid < ('(' || page + {step} || ',0)')::tid
      AND j.wallet_address = ANY (ARRAY[{wallets}])
)
FROM generate_series(0::bigint, {pages}, {step}) AS page
"""
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER_SIZE = len(_SIGNATURE) + 8
_END = b"\xff\xff"
_VALUE = struct.Struct(">hi")
# A row as PostgreSQL sends one: how many fields, then of each its type, its length, which is -1 where there is no value, and it.
_FIXED = struct.Struct(">i4xi36s4xi36s4xiq4xiq4xi")
_FIELD = struct.Struct(">4xi")
_FIXED_WIDTHS = (8, 36, 36, 8, 8)
_LACKS_A_VALUE = "a line cannot be read: it lacks a value"


@dataclass(frozen=True, slots=True)
class TablePart:
    """A table with lines of the journal. `bytes` without what is kept beside it."""

    name: str
    bytes: int
    whole: int

    @property
    def pages(self) -> int:
        """How many pages it has."""
        return -(-self.bytes // _PAGE_BYTES)

    @property
    def step(self) -> int:
        """How many pages are read for one value."""
        return max(1, min(_PIECE_BYTES // _PAGE_BYTES, _PIECE_BYTES * self.pages // max(self.whole, 1)))


async def table_parts(connection: asyncpg.Connection[asyncpg.Record]) -> list[TablePart]:
    """Return the tables that the journal's lines are in, in order."""
    parts = [TablePart(**row) for row in await connection.fetch(_PARTS)]
    # One that somebody has made under another name comes last.
    return sorted(parts, key=lambda part: end_position(part.name) if is_part(part.name) else maxsize)


async def parts_wanted(
    connection: asyncpg.Connection[asyncpg.Record],
    parts: Sequence[TablePart],
    wallets: Sequence[WalletAddress],
    after: Sequence[int],
) -> list[TablePart]:
    """Return the parts that have a line of any of these wallets behind the entry that it is wanted from."""
    return [
        part
        for part in parts
        if await connection.fetchval(_IS_WANTED.format(table=quoted(part.name)), wallets, after)
    ]


def pays(entries: int, pages: int) -> bool:
    """Tell whether so many entries are read sooner page by page than one by one: a page is read in the time of half an entry."""
    return entries * _FEW_PAGES >= pages


async def read_in_table_order(
    connection: asyncpg.Connection[asyncpg.Record],
    parts: Sequence[TablePart],
    wallets: Collection[WalletAddress],
    take: TakeOne,
) -> None:
    """Hand on all lines that these wallets have in these parts, as the parts have them: nearly always those of each in order.

    What `take` raises is raised when all have come. Raises `CorruptEntryError` where a line of any of them lacks a value.
    """
    reader = _Reader(take)
    chosen = ", ".join(literal(wallet) for wallet in wallets)
    await connection.execute(_PLANNED)
    for part in parts:
        query = _LINES.format(table=quoted(part.name), step=part.step, pages=part.pages, wallets=chosen)
        await connection.copy_from_query(query, output=reader.parse, format="binary")
        reader.end()
    await connection.execute(_AS_BEFORE)


class _Reader:
    """Takes what binary COPY writes of one column, each value of which is lines one behind the other."""

    def __init__(self, take: TakeOne) -> None:
        self._take = take
        self._rest = b""
        self._failure: Exception | None = None

    async def parse(self, data: bytes) -> None:
        if self._failure is not None:
            return
        try:
            self._rest = self._parsed(self._rest + data if self._rest else bytes(data))
        except struct.error:
            self._failure = CorruptEntryError(_LACKS_A_VALUE)
        except Exception as error:
            self._failure = error

    def end(self) -> None:
        """Raise what was raised, and where the last part has not come to its end."""
        if self._failure is not None:
            raise self._failure
        if self._rest != _END:
            raise CorruptEntryError("lines cannot be read: they have no end")
        self._rest = b""

    def _parsed(self, data: bytes) -> bytes:
        """Hand on the lines in a piece of what COPY writes; return the beginning of a value whose end is still to come."""
        size, start = len(data), 0
        # No value begins like that.
        if data[:1] == _SIGNATURE[:1]:
            if size < _HEADER_SIZE:
                return data
            start = _HEADER_SIZE
        while start + _VALUE.size <= size:
            _, width = _VALUE.unpack_from(data, start)
            begin = start + _VALUE.size
            # Where no line is there is no value, which has the length -1.
            end = begin + max(width, 0)
            if end > size:
                break
            self._hand_on(data, begin, end)
            start = end
        return data[start:]

    def _hand_on(self, data: bytes, start: int, end: int) -> None:
        take, fixed, field = self._take, _FIXED.unpack_from, _FIELD.unpack_from
        while start < end:
            fields, a, entry_id, b, agent_id, c, seq, d, at, width = fixed(data, start)
            place = start + _FIXED.size
            wallet = data[place : place + width]
            place += width
            (kind_width,) = field(data, place)
            place += _FIELD.size
            kind = data[place : place + kind_width]
            place += kind_width
            (postings_width,) = field(data, place)
            place += _FIELD.size
            postings = data[place : place + postings_width]
            place += postings_width
            (body_width,) = field(data, place)
            place += _FIELD.size
            start = place + body_width
            # What has no value has the length -1, and what follows it is somewhere else. Taken together, one makes them negative.
            if (width | kind_width | postings_width | body_width) < 0 or (
                fields,
                a,
                b,
                c,
                d,
            ) != _FIXED_WIDTHS:
                raise CorruptEntryError(_LACKS_A_VALUE)
            take(wallet, (entry_id, agent_id, seq, at, kind, postings, data[place:start]))
        if start != end:
            raise CorruptEntryError(_LACKS_A_VALUE)
