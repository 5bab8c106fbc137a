"""The state of one wallet, folded from its entries. Pure: an entry and a state give the next state or an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TypeVar, assert_never

from nexgent.domain.ledger.errors import LedgerInvariantError
from nexgent.domain.ledger.models import (
    Account,
    Adjusted,
    BalanceRemoved,
    ClosedTradeEdited,
    ClosedTradeRecorded,
    ClosedTradeRemoved,
    Entry,
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
    TradeKind,
    TradeSettled,
    TradeSubmitted,
    TransactionEdited,
    TransactionRemoved,
    WalletReset,
)
from nexgent.domain.ledger.postings import Token
from nexgent.domain.positions.models import Position
from nexgent.shared.structs import as_struct, replace
from nexgent.shared.types import AgentId, IntentId, PositionId, TokenAddress, WalletAddress

_K = TypeVar("_K")
_V = TypeVar("_V")
_token_of, _amount_of = attrgetter("token_address"), attrgetter("amount_raw")
EMPTY_FOR = timedelta(minutes=1)
"""So long a balance of zero stays in the state: nodes and read tables may be behind by seconds, not by minutes."""


@as_struct
@dataclass(frozen=True, slots=True)
class Balance:
    """What a wallet holds of one mint, in base units."""

    mint: TokenAddress
    symbol: str
    decimals: int
    amount_raw: int
    updated_at: datetime

    @property
    def token(self) -> Token:
        """Return what it is of."""
        return Token(self.mint, self.symbol, self.decimals)


@as_struct
@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An intent without an outcome yet."""

    intent: Intent
    submission: Submission | None = None


@as_struct
@dataclass(frozen=True, slots=True)
class WalletState:
    """Balances, open intents and open positions of a wallet after entry `seq`.

    A mint that is missing from the balances is one the wallet holds nothing of. A balance that became zero leaves with the first
    posting that comes more than `EMPTY_FOR` later: a state is copied with every posting, and must not grow with all that was
    ever traded. The balance that changed last is always there, so its time is that of the last change.
    """

    wallet_address: WalletAddress
    agent_id: AgentId
    seq: int = 0
    balances: Mapping[TokenAddress, Balance] = field(default_factory=dict)
    intents: Mapping[IntentId, OpenIntent] = field(default_factory=dict)
    positions: Mapping[PositionId, Position] = field(default_factory=dict)

    def balance_raw(self, mint: TokenAddress) -> int:
        """Return what the wallet holds."""
        balance = self.balances.get(mint)
        return balance.amount_raw if balance is not None else 0

    def reserved_raw(self, mint: TokenAddress) -> int:
        """Return what open intents have reserved."""
        # Mostly nothing is under way, and asking that of nothing takes as long as of something.
        if not self.intents:
            return 0
        return sum(
            open_intent.intent.reserved_raw
            for open_intent in self.intents.values()
            if open_intent.intent.input_mint == mint
        )

    def available_raw(self, mint: TokenAddress) -> int:
        """Return what can be spent: the balance without reservations."""
        return self.balance_raw(mint) - self.reserved_raw(mint)

    def bound_raw(self, mint: TokenAddress) -> int:
        """Return what nobody may take away by hand: what open trades have reserved, or what an open position holds.

        A sale under way reserves tokens of its position, so these are the same tokens and count once.
        """
        position = self.position_of(mint)
        return max(self.reserved_raw(mint), position.quantity_raw if position is not None else 0)

    def free_raw(self, mint: TokenAddress) -> int:
        """Return what may be taken away by hand."""
        return max(0, self.balance_raw(mint) - self.bound_raw(mint))

    def position_of(self, token: TokenAddress) -> Position | None:
        """Return the open position in a token."""
        # Mostly there is none, which is seen without a turn of the interpreter for each of them.
        if token not in map(_token_of, self.positions.values()):
            return None
        return next(position for position in self.positions.values() if position.token_address == token)

    def is_buying(self, token: TokenAddress) -> bool:
        """Tell whether a purchase that would open a position in the token is under way."""
        return bool(self.intents) and any(
            o.intent.token_address == token and o.intent.kind is TradeKind.PURCHASE
            for o in self.intents.values()
        )

    def intent_on(self, position_id: PositionId) -> OpenIntent | None:
        """Return the operation under way on a position."""
        return next((o for o in self.intents.values() if o.intent.position_id == position_id), None)

    @property
    def opening_count(self) -> int:
        """How many purchases that would open a position are under way."""
        if not self.intents:
            return 0
        return sum(1 for o in self.intents.values() if o.intent.kind is TradeKind.PURCHASE)


def check_postings(postings: Iterable[Posting]) -> None:
    """Raise `LedgerInvariantError` unless the postings sum to zero per mint."""
    totals: dict[TokenAddress, int] = {}
    for posting in postings:
        totals[posting.mint] = totals.get(posting.mint, 0) + posting.amount_raw
    for mint, total_raw in totals.items():
        if total_raw != 0:
            raise LedgerInvariantError(f"postings of {mint} sum to {total_raw} instead of 0")


