"""Lines of the journal: what a fold takes of the rows, from PostgreSQL or from a file in the form that COPY writes."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from nexgent.infrastructure.database.journal.codec import CorruptEntryError
from nexgent.shared.types import WalletAddress

Line: TypeAlias = tuple[bytes, bytes, int, int, bytes, bytes, bytes]
"""Entry id, agent id, seq, time, kind, postings, body. Texts are as PostgreSQL writes them, the time is in microseconds
since 2000: most of it is only hashed, and a line that is taken apart into values of Python costs as much as its digest."""
Take: TypeAlias = Callable[[Sequence[Line]], None]

LINE_COLUMNS = ("entry_id", "agent_id", "seq", "at", "kind", "postings", "body")
"""The columns of the journal that a line has."""
# With COPY the driver hands on what has come as it is, and PostgreSQL goes on reading meanwhile. COPY takes no arguments.
_LINES = """
SELECT entry_id::text, agent_id::text, seq, at, kind, postings, body FROM {table}
WHERE wallet_address = {wallet} AND seq > {after} ORDER BY seq
"""
# A row as binary COPY writes it: the number of its fields, then each with its length before it.
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER_SIZE = len(_SIGNATURE) + 8
_END = b"\xff\xff"
_FIXED = struct.Struct(">6x36s4x36s4xq4xqi")
_LENGTH = struct.Struct(">i")
_START = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY = _START.date().toordinal()
_MICROSECOND = timedelta(microseconds=1)
_A_SECOND, _A_DAY = 1_000_000, 86_400_000_000
# To put texts together that are there takes half as long as to write numbers with as many digits as they should have.
_MINUTES = tuple(f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(24 * 60))
_SECONDS = tuple(f"{second:02d}" for second in range(60))
_THOUSANDTHS = tuple(f".{number:03d}" for number in range(1_000))
_MILLIONTHS = tuple(f"{number:03d}+00:00" for number in range(1_000))
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CHARACTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


async def read_lines(
    connection: asyncpg.Connection[asyncpg.Record],
    table: str,
    wallet: WalletAddress,
    after_seq: int,
    take: Take,
) -> None:
    """Hand on a wallet's lines in a table, behind an entry, in order, in blocks as they come.

    What `take` raises is raised when all have come: a COPY that is broken off takes its transaction with it. Raises
    `CorruptEntryError` where what came is not lines to its end: a line that lacks a value, or what follows one.
    """
    rest, last_seq = b"", after_seq
    failure: Exception | None = None

    async def parse(data: bytes) -> None:
        nonlocal rest, last_seq, failure
        if failure is not None:
            return
        try:
            lines, rest = _parsed(rest + data)
            take(lines)
            if lines:
                last_seq = lines[-1][2]
        except Exception as error:
            failure = error

    query = _LINES.format(table=table, wallet=literal(wallet), after=int(after_seq))
    await connection.copy_from_query(query, output=parse, format="binary")
    if failure is not None:
        raise failure
    if rest != _END:
        raise CorruptEntryError(f"a line behind entry {last_seq} cannot be read: it lacks a value")


def literal(text: str) -> str:
    """Return a text as PostgreSQL reads it, whatever is in it and however its strings are set."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _parsed(data: bytes) -> tuple[list[Line], bytes]:
    """Return the lines in a piece of what COPY writes, and the beginning of one whose end is still to come."""
    lines: list[Line] = []
    fixed, length, size = _FIXED, _LENGTH.unpack_from, len(data)
    start = 0
    # No row begins like that.
    if data[:1] == _SIGNATURE[:1]:
        if size < _HEADER_SIZE:
            return lines, data
        start = _HEADER_SIZE
    try:
        while start + 2 < size:
            entry_id, agent_id, seq, at, width = fixed.unpack_from(data, start)
            place = start + fixed.size
            kind = data[place : place + width]
            place += width
            (postings_width,) = length(data, place)
            place += 4
            postings = data[place : place + postings_width]
            place += postings_width
            (body_width,) = length(data, place)
            place += 4
            body = data[place : place + body_width]
            place += body_width
            # Nothing where there should be a value has the length -1.
            if place > size or width < 0 or postings_width < 0 or body_width < 0:
                break
            lines.append((entry_id, agent_id, seq, at, kind, postings, body))
            start = place
    except struct.error:
        pass
    return lines, data[start:]


def moment(at: int) -> datetime:
    """Return the time of a line. Raises `OverflowError` for one that Python does not have."""
    return _START + at * _MICROSECOND


def microseconds(at: datetime) -> int:
    """Return a time as a line has it."""
    return (at - _START) // _MICROSECOND


def written(at: int) -> str:
    """Return the time of a line as `datetime.isoformat` does, in a third of the time. Raises `OverflowError`."""
    day, within = divmod(at, _A_DAY)
    second, micro = divmod(within, _A_SECOND)
    minutes, seconds = _MINUTES[second // 60], _SECONDS[second % 60]
    if micro:
        return (
            f"{_written_day(day)}{minutes}{seconds}{_THOUSANDTHS[micro // 1_000]}{_MILLIONTHS[micro % 1_000]}"
        )
    return f"{_written_day(day)}{minutes}{seconds}+00:00"


@lru_cache(maxsize=1_024)
def _written_day(day: int) -> str:
    try:
        return date.fromordinal(_FIRST_DAY + day).isoformat()
    except ValueError as error:
        raise OverflowError(str(error)) from error


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
    return (
        str(UUID(entry_id)).encode(),
        str(UUID(agent_id)).encode(),
        int(seq),
        microseconds(datetime.fromisoformat(at)),
        kind.encode(),
        postings.encode(),
        body.encode(),
    )


def chained(digest: bytes, line: Line) -> bytes:
    """Return the digest of a line and of all lines before it. Raises `OverflowError` for a time that Python does not have."""
    entry_id, agent_id, seq, at, kind, postings, body = line
    text = b"|".join((digest + entry_id, agent_id, b"%d" % seq, written(at).encode(), kind, postings, body))
    return hashlib.blake2b(text, digest_size=32).digest()


def row_of(line: Line, wallet: WalletAddress) -> dict[str, Any]:
    """Return the columns that `decode_entry` takes. Raises `CorruptEntryError` for a time that Python does not have."""
    entry_id, agent_id, seq, at, kind, postings, body = line
    try:
        time = moment(at)
    except OverflowError as error:
        raise CorruptEntryError(
            f"entry {entry_id.decode()} ({kind.decode()}) has no time: {error}"
        ) from error
    return {
        "wallet_address": wallet,
        "entry_id": UUID(entry_id.decode()),
        "agent_id": UUID(agent_id.decode()),
        "seq": seq,
        "at": time,
        "kind": kind.decode(),
        "postings": postings,
        "body": body,
    }
