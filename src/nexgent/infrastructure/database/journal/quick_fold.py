"""Fold a stream of which nothing is wrong, as nearly all are, with what the fold itself needs of a line and no more.

The arithmetic of the books a second time, over plain values. Where anything is not as it should be it gives up (`DoubtfulError`),
and `StreamFold` says what. What it lets pass is in order: sums per mint, places in the stream, funds that are there and free,
one operation a position, and documents that can be read. Of lines that were checked before the last is not looked at again, since
their digest tells whether they are those that could be read then. The steps of trades are folded here; what people enter is rare,
and is folded by the ledger's own rules.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec

from nexgent.domain.ledger.errors import LedgerInvariantError
from nexgent.domain.ledger.models import Account, Posting
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
from nexgent.infrastructure.database.journal.readable import READ_QUICKLY, read_step
from nexgent.infrastructure.database.journal.wallet_states import follow
from nexgent.shared.types import AgentId, IntentId, PositionId, TokenAddress, WalletAddress

_NO_POSTINGS = b"[]"
_WALLET = Account.WALLET
_EMPTY_FOR = EMPTY_FOR // timedelta(microseconds=1)
_NOTED = 4_096


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


# An id of 36 characters, which is how ours are written, is the same as another when its text is. One that is written in another
# way makes a stream doubtful.
_Id = Annotated[str, msgspec.Meta(min_length=36, max_length=36)]


# What is needed of a body, under the names that it has there: of all of a body that is read it is taken as well.
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


_of_intent = msgspec.json.Decoder(_OfIntent).decode
_STEPS: Mapping[bytes, Callable[[bytes], Any]] = {
    b"intended": msgspec.json.Decoder(_Intended).decode,
    b"settled": msgspec.json.Decoder(_Settled).decode,
    **dict.fromkeys((b"submitted", b"failed", b"expired", b"rent_reclaimed"), _of_intent),
}
"""What is folded here, and how what is needed of it is read. The rest is rare, and is left to the ledger."""


class _Held:
    """A balance on its way. `total_raw` is what its postings add up to."""

    __slots__ = ("amount_raw", "at", "decimals", "symbol", "total_raw")

    def __init__(self, amount_raw: int, total_raw: int, symbol: str, decimals: int, at: int) -> None:
        self.amount_raw = amount_raw
        self.total_raw = total_raw
        self.symbol = symbol
        self.decimals = decimals
        self.at = at


class _Open(msgspec.Struct, gc=False):
    """An intent on its way: what it binds, and the documents that it and its submission are in."""

    position_id: str | None
    reserved_raw: int
    input_mint: TokenAddress
    meant: bytes | OpenIntent
    sent: bytes | None = None

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


class Mints:
    """Numbers for mints with their decimals, for as many streams as like: what a stream had is a list of numbers."""

    def __init__(self) -> None:
        self._numbers: dict[TokenAddress, int] = {}
        self._other_numbers: dict[tuple[TokenAddress, int], int] = {}
        """Of mints that were there with other decimals before, which is wrong of one of them."""
        self._mints: list[TokenAddress] = []
        self._decimals: list[int] = []

    def number(self, mint: TokenAddress, decimals: int) -> int:
        """Return the number of a mint with these decimals."""
        following = len(self._mints)
        found = self._numbers.setdefault(mint, following)
        if found < following and self._decimals[found] != decimals:
            found = self._other_numbers.setdefault((mint, decimals), following)
        if found == following:
            self._mints.append(mint)
            self._decimals.append(decimals)
        return found

    def __getitem__(self, number: int) -> tuple[TokenAddress, int]:
        return self._mints[number], self._decimals[number]


class QuickFold:
    """A stream with an owner on its way.

    With `known`, what was checked of it before, its lines up to there are taken for readable as long as they have its digest.
    Streams that are folded at one time share `mints`: a mint that was left takes four bytes then.
    """

    def __init__(
        self, wallet: WalletAddress, owner: AgentId, known: Checked | None, mints: Mints | None = None
    ) -> None:
        self._wallet = wallet
        self._owner = owner
        self._owner_id = str(owner).encode()
        self._known = known
        self._known_seq = known.seq if known is not None else 0
        self._seq = 0
        self._last_id: UUID | bytes | None = None
        self._digest = NOTHING
        self._mints = mints if mints is not None else Mints()
        self._sums: dict[TokenAddress, int] = {}
        """What postings add up to where that is not zero, but for balances that are there, which have it themselves (`_note`)."""
        self._had: array[int] = array("I")
        """Each mint there was, in the order in which they were noted. One may be there twice: the last has its decimals."""
        self._most_noted = _NOTED
        self._balances: dict[TokenAddress, _Held] = {}
        self._emptied: dict[TokenAddress, int] = {}
        """Balances of zero, as long as a state keeps them."""
        self._intents: dict[str, _Open] = {}
        self._positions: dict[str, tuple[str, bytes] | Position] = {}
        """Each as it was read, or the kind and the body that it stands in."""

    def go_on_from(self, checked: Checked) -> None:
        """Start behind what was checked. Raises `DoubtfulError` where it was checked for somebody else."""
        folded = checked.folded
        if folded.state is None or checked.agent_id != self._owner:
            raise DoubtfulError
        self._seq, self._last_id, self._digest = checked.seq, checked.entry_id, checked.digest
        if not folded.sums.keys() <= folded.decimals.keys():
            raise DoubtfulError
        for mint, total_raw in folded.sums.items():
            self._note(mint, total_raw, folded.decimals[mint])
        self._load(folded.state)

    def add(self, lines: Sequence[Line]) -> None:
        """Take the next lines. Raises `DoubtfulError`."""
        try:
            for line in lines:
                self._add(line)
        except _DOUBTS as error:
            raise DoubtfulError from error

    def add_one(self, line: Line) -> None:
        """Take the next line. Raises `DoubtfulError`."""
        try:
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
        self._note_sums()
        decimals = self._decimals()
        sums = {mint: self._sums.get(mint, 0) for mint in decimals}
        for mint, total in sums.items():
            held = self._balances.get(mint)
            if total != (held.amount_raw if held is not None else 0):
                raise DoubtfulError
        last_id = self._last_id
        if self._seq < self._known_seq or last_id is None:
            raise DoubtfulError
        if isinstance(last_id, bytes):
            last_id = UUID(last_id.decode())
        return Followed(self._state(), sums, decimals, self._seq, last_id, self._digest)

    def _add(self, line: Line) -> None:
        entry_id, agent_id, seq, at, kind, postings, body = line
        if seq != self._seq + 1:
            raise DoubtfulError
        read = _STEPS.get(kind)
        if agent_id != self._owner_id:
            # Whoever had the wallet before: it is looked at whether it can be read, and what it posts sums to nothing.
            if seq > self._known_seq:
                decode_body(kind.decode(), body)
            if postings != _NO_POSTINGS:
                _check_sums(decode_postings(postings))
        # What an intent reserves has to be there before its own postings, of which it has none.
        elif read is None or (kind == b"intended" and postings != _NO_POSTINGS):
            self._follow(line)
        else:
            found = read(body) if seq <= self._known_seq else _read_first(kind, body, read)
            if postings != _NO_POSTINGS:
                self._post(at, decode_postings(postings))
            if kind == b"settled":
                self._settle(found, body)
            elif kind == b"intended":
                self._intend(found, body)
            elif kind == b"submitted":
                self._intents[found.intent_id].sent = body
            else:
                del self._intents[found.intent_id]
        self._seq = seq
        self._last_id = entry_id
        self._digest = digest = chained(self._digest, line)
        if seq == self._known_seq and self._known is not None and digest != self._known.digest:
            raise DoubtfulError

    def _post(self, at: int, legs: Sequence[Posting]) -> None:
        balances, emptied = self._balances, self._emptied
        if emptied:
            self._leave_emptied(at - _EMPTY_FOR)
        _check_sums(legs)
        for leg in legs:
            if leg.account is not _WALLET:
                continue
            mint, amount_raw = leg.mint, leg.amount_raw
            if (held := balances.get(mint)) is None:
                total_raw = self._sums.get(mint, 0) + amount_raw
                balances[mint] = _Held(amount_raw, total_raw, leg.symbol, leg.decimals, at)
            else:
                amount_raw += held.amount_raw
                held.amount_raw = amount_raw
                held.total_raw += leg.amount_raw
                held.decimals = leg.decimals
                held.at = at
            if amount_raw <= 0:
                if amount_raw:
                    raise DoubtfulError
                emptied[mint] = at
            elif emptied:
                emptied.pop(mint, None)

    def _leave_emptied(self, until: int) -> None:
        for mint, since in list(self._emptied.items()):
            if since <= until:
                del self._emptied[mint]
                held = self._balances.pop(mint)
                self._note(mint, held.total_raw, held.decimals)

    def _note_sums(self) -> None:
        for mint, held in self._balances.items():
            self._note(mint, held.total_raw, held.decimals)

    def _note(self, mint: TokenAddress, total_raw: int, decimals: int) -> None:
        if total_raw:
            self._sums[mint] = total_raw
        elif self._sums:
            self._sums.pop(mint, None)
        self._had.append(self._mints.number(mint, decimals))
        if len(self._had) > self._most_noted:
            number = self._mints.number
            self._had = array("I", [number(*one) for one in self._decimals().items()])
            self._most_noted = 2 * len(self._had) + _NOTED

    def _decimals(self) -> dict[TokenAddress, int]:
        """Return each mint there was with the decimals it had last, in the order in which they were noted first."""
        return dict(map(self._mints.__getitem__, self._had))

    def _settle(self, settled: _Settled, body: bytes) -> None:
        del self._intents[settled.intent_id]
        position_id = settled.position_id
        if not _are_ours(position_id):
            raise DoubtfulError
        if settled.position is not None:
            self._positions[position_id] = ("settled", body)
        else:
            self._positions.pop(position_id, None)

    def _intend(self, intended: _Intended, body: bytes) -> None:
        meant, position = intended.intent, intended.position
        key, position_id = meant.id, meant.position_id
        if not _are_ours(key + (position_id or "") + (position.id if position is not None else "")):
            raise DoubtfulError
        mint, reserved_raw, intents = meant.input_mint, meant.reserved_raw, self._intents
        free = held.amount_raw if (held := self._balances.get(mint)) is not None else 0
        for other in intents.values():
            if position_id is not None and other.position_id == position_id:
                raise DoubtfulError
            if other.input_mint == mint:
                free -= other.reserved_raw
        if key in intents or reserved_raw > free:
            raise DoubtfulError
        intents[key] = _Open(position_id, reserved_raw, mint, body)
        if position is not None:
            self._positions[position.id] = ("intended", body)

    def _follow(self, line: Line) -> None:
        """Take a line by the ledger's own rules."""
        entry = decode_entry(row_of(line, self._wallet))
        state = follow(self._state(), entry)
        self._note_sums()
        for posting in entry.postings:
            if posting.account is Account.WALLET:
                total_raw = self._sums.get(posting.mint, 0) + posting.amount_raw
                self._note(posting.mint, total_raw, posting.decimals)
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
            {IntentId(UUID(key)): one.read() for key, one in self._intents.items()},
            {PositionId(UUID(key)): _position(one) for key, one in self._positions.items()},
        )

    def _load(self, state: WalletState) -> None:
        self._balances = {
            mint: _Held(
                one.amount_raw,
                self._sums.get(mint, 0),
                one.symbol,
                one.decimals,
                microseconds(one.updated_at),
            )
            for mint, one in state.balances.items()
        }
        self._emptied = {mint: held.at for mint, held in self._balances.items() if not held.amount_raw}
        self._intents = {
            str(key): _Open(
                str(one.intent.position_id) if one.intent.position_id is not None else None,
                one.intent.reserved_raw,
                one.intent.input_mint,
                one,
            )
            for key, one in state.intents.items()
        }
        self._positions = {str(key): one for key, one in state.positions.items()}


def _read_first(kind: bytes, body: bytes, read: Callable[[bytes], Any]) -> Any:
    """Return what is needed of a body that was not checked before, all of which can be read."""
    if kind in READ_QUICKLY and (found := read_step(kind, body)) is not None:
        return found
    decode_body(kind.decode(), body)
    return read(body)


def _are_ours(ids: str) -> bool:
    """Tell whether ids that can be read are written as ours are. One without any letter is left to the ledger."""
    return ids.islower()


def _check_sums(legs: Sequence[Posting]) -> None:
    totals: dict[TokenAddress, int] = {}
    for leg in legs:
        mint = leg.mint
        totals[mint] = totals.get(mint, 0) + leg.amount_raw
    if any(totals.values()):
        raise DoubtfulError


def _position(found: tuple[str, bytes] | Position) -> Position:
    if isinstance(found, Position):
        return found
    position: Position | None = decode_body(*found).position
    if position is None:
        raise DoubtfulError
    return position