def apply(state: WalletState, entry: Entry) -> WalletState:
    """Return the state after the entry.

    Raises `LedgerInvariantError` when the entry does not follow the state (wrong seq, unknown intent, a second operation
    on a position, an overdrawn balance): such an entry must never be written.
    """
    if entry.seq != state.seq + 1:
        raise LedgerInvariantError(f"entry {entry.seq} cannot follow {state.seq} of {state.wallet_address}")
    balances = _post(state, entry)
    intents, positions = state.intents, state.positions
    body = entry.body
    match body:
        case TradeIntended(intent, position):
            _check_intent(state, intent)
            intents = {**intents, intent.id: OpenIntent(intent)}
            if position is not None:
                positions = {**positions, position.id: position}
        case TradeSubmitted(intent_id, submission):
            current = _open(state, intent_id)
            intents = {**intents, intent_id: replace(current, submission=submission)}
        case TradeSettled():
            _open(state, body.intent_id)
            intents = _left_of(intents, body.intent_id)
            if body.position is not None:
                positions = {**positions, body.position_id: body.position}
            else:
                positions = _left_of(positions, body.position_id)
        case TradeFailed() | TradeExpired() | RentReclaimed():
            _open(state, body.intent_id)
            intents = _left_of(intents, body.intent_id)
        case ExitAsked(position):
            positions = _to_be_left(state, position)
        case WalletReset():
            if intents:
                raise LedgerInvariantError("a wallet with trades under way cannot be reset")
            positions = {}
        case Adjusted(mint, _, symbol):
            balances = _renamed(balances, mint, symbol)
        case BalanceRemoved(mint):
            balances = _without(state, balances, mint)
        case Imported():
            positions = _brought_along(state, body.position)
        case (
            Recorded()
            | TransactionEdited()
            | TransactionRemoved()
            | ClosedTradeRecorded()
            | ClosedTradeEdited()
            | ClosedTradeRemoved()
        ):
            pass
        case _:
            assert_never(body)
    return WalletState(state.wallet_address, state.agent_id, entry.seq, balances, intents, positions)


def _left_of(known: Mapping[_K, _V], gone: _K) -> dict[_K, _V]:
    """Return all but one. A copy of a dictionary hashes nothing, and ids take long to hash."""
    left = dict(known)
    left.pop(gone, None)
    return left


def _open(state: WalletState, intent_id: IntentId) -> OpenIntent:
    current = state.intents.get(intent_id)
    if current is None:
        raise LedgerInvariantError(f"intent {intent_id} is not open")
    return current


def _check_intent(state: WalletState, intent: Intent) -> None:
    if intent.id in state.intents:
        raise LedgerInvariantError(f"intent {intent.id} is already open")
    if intent.position_id is not None and state.intent_on(intent.position_id) is not None:
        raise LedgerInvariantError(f"position {intent.position_id} has an operation under way")
    if intent.reserved_raw > state.available_raw(intent.input_mint):
        raise LedgerInvariantError(f"intent {intent.id} reserves more than is available")


def _renamed(
    balances: Mapping[TokenAddress, Balance], mint: TokenAddress, symbol: str | None
) -> Mapping[TokenAddress, Balance]:
    if symbol is None or mint not in balances:
        return balances
    return {**balances, mint: replace(balances[mint], symbol=symbol)}


def _to_be_left(state: WalletState, position: Position) -> Mapping[PositionId, Position]:
    if position.id not in state.positions:
        raise LedgerInvariantError(f"position {position.id} is not open and cannot be left")
    return {**state.positions, position.id: position}


def _brought_along(state: WalletState, position: Position | None) -> Mapping[PositionId, Position]:
    if position is None:
        return state.positions
    if state.position_of(position.token_address) is not None:
        raise LedgerInvariantError(f"{position.token_address} of {state.wallet_address} has a position")
    if not 0 < position.quantity_raw <= state.balance_raw(position.token_address):
        raise LedgerInvariantError(f"position {position.id} is not covered by what the wallet holds")
    return {**state.positions, position.id: position}


def _without(
    state: WalletState, balances: Mapping[TokenAddress, Balance], mint: TokenAddress
) -> Mapping[TokenAddress, Balance]:
    left = balances.get(mint)
    if left is None or left.amount_raw != 0:
        raise LedgerInvariantError(f"{mint} of {state.wallet_address} is not empty and cannot be removed")
    if state.bound_raw(mint) > 0:
        raise LedgerInvariantError(f"{mint} of {state.wallet_address} is in use and cannot be removed")
    return _left_of(balances, mint)


def _post(state: WalletState, entry: Entry) -> Mapping[TokenAddress, Balance]:
    if not entry.postings:
        return state.balances
    check_postings(entry.postings)
    balances = dict(state.balances)
    if not all(map(_amount_of, balances.values())):
        since = entry.at - EMPTY_FOR
        for balance in state.balances.values():
            if not balance.amount_raw and balance.updated_at <= since:
                del balances[balance.mint]
    for posting in entry.postings:
        if posting.account is not Account.WALLET:
            continue
        held = balances.get(posting.mint)
        amount_raw = (held.amount_raw if held is not None else 0) + posting.amount_raw
        if amount_raw < 0:
            raise LedgerInvariantError(f"{posting.mint} of {state.wallet_address} would fall to {amount_raw}")
        symbol = held.symbol if held is not None else posting.symbol
        balances[posting.mint] = Balance(posting.mint, symbol, posting.decimals, amount_raw, entry.at)
    if isinstance(entry.body, WalletReset):
        return {}
    return balances


def emptying(balances: Iterable[Balance]) -> list[Posting]:
    """Return the postings that bring every balance to zero against the adjustment account."""
    postings: list[Posting] = []
    for balance in balances:
        if balance.amount_raw:
            postings += balance.token.moved(-balance.amount_raw, Account.ADJUSTMENT)
    return postings
