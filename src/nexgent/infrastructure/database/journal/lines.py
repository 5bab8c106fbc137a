"""Lines of the journal: what a fold takes of the rows, from PostgreSQL or from a file in the form that COPY writes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias, cast
from uuid import UUID

import asyncpg

from nexgent.shared.types import WalletAddress

Line: TypeAlias = tuple[UUID, UUID, int, datetime, str, str, str]
"""Entry id, agent id, seq, time, kind, postings, body; from PostgreSQL a row, which is as good."""

LINE_COLUMNS = ("entry_id", "agent_id", "seq", "at", "kind", "postings", "body")
"""The columns of the journal that a line has."""
_LINES = """
SELECT entry_id, agent_id, seq, at, kind, postings, body FROM {table} WHERE wallet_address = $1 AND seq > $2 ORDER BY seq
"""
_BLOCK = 1_000
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CHARACTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


async def read_lines(
    connection: asyncpg.Connection[asyncpg.Record], table: str, wallet: WalletAddress, after_seq: int
) -> AsyncIterator[Sequence[Line]]:
    """Yield a wallet's lines in a table, behind an entry, in order, in blocks.

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


def line_of(fields: Sequence[str]) -> Line:
    """Return the line of the values that COPY writes of the same columns. Raises `ValueError`."""
    entry_id, agent_id, seq, at, kind, postings, body = fields
    return (UUID(entry_id), UUID(agent_id), int(seq), datetime.fromisoformat(at), kind, postings, body)


def chained(digest: bytes, line: Line) -> bytes:
    """Return the digest of a line and of all lines before it."""
    entry_id, agent_id, seq, at, kind, postings, body = line
    text = f"{entry_id}|{agent_id}|{seq}|{at.isoformat()}|{kind}|{postings}|{body}"
    return hashlib.blake2b(digest + text.encode(), digest_size=32).digest()


def row_of(line: Line, wallet: WalletAddress) -> dict[str, Any]:
    """Return the columns that `decode_entry` takes."""
    return {"wallet_address": wallet, **dict(zip(LINE_COLUMNS, line, strict=True))}
