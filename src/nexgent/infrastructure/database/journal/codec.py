"""Entries as JSON and back, exactly: integers of any size stay integers, decimals are strings, times keep microseconds.

An entry is stored as columns plus two JSON documents, the postings and the body. The body's type is the column `kind`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from nexgent.domain.ledger.models import (
    Adjusted,
    BalanceRemoved,
    ClosedTradeEdited,
    ClosedTradeRecorded,
    ClosedTradeRemoved,
    Entry,
    EntryBody,
    ExitAsked,
    Imported,
    Intent,
    Posting,
    Recorded,
    RentReclaimed,
    Submission,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeSettled,
    TradeSubmitted,
    TransactionEdited,
    TransactionRemoved,
    WalletReset,
)
from nexgent.domain.positions.models import Position
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import AgentId, EntryId, IntentId, PositionId, WalletAddress

KINDS: Mapping[type[Any], str] = {
    Recorded: "recorded",
    Adjusted: "adjusted",
    BalanceRemoved: "balance_removed",
    TransactionEdited: "transaction_edited",
    TransactionRemoved: "transaction_removed",
    ClosedTradeRecorded: "trade_recorded",
    ClosedTradeEdited: "trade_edited",
    ClosedTradeRemoved: "trade_removed",
    TradeIntended: "intended",
    TradeSubmitted: "submitted",
    TradeSettled: "settled",
    TradeFailed: "failed",
    TradeExpired: "expired",
    RentReclaimed: "rent_reclaimed",
    ExitAsked: "exit_asked",
    WalletReset: "reset",
    Imported: "imported",
}

Row = Mapping[str, Any] | asyncpg.Record

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_body_decoders: Mapping[str, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(body_type) for body_type, kind in KINDS.items()
}
_postings_decoder = msgspec.json.Decoder(tuple[Posting, ...])
_position_decoder = msgspec.json.Decoder(Position)
_intent_decoder = msgspec.json.Decoder(Intent)
_submission_decoder = msgspec.json.Decoder(Submission)

# An escaped NUL: a backslash that is not itself escaped, then u0000.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class CorruptEntryError(NexgentError):
    """A line of the journal cannot be read."""

    code = "CORRUPT_ENTRY"


class EncodedEntry(NamedTuple):
    """The columns of a journal line. A tuple, as a group of them is turned into columns at once."""

    entry_id: UUID
    wallet_address: str
    agent_id: UUID
    seq: int
    at: datetime
    kind: str
    intent_id: UUID | None
    position_id: UUID | None
    postings: str
    body: str


@dataclass(frozen=True, slots=True)
class JournalLine:
    """An entry at its place in the journal."""

    position: int
    entry: Entry


def to_json(value: object) -> str:
    """Return a domain value as JSON that `jsonb` takes: PostgreSQL knows no NUL, so NULs (padded token symbols) are left out."""
    data = _encode(value)
    # Most has no escape at all, and one byte is found far sooner than six. From the end, six are looked for by the first of them:
    # a backslash is rarer than a nought.
    if b"\\" in data and data.rfind(b"\\u0000") >= 0:
        data = _NUL.sub(rb"\1", data)
    return data.decode()


def encode_entries(entries: Iterable[Entry]) -> list[EncodedEntry]:
    """Return the columns of entries, one after the other. Purchases of a burst that are alike share their postings."""
    lines: list[EncodedEntry] = []
    postings: tuple[Posting, ...] = ()
    text = "[]"
    for entry in entries:
        if entry.postings is not postings:
            postings, text = entry.postings, _postings_text(entry)
        lines.append(encode_entry(entry, text))
    return lines


def encode_entry(entry: Entry, postings: str | None = None) -> EncodedEntry:
    """Return the columns of an entry, whose postings may be JSON already."""
    intent_id, position_id = _references(entry.body)
    return EncodedEntry(
        entry.id,
        entry.wallet_address,
        entry.agent_id,
        entry.seq,
        entry.at,
        KINDS[type(entry.body)],
        intent_id,
        position_id,
        postings if postings is not None else _postings_text(entry),
        to_json(entry.body),
    )


def _postings_text(entry: Entry) -> str:
    return to_json(entry.postings) if entry.postings else "[]"


def _references(body: EntryBody) -> tuple[IntentId | None, PositionId | None]:
    match body:
        case TradeIntended(intent, _):
            return intent.id, intent.position_id
        case TradeSettled():
            return body.intent_id, body.position_id
        case TradeSubmitted() | TradeFailed() | TradeExpired() | RentReclaimed():
            return body.intent_id, None
        case ExitAsked(position) | Imported(position=Position() as position):
            return None, position.id
        case _:
            return None, None


def decode_entry(row: Row) -> Entry:
    """Return the entry of a row with the columns of `EncodedEntry`. Raises `CorruptEntryError`."""
    kind = row["kind"]
    decoder = _body_decoders.get(kind)
    if decoder is None:
        raise CorruptEntryError(
            f"the journal holds an entry of unknown kind {kind!r}; was it written by a newer version?"
        )
    try:
        body = decoder.decode(row["body"])
        postings = _postings_decoder.decode(row["postings"])
    # What is nested too deeply is no error of msgspec's.
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CorruptEntryError(f"entry {row['entry_id']} ({kind}) cannot be read: {error}") from error
    return Entry(
        id=EntryId(row["entry_id"]),
        wallet_address=WalletAddress(row["wallet_address"]),
        agent_id=AgentId(row["agent_id"]),
        seq=row["seq"],
        at=row["at"],
        body=body,
        postings=postings,
    )


def decode_body(kind: str, document: str | bytes) -> Any:
    """Return the body of an entry of that kind. Raises `KeyError` for an unknown kind, and what msgspec raises."""
    return _body_decoders[kind].decode(document)


def decode_postings(document: str | bytes) -> tuple[Posting, ...]:
    """Return the postings of an entry. Raises what msgspec raises."""
    postings: tuple[Posting, ...] = _postings_decoder.decode(document)
    return postings


def decode_position(document: str) -> Position:
    """Return a position from the column `agent_positions.state`."""
    position: Position = _position_decoder.decode(document)
    return position


def decode_intent(document: str) -> Intent:
    """Return an intent from the column `trade_intents.intent`."""
    intent: Intent = _intent_decoder.decode(document)
    return intent


def decode_submission(document: str | None) -> Submission | None:
    """Return a submission from the column `trade_intents.submission`."""
    if document is None:
        return None
    submission: Submission = _submission_decoder.decode(document)
    return submission
