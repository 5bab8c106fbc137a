"""Fold a stream of which nothing is wrong, as nearly all are, with what the fold itself needs of a line and no more.

The arithmetic of the books a second time, over plain values. Where anything is not as it should be it gives up (`DoubtfulError`),
and `StreamFold` says what. What it lets pass is in order: sums per mint, places in the stream, funds that are there and free,
one operation a position, and documents that can be read. Of lines that were checked before the last is not looked at again, since
their digest tells whether they are those that could be read then. The steps of trades are folded here; what people enter is rare,
and is folded by the ledger's own rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
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
from nexgent.infrastructure.database.journal.lines import Line, chained, row_of
from nexgent.infrastructure.database.journal.wallet_states import follow
from nexgent.shared.types import AgentId, PositionId, TokenAddress, WalletAddress

_NO_POSTINGS = "[]"
_WALLET = Account.WALLET.value
_STEPS = frozenset({"intended", "submitted", "settled", "failed", "expired", "rent_reclaimed"})
"""What is folded here. The rest is rare, and is left to the ledger."""


# As an id is written here. One and the same id in other letters, or without its dashes, is not the same text.
_Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f-]{36}$")]


class DoubtfulError(Exception):
    """Something about a stream is unusual, or wrong."""


class _Leg(msgspec.Struct, gc=False):
    account: str
    mint: TokenAddress
    amount_raw: int
    symbol: str
    decimals: int


class _Named(msgspec.Struct, gc=False):
    id: _Id


class _Meant(msgspec.Struct, gc=False):
    id: _Id
    input_mint: TokenAddress
    reserved_raw: int
    position_id: _Id | None


class _Intended(msgspec.Struct, gc=False):
    intent: _Meant
    position: _Named | None = None


class _Anything(msgspec.Struct, gc=False):
    """An object of which nothing is needed."""


class _Settled(msgspec.Struct, gc=False):
    intent_id: _Id
    position_id: _Id
    position: _Anything | None


class _OfIntent(msgspec.Struct, gc=False):
    intent_id: _Id


_legs = msgspec.json.Decoder(list[_Leg])
_intended = msgspec.json.Decoder(_Intended)
_settled = msgspec.json.Decoder(_Settled)
_of_intent = msgspec.json.Decoder(_OfIntent)


class _Held:
    """A balance on its way."""

    __slots__ = ("amount_raw", "at", "decimals", "symbol")

    def __init__(self, amount_raw: int, symbol: str, decimals: int, at: datetime) -> None:
        self.amount_raw = amount_raw
        self.symbol = symbol
        self.decimals = decimals
        self.at = at


class _Open:
    """An intent on its way: what it binds, and the documents that it and its submission are in."""

    __slots__ = ("input_mint", "meant", "position_id", "reserved_raw", "sent")

    def __init__(
        self, position_id: str | None, reserved_raw: int, input_mint: TokenAddress, meant: str | OpenIntent
    ) -> None:
        self.position_id = position_id
        self.reserved_raw = reserved_raw
        self.input_mint = input_mint
        self.meant = meant
        self.sent: str | None = None

    def read(self) -> OpenIntent:
        """Return it as the ledger knows it."""
        meant = self.meant
        if isinstance(meant, str):
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
        self._known = known
        self._known_seq = known.seq if known is not None else 0
        self._seq = 0
        self._last_id: UUID | None = None
        self._digest = NOTHING
        self._sums: dict[TokenAddress, int] = {}
        self._decimals: dict[TokenAddress, int] = {}
        self._balances: dict[TokenAddress, _Held] = {}
        self._emptied: dict[TokenAddress, datetime] = {}
        """Balances of zero, as long as a state keeps them."""
        self._intents: dict[str, _Open] = {}
        self._positions: dict[str, tuple[str, str] | Position] = {}
        """Each as it was read, or the kind and the body that it stands in."""

    def go_on_from(self, checked: Checked) -> None:
        """Start behind what was checked. Raises `DoubtfulError` where it was checked for somebody else."""
        folded = checked.folded
        if folded.state is None or checked.agent_id != self._owner:
            raise DoubtfulError
        self._load(folded.state)
        self._seq, self._last_id, self._digest = checked.seq, checked.entry_id, checked.digest
        self._sums, self._decimals = dict(folded.sums), dict(folded.decimals)

    def add(self, line: Line) -> None:
        """Take the next line. Raises `DoubtfulError`."""
        try:
            self._add(line)
        except (msgspec.MsgspecError, CorruptEntryError, LedgerInvariantError, ValueError, KeyError) as error:
            raise DoubtfulError from error

    def followed(self) -> Followed:
        """Return what it has come to. Raises `DoubtfulError` where that is not what its postings add up to."""
        try:
            return self._followed()
        except msgspec.MsgspecError as error:
            raise DoubtfulError from error

    def _followed(self) -> Followed:
        for mint, total in self._sums.items():
            held = self._balances.get(mint)
            if total != (held.amount_raw if held is not None else 0):
                raise DoubtfulError
        if self._seq < self._known_seq or self._last_id is None:
            raise DoubtfulError
        return Followed(self._state(), self._sums, self._decimals, self._seq, self._last_id, self._digest)

    def _add(self, line: Line) -> None:
        entry_id, agent_id, seq, at, kind, postings, body = line
        if seq != self._seq + 1:
            raise DoubtfulError
        if seq > self._known_seq:
            check_readable(line)
        ours = agent_id == self._owner
        # What an intent reserves has to be there before its own postings, of which it has none.
        if ours and (kind not in _STEPS or (kind == "intended" and postings != _NO_POSTINGS)):
            self._follow(line)
        else:
            if postings != _NO_POSTINGS:
                self._post(at, postings, ours=ours)
            if ours:
                self._step(kind, body)
        self._seq = seq
        self._last_id = entry_id
        self._digest = chained(self._digest, line)
        if seq == self._known_seq and self._known is not None and self._digest != self._known.digest:
            raise DoubtfulError

    def _post(self, at: datetime, postings: str, *, ours: bool) -> None:
        legs = _legs.decode(postings)
        totals: dict[str, int] = {}
        for leg in legs:
            totals[leg.mint] = totals.get(leg.mint, 0) + leg.amount_raw
        if any(totals.values()):
            raise DoubtfulError
        if not ours:
            return
        balances = self._balances
        if self._emptied:
            for mint, since in list(self._emptied.items()):
                if since <= at - EMPTY_FOR:
                    del self._emptied[mint], balances[mint]
        for leg in legs:
            if leg.account != _WALLET:
                continue
            mint, held = leg.mint, balances.get(leg.mint)
            self._sums[mint] = self._sums.get(mint, 0) + leg.amount_raw
            self._decimals[mint] = leg.decimals
            if held is None:
                balances[mint] = held = _Held(leg.amount_raw, leg.symbol, leg.decimals, at)
            else:
                held.amount_raw += leg.amount_raw
                held.decimals = leg.decimals
                held.at = at
            if held.amount_raw > 0:
                self._emptied.pop(mint, None)
            elif held.amount_raw == 0:
                self._emptied[mint] = at
            else:
                raise DoubtfulError

    def _step(self, kind: str, body: str) -> None:
        match kind:
            case "settled":
                settled = _settled.decode(body)
                del self._intents[settled.intent_id]
                if settled.position is not None:
                    self._positions[settled.position_id] = (kind, body)
                else:
                    self._positions.pop(settled.position_id, None)
            case "intended":
                self._intend(_intended.decode(body), body)
            case "submitted":
                self._intents[_of_intent.decode(body).intent_id].sent = body
            case _:
                del self._intents[_of_intent.decode(body).intent_id]

    def _intend(self, intended: _Intended, body: str) -> None:
        meant = intended.intent
        free = held.amount_raw if (held := self._balances.get(meant.input_mint)) is not None else 0
        for other in self._intents.values():
            if other.position_id is not None and other.position_id == meant.position_id:
                raise DoubtfulError
            if other.input_mint == meant.input_mint:
                free -= other.reserved_raw
        if meant.id in self._intents or meant.reserved_raw > free:
            raise DoubtfulError
        self._intents[meant.id] = _Open(meant.position_id, meant.reserved_raw, meant.input_mint, body)
        if intended.position is not None:
            self._positions[intended.position.id] = ("intended", body)

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
                mint: Balance(mint, held.symbol, held.decimals, held.amount_raw, held.at)
                for mint, held in self._balances.items()
            },
            {
                open_intent.intent.id: open_intent
                for open_intent in (one.read() for one in self._intents.values())
            },
            {PositionId(UUID(key)): _position(one) for key, one in self._positions.items()},
        )

    def _load(self, state: WalletState) -> None:
        self._balances = {
            mint: _Held(one.amount_raw, one.symbol, one.decimals, one.updated_at)
            for mint, one in state.balances.items()
        }
        self._emptied = {mint: one.updated_at for mint, one in state.balances.items() if not one.amount_raw}
        self._intents = {}
        for one in state.intents.values():
            intent = one.intent
            on = str(intent.position_id) if intent.position_id is not None else None
            self._intents[str(intent.id)] = _Open(on, intent.reserved_raw, intent.input_mint, one)
        self._positions = {str(key): one for key, one in state.positions.items()}


def check_readable(line: Line) -> None:
    """Raise what msgspec raises, or `KeyError`, unless the documents of a line can be read."""
    _, _, _, _, kind, postings, body = line
    decode_body(kind, body)
    if postings != _NO_POSTINGS:
        decode_postings(postings)


def _position(found: tuple[str, str] | Position) -> Position:
    if isinstance(found, Position):
        return found
    position: Position | None = decode_body(*found).position
    if position is None:
        raise DoubtfulError
    return position
