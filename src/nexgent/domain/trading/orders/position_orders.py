"""What all operations on an open position share: record the intent, quote, swap, book.

What that made of the position is announced from the entries it left (`position_events`).

The operations differ in two answers only, and each gives them in a file of its own: what to swap, decided on the newest state
of the wallet (`Operation.plan`), and where the quote comes from (`Operation.quote`). How a fill is booked follows from the
intent alone (`settle_position_order`), so that recovery books what landed before a crash exactly as it would have been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.errors import (
    JournalUnavailableError,
    StaleWalletError,
)
from nexgent.domain.ledger.ledger import DECISION_ATTEMPTS, Ledger
from nexgent.domain.ledger.models import (
    Entry,
    ExitAsked,
    Intent,
    PriceEvidence,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
)
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.models import CloseReason, PendingExit, PendingTakeProfit, Position
from nexgent.domain.trading.errors import (
    SwapHeldBackError,
    SwapInDoubtError,
    SwapLeftError,
    TradeRejectedError,
    named,
)
from nexgent.domain.trading.events import TradeFinished
from nexgent.domain.trading.models import Fill, Quote
from nexgent.domain.trading.orders.in_flight import IntentsInFlight
from nexgent.domain.trading.orders.own_time import TradeTime, at_the_market, counted
from nexgent.domain.trading.orders.position_booking import PositionBooking, PositionOrderDone
from nexgent.domain.trading.orders.quotes import sale_quote
from nexgent.domain.trading.orders.swap_execution import Refusal, SwapExecution
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.ids import position_intent_id
from nexgent.shared.structs import replace
from nexgent.shared.types import (
    IntentId,
    PositionId,
    SignalId,
    TokenAddress,
    VenueName,
    WalletAddress,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an operation is going to swap. Amounts are base units of `input_mint`."""

    kind: TradeKind
    cause: str
    input_mint: TokenAddress
    amount_raw: int
    reserved_raw: int
    pending_exit: PendingExit | None
    """The exit the position remembers from now on."""
    pending_take_profit: PendingTakeProfit | None
    """What the position will have taken when the operation is booked."""
    evidence: PriceEvidence | None
    sell_signal_id: SignalId | None = None
    """The signal that asks for a sale that the position does not remember; an exit remembers whose it is."""


