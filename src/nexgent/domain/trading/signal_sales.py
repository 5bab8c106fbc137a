"""What a signal makes agents sell: each that holds its token, by itself.

All of a position is left as a stop loss leaves it: the exit is durable with its first attempt and is tried until the position is
flat, whatever becomes of this process. A part is one sale, tried a few times. Either is recorded with the signal that asked for
it, so that whoever decides on the signal again, after a crash, finds what was sold and sells nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from nexgent.domain.agents.models import Wallet
from nexgent.domain.ledger.errors import JournalUnavailableError, StaleWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import TradeKind
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.signals.models import EXIT_CONTINUES, Signal, SignalAction, SignalDecision, SignalTrade
from nexgent.domain.trading.errors import SwapHeldBackError, SwapUnavailableError, TradeRejectedError, named
from nexgent.domain.trading.orders.fresh_prices import FreshPrices
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.position_orders import SalePreview
from nexgent.domain.trading.orders.sell import ClosePosition, ClosePositionRequest
from nexgent.domain.trading.orders.sell_part import SellPart, SellPartRequest
from nexgent.domain.trading.rules.signal_sale import SaleFacts, SaleVerdict, decide_signal_sale
from nexgent.domain.trading.signal_candidates import Candidate
from nexgent.domain.trading.signal_decisions import SignalDecisions
from nexgent.domain.trading.watch.exits import ExitTasks
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError, UnavailableError
from nexgent.shared.types import AgentId, WalletAddress

log = structlog.get_logger(__name__)

EXIT_SECONDS = 10.0
"""So long the decision waits for an exit to end; then it says that the exit goes on."""
UNDER_WAY_SECONDS = 20.0
"""So long another order of the agent's for the same token is waited for."""
PAUSE_SECONDS = 0.1
ATTEMPTS = 4
"""How often a sale of a part is tried that the market refused."""
_AGAIN = (SwapUnavailableError, StaleWalletError, TradeRejectedError)


