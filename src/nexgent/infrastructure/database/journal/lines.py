"""Lines of the journal as texts: whoever folds a stream looks at every line and converts only what it needs of each.

They come from PostgreSQL, or from a file in the form that COPY writes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeAlias, cast
from uuid import UUID

import asyncpg

from nexgent.infrastructure.database.journal.codec import CorruptEntryError
from nexgent.shared.types import WalletAddress

Line: TypeAlias = Sequence[str]
"""Entry id, agent id, seq, time, kind, postings, body."""
ENTRY_ID, AGENT_ID, SEQ, AT, KIND, POSTINGS, BODY = range(7)

_ONE_TEXT = "SET LOCAL timezone TO 'UTC'; SET LOCAL datestyle TO 'ISO'"
_LINES = """
SELECT entry_id::text, agent_id::text, seq::text, at::text, kind, postings, body FROM {table} AS line
WHERE wallet_address = $1 AND line.seq > $2 ORDER BY line.seq
"""
_BLOCK = 1_000
_MICROSECONDS = 29
"""So long is a time of UTC with all six digits, as nearly all have them."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CHARACTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


async def settle_texts(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Have every time one text, until the caller's transaction ends."""
    await connection.execute(_ONE_TEXT)


async def read_lines(
    connection: asyncpg.Connection[asyncpg.Record], table: str, wallet: WalletAddress, after_seq: int
) -> AsyncIterator[Sequence[Line]]:
    """Yield a wallet's lines in a table, behind an entry, in order, in blocks. Texts have been settled.

    A line at a time costs the driver as much as a fold.
    """
    cursor = await connection.cursor(_LINES.format(table=table), wallet, after_seq)
    while block := await cursor.fetch(_BLOCK):
        yield cast("list[Line]", block)


def fields_of(row: str) -> list[str]:
    """Return the values of a row that COPY has written, without the end of its line."""
    fields = row.split("\t")
    return [_unescaped(field) for field in fields] if "\\" in row else fields


def _unescaped(field: str) -> str:
    # What is escaped is nearly always a backslash, in the JSON of a text.
    if "\\" not in field.replace("\\\\", ""):
        return field.replace("\\\\", "\\")
    return _ESCAPED.sub(lambda found: _CHARACTERS.get(found[1], found[1]), field)


def chained(digest: bytes, line: Line) -> bytes:
    """Return the digest of a line and of all lines before it."""
    entry_id, agent_id, seq, at, kind, postings, body = line
    # Times are written as Python writes them.
    if len(at) == _MICROSECONDS and at.endswith("+00"):
        at = f"{at[:10]}T{at[11:]}:00"
    else:
        with suppress(ValueError):
            at = datetime.fromisoformat(at).isoformat()
    text = f"{entry_id}|{agent_id}|{seq}|{at}|{kind}|{postings}|{body}"
    return hashlib.blake2b(digest + text.encode(), digest_size=32).digest()


def moment(line: Line) -> datetime:
    """Return when an entry was written. Raises `ValueError` for a time that is none."""
    return datetime.fromisoformat(line[AT])


def row_of(line: Line, wallet: WalletAddress) -> dict[str, Any]:
    """Return the columns that `decode_entry` takes. Raises `CorruptEntryError`."""
    entry_id, agent_id, seq, _, kind, postings, body = line
    try:
        return {
            "entry_id": UUID(entry_id),
            "wallet_address": wallet,
            "agent_id": UUID(agent_id),
            "seq": int(seq),
            "at": moment(line),
            "kind": kind,
            "postings": postings,
            "body": body,
        }
    except ValueError as error:
        raise CorruptEntryError(f"entry {entry_id} cannot be read: {error}") from error