class Operation(Protocol):
    """One kind of operation on a position."""

    def plan(self, state: WalletState, position: Position, venue: Venue) -> Plan:
        """Decide on the newest state, staged entries included. Raises what forbids it; nothing was written then."""
        ...

    async def quote(self, position: Position, intent: Intent, venue: Venue) -> Quote:
        """Return the offer to take for the position it was planned on.

        Raises what forbids it; the intent is then recorded as failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class SalePreview:
    """What a sale of a position would bring at a quote of a venue that was had so many seconds ago."""

    position: Position
    fill: Fill
    venue: VenueName
    age_seconds: float


class PositionOrders:
    """Carry operations out, one at a time per position: the ledger refuses a second intent on it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        directory: AgentDirectory,
        venues: SwapVenues,
        booking: PositionBooking,
        in_flight: IntentsInFlight,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._venues = venues
        self._booking = booking
        self._clock = clock
        self._publish = publish
        self._in_flight = in_flight

    async def run(
        self, wallet: WalletAddress, position_id: PositionId, operation: Operation
    ) -> PositionOrderDone:
        """Decide, record the intent, swap, book.

        Raises `PositionNotFoundError`, `PositionLockedError` (another operation is under way), what the operation refuses
        with, `SwapInDoubtError` (sent, outcome not known yet; recovery books it), or the gateway's errors. After an error the
        position is as it was.
        """
        with counted(self._clock) as time:
            for attempt in range(DECISION_ATTEMPTS):
                position, intent, entry = await self._intend(wallet, position_id, operation)
                with self._in_flight.hold({intent.id: wallet}):
                    try:
                        return await self._carry_out(position, intent, entry, operation, time)
                    except _NotIntendedError as error:
                        if attempt == DECISION_ATTEMPTS - 1:
                            raise StaleWalletError(wallet) from error
        raise AssertionError("unreachable")

    async def preview_sale(
        self, wallet: WalletAddress, position_id: PositionId, operation: Operation
    ) -> SalePreview:
        """Decide on a sale as `run` would, and ask for its quote; nothing is recorded, reserved, signed or sent.

        A look waits behind what is traded: its quote is not urgent. Raises what `run` raises before it sends anything.
        """
        state, position = await self._free_position(wallet, position_id)
        venue = self._venue(wallet)
        intent = self._intent(position, operation.plan(state, position, venue))
        try:
            quote = await sale_quote(venue, intent, urgent=False, only_looked_at=True)
        except Exception as error:
            raise named(error) from None
        age_seconds = self._clock.monotonic() - quote.received_monotonic
        return SalePreview(position, venue.expected(quote), venue.name, age_seconds)

    async def book(self, intent: Intent, fill: Fill, time: TradeTime | None = None) -> PositionOrderDone:
        """Book a swap of any operation that landed, in the lane of its wallet.

        Raises as `PositionBooking.book` does: `PositionNotFoundError` when it is booked already.
        """
        time = time or TradeTime(self._clock)
        with self._in_flight.hold({intent.id: intent.wallet_address}):
            done = await self._booking.book(intent, fill)
            self._finished(intent, time, None)
            return done

    async def write_off(
        self,
        wallet: WalletAddress,
        position_id: PositionId,
        evidence: Callable[[Position], PriceEvidence | None] = lambda _: None,
    ) -> TradeSettled:
        """Book what is left of a position as lost: intent and outcome in one write, as nothing is swapped.

        Raises `PositionNotFoundError`, `PositionLockedError`, `JournalUnavailableError`, and what `evidence` does, which is
        asked about the position as it is when that is written.
        """
        time = TradeTime(self._clock)

        async def step() -> tuple[Intent, TradeSettled]:
            state, position = await self._free_position(wallet, position_id)
            price = evidence(position)
            left_raw = min(position.quantity_raw, state.available_raw(position.token_address))
            plan = Plan(
                kind=TradeKind.WRITE_OFF,
                cause=CloseReason.WRITE_OFF.value,
                input_mint=position.token_address,
                amount_raw=left_raw,
                reserved_raw=left_raw,
                pending_exit=position.pending_exit,
                pending_take_profit=position.pending_take_profit,
                evidence=price,
            )
            intent = self._intent(position, plan)
            settlement = self._booking.written_off(intent, replace(position, quantity_raw=left_raw))
            intended = self._ledger.stage(wallet, TradeIntended(intent, _operated(position, plan)))
            settled = self._ledger.stage(wallet, settlement.body, settlement.postings)
            with self._in_flight.hold({intent.id: wallet}):
                await self._ledger.commit(intended, settled)
            return intent, settlement.body

        intent, settled = await self._ledger.decide(step)
        self._finished(intent, time, None)
        return settled

    async def remember_exit(
        self,
        wallet: WalletAddress,
        position_id: PositionId,
        reason: CloseReason,
        signal_id: SignalId | None = None,
    ) -> None:
        """Make an exit durable that has to wait for another operation: whatever happens, it is not forgotten.

        Raises `PositionNotFoundError`, `JournalUnavailableError`.
        """

        async def step() -> None:
            state = await self._ledger.fresh(wallet)
            position = state.positions.get(position_id)
            if position is None:
                raise PositionNotFoundError(position_id)
            if position.pending_exit is None:
                pending = PendingExit(reason, 0, self._clock.now(), signal_id)
                asked = replace(position, pending_exit=pending, version=position.version + 1)
                await self._ledger.commit(self._ledger.stage(wallet, ExitAsked(asked)))

        await self._ledger.decide(step)

    def _venue(self, wallet: WalletAddress) -> Venue:
        """Return where a wallet trades: its own type decides, not the agent's present mode."""
        known = self._directory.wallet(wallet)
        return self._venues.of_mode(known.mode if known is not None else TradingMode.SIMULATION)

    async def _free_position(
        self, wallet: WalletAddress, position_id: PositionId
    ) -> tuple[WalletState, Position]:
        """Return the newest state with a position nobody else operates on."""
        state = await self._ledger.fresh(wallet)
        position = state.positions.get(position_id)
        if position is None:
            raise PositionNotFoundError(position_id)
        if state.intent_on(position_id) is not None:
            raise PositionLockedError(position_id)
        return state, position

    async def _intend(
        self, wallet: WalletAddress, position_id: PositionId, operation: Operation
    ) -> tuple[Position, Intent, Entry]:
        state, position = await self._free_position(wallet, position_id)
        plan = operation.plan(state, position, self._venue(wallet))
        intent = self._intent(position, plan)
        entry = self._ledger.stage(wallet, TradeIntended(intent, _operated(position, plan)))
        return position, intent, entry

    async def _carry_out(
        self, position: Position, intent: Intent, entry: Entry, operation: Operation, time: TradeTime
    ) -> PositionOrderDone:
        venue = self._venue(intent.wallet_address)
        try:
            quote = await self._commit_and_quote(position, entry, operation, intent, venue)
        except _QuoteRefusedError as refused:
            await self._fail(intent, refused.error, time)
            raise refused.error from None
        outcome = await SwapExecution(self._ledger, venue).run(intent, quote)
        if isinstance(outcome, Refusal):
            if outcome.in_doubt:
                raise SwapInDoubtError(position.id)
            error = TradeRejectedError(outcome.code, outcome.reason)
            if outcome.recorded:
                self._finished(intent, time, outcome.code)
                raise error
            ended = await self._fail(intent, error, time)
            if outcome.held_back:
                raise SwapHeldBackError(outcome.reason) if ended else SwapLeftError(outcome.reason)
            if not ended:
                raise SwapInDoubtError(position.id)
            raise error
        return await self._book_own(position, intent, outcome, time)

    async def _book_own(
        self, position: Position, intent: Intent, fill: Fill, time: TradeTime
    ) -> PositionOrderDone:
        try:
            return await self.book(intent, fill, time)
        except (PositionNotFoundError, StaleWalletError, JournalUnavailableError):
            # Booked elsewhere, or the journal cannot tell at present: recovery ends it.
            raise
        except Exception as error:
            known = named(error)
            if fill.signature is not None:
                # It landed: whatever keeps it from being booked now, it is not a failed trade. Recovery tries again.
                raise SwapInDoubtError(position.id) from error
            await self._fail(intent, known, time)
            raise known from None

    async def _commit_and_quote(
        self, position: Position, entry: Entry, operation: Operation, intent: Intent, venue: Venue
    ) -> Quote:
        """Make the intent durable while the quote is fetched: asking a price moves no money."""
        quoting = asyncio.ensure_future(_quoted(operation, position, intent, venue))
        try:
            await self._ledger.commit(entry)
        except BaseException as error:
            quoting.cancel()
            await asyncio.gather(quoting, return_exceptions=True)
            if isinstance(error, StaleWalletError):
                raise _NotIntendedError from error
            raise
        try:
            return await quoting
        except Exception as error:
            raise _QuoteRefusedError(named(error)) from None

    def _intent(self, position: Position, plan: Plan) -> Intent:
        asked = plan.pending_exit.signal_id if plan.pending_exit is not None else plan.sell_signal_id
        return Intent(
            id=IntentId(position_intent_id(position.id, plan.cause, position.operations)),
            kind=plan.kind,
            agent_id=position.agent_id,
            wallet_address=position.wallet_address,
            token_address=position.token_address,
            token_symbol=position.token_symbol,
            input_mint=plan.input_mint,
            amount_raw=plan.amount_raw,
            reserved_raw=plan.reserved_raw,
            cause=plan.cause,
            signal_id=position.signal_id,
            position_id=position.id,
            generation=position.operations,
            created_at=self._clock.now(),
            evidence=plan.evidence,
            sell_signal_id=asked,
        )

    async def _fail(self, intent: Intent, error: NexgentError, time: TradeTime) -> bool:
        """Release the reservation; tell whether that is recorded.

        If it is not, recovery ends the intent when the journal is back, and what was signed may still be sent.
        """
        body = TradeFailed(intent.id, error.code, error.message)

        async def step() -> None:
            await self._ledger.fresh(intent.wallet_address)
            await self._ledger.commit(self._ledger.stage(intent.wallet_address, body))

        try:
            await self._ledger.decide(step)
        except NexgentError:
            return False
        finally:
            self._finished(intent, time, error.code)
        return True

    def _finished(self, intent: Intent, time: TradeTime, code: str | None) -> None:
        self._publish(TradeFinished(intent.kind, code is None, code, time.seconds, time.own_seconds))


class _NotIntendedError(Exception):
    """Another writer was faster and nothing was recorded: decide again."""


class _QuoteRefusedError(Exception):
    """There is no offer; `error` says why."""

    def __init__(self, error: NexgentError) -> None:
        self.error = error


async def _quoted(operation: Operation, position: Position, intent: Intent, venue: Venue) -> Quote:
    with at_the_market():
        return await operation.quote(position, intent, venue)


def _operated(position: Position, plan: Plan) -> Position:
    """Return the position as the intent leaves it."""
    return replace(
        position,
        version=position.version + 1,
        operations=position.operations + 1,
        pending_exit=plan.pending_exit,
        pending_take_profit=plan.pending_take_profit,
    )