class SaleInterruptedError(UnavailableError):
    """A sale was begun by a process that is gone, and is not ended yet; recovery ends it, and then the signal is decided."""

    code = "SALE_INTERRUPTED"

    def __init__(self) -> None:
        super().__init__("A sale for the signal is being looked into")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a sale: booked, or a code and a reason."""

    done: PositionOrderDone | None = None
    code: str | None = None
    reason: str | None = None


_SOLD_MEANWHILE = _Outcome(code="NO_POSITION", reason="the position was closed by another sale meanwhile")


class _LeftError(Exception):
    """It is for the next engine, or for the next look at this signal, to say what became of the sale."""


class SellForSignal:
    """Closes and reduces positions because a signal says so."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        exits: ExitTasks,
        closing: ClosePosition,
        parts: SellPart,
        decisions: SignalDecisions,
        prices: FreshPrices,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._exits = exits
        self._closing = closing
        self._parts = parts
        self._decisions = decisions
        self._prices = prices
        self._clock = clock

    async def execute(
        self,
        signal: Signal,
        candidates: Sequence[Candidate],
        done: Mapping[AgentId, SignalTrade],
        is_to_be_bought: Callable[[], bool] = lambda: False,
    ) -> list[SignalDecision] | None:
        """Return every agent's decision; nothing when it is not for this process to say. What was begun goes on or is found.

        `done` are the sales of before. An agent that does not hold the token waits while `is_to_be_bought`.
        Raises `SaleInterruptedError`, `UnavailableError`.
        """
        await self._ledger.refresh(_wallets(candidates))
        # Nothing is begun before it is clear that all of them can be decided.
        earlier = {
            candidate.agent.id: trade
            for candidate in candidates
            if (trade := self._earlier(signal, candidate, done.get(candidate.agent.id))) is not None
        }
        outcomes = await asyncio.gather(
            *(
                self._decide(signal, candidate, earlier.get(candidate.agent.id), is_to_be_bought)
                for candidate in candidates
            ),
            return_exceptions=True,
        )
        decisions: list[SignalDecision] = []
        for candidate, outcome in zip(candidates, outcomes, strict=True):
            if isinstance(outcome, _LeftError):
                return None
            if isinstance(outcome, Exception):
                # Whatever is wrong with one agent, the others' decisions are recorded.
                known = named(outcome)
                decisions.append(self._decisions.failed(signal, candidate, known.code, known.message))
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                decisions.append(outcome)
        return decisions

    async def preview(self, signal: Signal, candidates: Sequence[Candidate]) -> list[SignalDecision]:
        """Return what would be sold, at quotes of this moment. Nothing is recorded, reserved or sent."""
        await self._ledger.refresh(_wallets(candidates))
        return list(await asyncio.gather(*(self._preview(signal, candidate) for candidate in candidates)))

    def _earlier(self, signal: Signal, candidate: Candidate, trade: SignalTrade | None) -> SignalTrade | None:
        """Return the sale of before if it is all that comes of the signal; nothing when it is to be sold (on)."""
        if trade is None or trade.status == "failed":
            return None
        wallet = candidate.wallet
        position = self._position(signal, wallet) if wallet is not None else None
        if position is not None and _wants_out(signal, position):
            return None
        if signal.action is SignalAction.CLOSE:
            return trade
        if trade.status == "intended":
            raise SaleInterruptedError
        return trade

    async def _decide(
        self,
        signal: Signal,
        candidate: Candidate,
        earlier: SignalTrade | None,
        is_to_be_bought: Callable[[], bool],
    ) -> SignalDecision:
        if earlier is not None:
            return self._decisions.earlier(signal, candidate, earlier)
        started = self._clock.monotonic()
        if candidate.refusal is None and candidate.wallet is not None:
            await self._bought(signal, candidate.wallet, is_to_be_bought)
        found = self._to_sell(signal, candidate)
        if isinstance(found, SignalDecision):
            return found
        position, verdict = found
        if verdict.whole or _wants_out(signal, position):
            outcome = await self._close(signal, position)
        else:
            outcome = await self._reduce(signal, position)
        milliseconds = round((self._clock.monotonic() - started) * 1000, 3)
        if outcome.done is not None:
            return self._decisions.sold(signal, candidate, verdict, outcome.done, milliseconds)
        return self._decisions.unsold(
            signal, candidate, verdict, (outcome.code or "", outcome.reason or ""), position.id
        )

    def _to_sell(self, signal: Signal, candidate: Candidate) -> tuple[Position, SaleVerdict] | SignalDecision:
        """Return what an agent is to sell and what lets it, or why it sells nothing."""
        wallet = candidate.wallet
        if candidate.refusal is not None or wallet is None:
            return self._decisions.refused(signal, candidate)
        position = self._position(signal, wallet)
        verdict = self._verdict(signal, candidate, wallet, position)
        if verdict.refusal is not None or position is None:
            return self._decisions.unsold(signal, candidate, verdict)
        return position, verdict

    async def _close(self, signal: Signal, position: Position) -> _Outcome:
        """Leave the position, and wait a while for the end of it."""
        self._exits.start(position, CloseReason.SIGNAL, None, signal.id)
        patience = EXIT_SECONDS
        leaving = asyncio.ensure_future(self._exits.outcome(position.id))
        try:
            while not leaving.done():
                await asyncio.wait({leaving}, timeout=patience)
                patience = PAUSE_SECONDS
                if not leaving.done() and self._remembers(signal, position):
                    progress = self._exits.progress(position.id)
                    newest = f", the newest attempt met {progress.code}" if progress and progress.code else ""
                    reason = f"not sold yet{newest}; the exit is remembered and goes on until all is sold"
                    return _Outcome(code=EXIT_CONTINUES, reason=reason)
        finally:
            leaving.cancel()
        sold = leaving.result()
        if sold is not None:
            return _Outcome(sold)
        if self._ledger.head(position.wallet_address).positions.get(position.id) is not None:
            raise _LeftError
        return _SOLD_MEANWHILE

    def _remembers(self, signal: Signal, position: Position) -> bool:
        """Tell whether the journal has the exit: then it is not forgotten whatever happens."""
        now = self._ledger.durable_position(position.wallet_address, position.id)
        pending = now.pending_exit if now is not None else None
        return pending is not None and pending.signal_id == signal.id

    async def _reduce(self, signal: Signal, position: Position) -> _Outcome:
        """Sell a part, once. What is in doubt is not tried again, and neither is what cannot be recorded."""
        assert signal.percent is not None
        request = SellPartRequest(
            wallet_address=position.wallet_address,
            position_id=position.id,
            percent=signal.percent,
            signal_id=signal.id,
        )
        until = self._clock.monotonic() + UNDER_WAY_SECONDS
        refused = 0
        while True:
            try:
                return _Outcome(await self._parts.execute(request))
            except (JournalUnavailableError, SwapHeldBackError):
                # It may have been begun: whoever looks at the signal next asks the journal.
                raise _LeftError from None
            except PositionNotFoundError:
                return _SOLD_MEANWHILE
            except (PositionLockedError, *_AGAIN) as error:
                refused += not isinstance(error, PositionLockedError)
                if refused >= ATTEMPTS or self._clock.monotonic() >= until:
                    return _Outcome(code=error.code, reason=error.message)
                await asyncio.sleep(PAUSE_SECONDS * 2**refused)
            except NexgentError as error:
                return _Outcome(code=error.code, reason=error.message)

    async def _preview(self, signal: Signal, candidate: Candidate) -> SignalDecision:
        found = self._to_sell(signal, candidate)
        if isinstance(found, SignalDecision):
            return found
        position, verdict = found
        try:
            sale = await self._quoted(signal, position, verdict)
        except Exception as error:
            known = named(error)
            return self._decisions.unsold(signal, candidate, verdict, (known.code, known.message))
        return self._decisions.would_sell(signal, candidate, verdict, sale)

    async def _quoted(self, signal: Signal, position: Position, verdict: SaleVerdict) -> SalePreview:
        wallet, position_id = position.wallet_address, position.id
        if verdict.whole or signal.percent is None:
            return await self._closing.preview(
                ClosePositionRequest(
                    wallet_address=wallet, position_id=position_id, reason=CloseReason.SIGNAL
                )
            )
        return await self._parts.preview(
            SellPartRequest(wallet_address=wallet, position_id=position_id, percent=signal.percent)
        )

    async def _bought(self, signal: Signal, wallet: Wallet, is_to_be_bought: Callable[[], bool]) -> None:
        """Wait for a purchase of the token that is under way or about to be: what it brings is meant by the signal as well."""
        until = self._clock.monotonic() + UNDER_WAY_SECONDS
        while self._clock.monotonic() < until and (
            self._is_buying(signal, wallet) or (self._position(signal, wallet) is None and is_to_be_bought())
        ):
            await asyncio.sleep(PAUSE_SECONDS)

    def _is_buying(self, signal: Signal, wallet: Wallet) -> bool:
        return any(
            one.intent.kind is TradeKind.PURCHASE and one.intent.token_address == signal.token_address
            for one in self._ledger.head(wallet.address).intents.values()
        )

    def _position(self, signal: Signal, wallet: Wallet) -> Position | None:
        return self._ledger.head(wallet.address).position_of(signal.token_address)

    def _verdict(
        self, signal: Signal, candidate: Candidate, wallet: Wallet, position: Position | None
    ) -> SaleVerdict:
        others = [one for one in candidate.agent.wallets if one.address != wallet.address]
        return decide_signal_sale(
            SaleFacts(
                sent_at=signal.created_at,
                mode=wallet.mode.value,
                position=position,
                held_elsewhere=any(self._position(signal, one) is not None for one in others),
                leaving=self._leaving(signal, position) if position is not None else None,
                percent=signal.percent,
                price=self._prices.of(signal.token_address),
            )
        )

    def _leaving(self, signal: Signal, position: Position) -> CloseReason | None:
        for exit_ in (position.pending_exit, self._exits.progress(position.id)):
            if exit_ is not None and exit_.signal_id != signal.id:
                return exit_.reason
        return None


def _wants_out(signal: Signal, position: Position) -> bool:
    """Tell whether the signal's own exit is remembered already, from before a crash."""
    return position.pending_exit is not None and position.pending_exit.signal_id == signal.id


def _wallets(candidates: Sequence[Candidate]) -> list[WalletAddress]:
    return [wallet.address for candidate in candidates for wallet in candidate.agent.wallets]
