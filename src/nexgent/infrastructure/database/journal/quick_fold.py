"""Fold a stream of which nothing is wrong, as nearly all are, with what the fold itself needs of a line and no more.

The arithmetic of the books a second time, over plain values. Where anything is not as it should be it gives up (`DoubtfulError`),
and `StreamFold` says what. What it lets pass is in order: sums per mint, places in the stream, funds that are there and free,
one operation a position, and documents that can be read. Of lines that were checked before the last is not looked at again, since
their digest tells whether they are those that could be read then. The steps of trades are folded here; what people enter is rare,
and is folded by the ledger's own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from nexgent.domain.ledger.errors import LedgerInvariantError
from nexgent.domain.ledger.models import Account
from nexgent.domain.ledger.state import EMPTY_FOR, Balance, OpenIntent, WalletState
from nexgent.domain.positions.models import Position
from nexgent.infrastructure.database.journal.checked import NOTHING, Checked
from nexgent.infrastructure.database.journal.codec import (
    CorruptEntryError,
    decode_body,
    decode_entry,
    decode_postings,
)
from nexgent.infrastructure.database.journal.lines import Line, chained, microseconds, moment, row_of
from nexgent.infrastructure.database.journal.wallet_states import follow
from nexgent.shared.types import AgentId, IntentId, PositionId, TokenAddress, WalletAddress

_NO_POSTINGS = b"[]"
_WALLET = Account.WALLET
_EMPTY_FOR = EMPTY_FOR // timedelta(microseconds=1)


class DoubtfulError(Exception):
    """Something about a stream is unusual, or wrong."""


# A time that Python does not have, and what is nested too deeply, are among them.
_DOUBTS = (
    msgspec.MsgspecError,
    CorruptEntryError,
    LedgerInvariantError,
    ValueError,
    KeyError,
    OverflowError,
    RecursionError,
)


# What is needed of a body, under the names that it has there: of all of a body that is read it is taken as well.
class _Named(msgspec.Struct, gc=False):
    id: UUID


class _Meant(msgspec.Struct, gc=False):
    id: UUID
    input_mint: TokenAddress
    reserved_raw: int
    position_id: UUID | None


class _Intended(msgspec.Struct, gc=False):
    intent: _Meant
    position: _Named | None = None


class _Anything(msgspec.Struct, gc=False):
    """An object of which nothing is needed."""


class _Settled(msgspec.Struct, gc=False):
    intent_id: UUID
    position_id: UUID
    position: _Anything | None


class _OfIntent(msgspec.Struct, gc=False):
    intent_id: UUID


_of_intent = msgspec.json.Decoder(_OfIntent).decode
_STEPS: Mapping[bytes, Callable[[bytes], Any]] = {
    b"intended": msgspec.json.Decoder(_Intended).decode,
    b"settled": msgspec.json.Decoder(_Settled).decode,
    **dict.fromkeys((b"submitted", b"failed", b"expired", b"rent_reclaimed"), _of_intent),
}
"""What is folded here, and how what is needed of it is read. The rest is rare, and is left to the ledger."""


class _Held:
    """A balance on its way."""

    __slots__ = ("amount_raw", "at", "decimals", "symbol")

    def __init__(self, amount_raw: int, symbol: str, decimals: int, at: int) -> None:
        self.amount_raw = amount_raw
        self.symbol = symbol
        self.decimals = decimals
        self.at = at


class _Open:
    """An intent on its way: what it binds, and the documents that it and its submission are in."""

    __slots__ = ("input_mint", "meant", "position_id", "reserved_raw", "sent")

    def __init__(
        self, position_id: UUID | None, reserved_raw: int, input_mint: TokenAddress, meant: bytes | OpenIntent
    ) -> None:
        self.position_id = position_id.int if position_id is not None else None
        self.reserved_raw = reserved_raw
        self.input_mint = input_mint
        self.meant = meant
        self.sent: bytes | None = None

    def read(self) -> OpenIntent:
        """Return it as the ledger knows it."""
        meant = self.meant
        if isinstance(meant, bytes):
            meant = OpenIntent(decode_body("intended", meant).intent)
        return (
            meant
            if self.sent is None
            else replace(meant, submission=decode_body("submitted", self.sent).submission)
        )


@dataclass(frozen=True, slots=True)
class Followed:
    """What a stream has come to."""

    state: WalletState
    sums: Mapping[TokenAddress, int]
    decimals: Mapping[TokenAddress, int]
    last_seq: int
    last_id: UUID
    digest: bytes


class QuickFold:
    """A stream with an owner on its way.

    With `known`, what was checked of it before, its lines up to there are taken for readable as long as they have its digest.
    """

    def __init__(self, wallet: WalletAddress, owner: AgentId, known: Checked | None) -> None:
        self._wallet = wallet
        self._owner = owner
        self._owner_id = str(owner).encode()
        self._known = known
        self._known_seq = known.seq if known is not None else 0
        self._seq = 0
        self._last_id: UUID | bytes | None = None
        self._digest = NOTHING
        self._sums: dict[TokenAddress, int] = {}
        self._decimals: dict[TokenAddress, int] = {}
        self._balances: dict[TokenAddress, _Held] = {}
        self._emptied: dict[TokenAddress, int] = {}
        """Balances of zero, as long as a state keeps them."""
        # An id has the number that it is: that is quickly looked up, however it is written.
        self._intents: dict[int, _Open] = {}
        self._positions: dict[int, tuple[str, bytes] | Position] = {}
        """Each as it was read, or the kind and the body that it stands in."""

    def go_on_from(self, checked: Checked) -> None:
        """Start behind what was checked. Raises `DoubtfulError` where it was checked for somebody else."""
        folded = checked.folded
        if folded.state is None or checked.agent_id != self._owner:
            raise DoubtfulError
        self._load(folded.state)
        self._seq, self._last_id, self._digest = checked.seq, checked.entry_id, checked.digest
        self._sums, self._decimals = dict(folded.sums), dict(folded.decimals)

    def add(self, lines: Sequence[Line]) -> None:
        """Take the next lines. Raises `DoubtfulError`."""
        try:
            for line in lines:
                self._add(line)
        except _DOUBTS as error:
            raise DoubtfulError from error

    def followed(self) -> Followed:
        """Return what it has come to. Raises `DoubtfulError` where that is not what its postings add up to."""
        try:
            return self._followed()
        except _DOUBTS as error:
            raise DoubtfulError from error

    def _followed(self) -> Followed:
        for mint, total in self._sums.items():
            held = self._balances.get(mint)
            if total != (held.amount_raw if held is not None else 0):
                raise DoubtfulError
        last_id = self._last_id
        if self._seq < self._known_seq or last_id is None:
            raise DoubtfulError
        if isinstance(last_id, bytes):
            last_id = UUID(last_id.decode())
        return Followed(self._state(), self._sums, self._decimals, self._seq, last_id, self._digest)

    def _add(self, line: Line) -> None:
        entry_id, agent_id, seq, at, kind, postings, body = line
        if seq != self._seq + 1:
            raise DoubtfulError
        ours = agent_id == self._owner_id
        # What an intent reserves has to be there before its own postings, of which it has none.
        if ours and (kind not in _STEPS or (kind == b"intended" and postings != _NO_POSTINGS)):
            self._follow(line)
        else:
            found = None
            if seq > self._known_seq:
                found = decode_body(kind.decode(), body)
            elif ours:
                found = _STEPS[kind](body)
            if postings != _NO_POSTINGS:
                self._post(at, postings, ours=ours)
            if ours:
                self._step(kind, found, body)
        self._seq = seq
        self._last_id = entry_id
        self._digest = chained(self._digest, line)
        if seq == self._known_seq and self._known is not None and self._digest != self._known.digest:
            raise DoubtfulError

    def _post(self, at: int, postings: bytes, *, ours: bool) -> None:
        legs = decode_postings(postings)
        totals: dict[TokenAddress, int] = {}
        for leg in legs:
            mint = leg.mint
            totals[mint] = totals.get(mint, 0) + leg.amount_raw
        if any(totals.values()):
            raise DoubtfulError
        if not ours:
            return
        balances, sums, emptied = self._balances, self._sums, self._emptied
        if emptied:
            for mint, since in list(emptied.items()):
                if since <= at - _EMPTY_FOR:
                    del emptied[mint], balances[mint]
        for leg in legs:
            if leg.account is not _WALLET:
                continue
            mint, amount_raw = leg.mint, leg.amount_raw
            held = balances.get(mint)
            sums[mint] = sums.get(mint, 0) + amount_raw
            self._decimals[mint] = leg.decimals
            if held is None:
                balances[mint] = held = _Held(amount_raw, leg.symbol, leg.decimals, at)
            else:
                held.amount_raw += amount_raw
                held.decimals = leg.decimals
                held.at = at
            if held.amount_raw > 0:
                emptied.pop(mint, None)
            elif held.amount_raw == 0:
                emptied[mint] = at
            else:
                raise DoubtfulError

    def _step(self, kind: bytes, found: Any, body: bytes) -> None:
        if kind == b"intended":
            self._intend(found, body)
        elif kind == b"settled":
            del self._intents[found.intent_id.int]
            if found.position is not None:
                self._positions[found.position_id.int] = ("settled", body)
            else:
                self._positions.pop(found.position_id.int, None)
        elif kind == b"submitted":
            self._intents[found.intent_id.int].sent = body
        else:
            del self._intents[found.intent_id.int]

    def _intend(self, intended: _Intended, body: bytes) -> None:
        meant = intended.intent
        opened = _Open(meant.position_id, meant.reserved_raw, meant.input_mint, body)
        free = held.amount_raw if (held := self._balances.get(meant.input_mint)) is not None else 0
        for other in self._intents.values():
            if other.position_id is not None and other.position_id == opened.position_id:
                raise DoubtfulError
            if other.input_mint == meant.input_mint:
                free -= other.reserved_raw
        key = meant.id.int
        if key in self._intents or meant.reserved_raw > free:
            raise DoubtfulError
        self._intents[key] = opened
        if intended.position is not None:
            self._positions[intended.position.id.int] = ("intended", body)

    def _follow(self, line: Line) -> None:
        """Take a line by the ledger's own rules."""
        entry = decode_entry(row_of(line, self._wallet))
        state = follow(self._state(), entry)
        for posting in entry.postings:
            if posting.account is Account.WALLET:
                self._sums[posting.mint] = self._sums.get(posting.mint, 0) + posting.amount_raw
                self._decimals[posting.mint] = posting.decimals
        self._load(state)

    def _state(self) -> WalletState:
        return WalletState(
            self._wallet,
            self._owner,
            self._seq,
            {
                mint: Balance(mint, held.symbol, held.decimals, held.amount_raw, moment(held.at))
                for mint, held in self._balances.items()
            },
            {IntentId(UUID(int=key)): one.read() for key, one in self._intents.items()},
            {PositionId(UUID(int=key)): _position(one) for key, one in self._positions.items()},
        )

    def _load(self, state: WalletState) -> None:
        self._balances = {
            mint: _Held(one.amount_raw, one.symbol, one.decimals, microseconds(one.updated_at))
            for mint, one in state.balances.items()
        }
        self._emptied = {mint: held.at for mint, held in self._balances.items() if not held.amount_raw}
        self._intents = {
            key.int: _Open(one.intent.position_id, one.intent.reserved_raw, one.intent.input_mint, one)
            for key, one in state.intents.items()
        }
        self._positions = {key.int: one for key, one in state.positions.items()}


def _position(found: tuple[str, bytes] | Position) -> Position:
    if isinstance(found, Position):
        return found
    position: Position | None = decode_body(*found).position
    if position is None:
        raise DoubtfulError
    return position
