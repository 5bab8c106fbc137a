"""Buy one token for any number of agents: validate, reserve, quote, swap, book, tell the world.

A burst of paper trades shares everything that costs time: one durable write for all intents, one upstream call per size,
one durable write for all results. A live trade is signed and sent for its own wallet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import structlog

from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.ledger.errors import JournalUnavailableError, StaleWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Entry, Intent, TradeFailed, TradeIntended, TradeKind, TradeSettled
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.events import PositionOpened
from nexgent.domain.positions.models import Position
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.signals.models import Gate
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.events import TradeFinished
from nexgent.domain.trading.in_flight import IntentsInFlight
from nexgent.domain.trading.models import Fill, Quote
from nexgent.domain.trading.ports import SwapGateway, TokenDecimals, WalletKeys
from nexgent.domain.trading.purchase_quotes import PurchaseQuotes
from nexgent.domain.trading.purchase_validation import PurchaseFacts, PurchaseRefused, validate_purchase
from nexgent.domain.trading.settlement import SettlementContext, buy_debit_lamports, settle_purchase
from nexgent.domain.trading.stop_loss import initial_stop
from nexgent.domain.trading.swap_execution import Refusal, SwapExecution
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT, lamports, sol, unit_price_sol
from nexgent.shared.types import IntentId, SignalId, TokenAddress

log = structlog.get_logger(__name__)

DECISION_ATTEMPTS = 4
DEFAULT_SYMBOL = "TOKEN"


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """What to buy, and why."""

    token_address: TokenAddress
    token_symbol: str | None
    signal_id: SignalId | None
    cause: str


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys. Without a size it is calculated from the balance."""

    agent: Agent
    wallet: Wallet
    intent_id: IntentId
    size_sol: Decimal | None = None


@dataclass(slots=True)
class PurchaseResult:
    """What became of one buyer: an opened position, or a code and a reason."""

    buyer: Buyer
    size_sol: Decimal | None = None
    position: Position | None = None
    settled: TradeSettled | None = None
    fill: Fill | None = None
    code: str | None = None
    reason: str | None = None
    details: dict[str, object] = field(default_factory=dict)
    intended: bool = False
    in_doubt: bool = False
    """The swap was sent and nobody can say yet what became of it; recovery will book it."""
    marks_ms: dict[str, float] = field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    """What the protections looked at."""

    def refuse(self, code: str, reason: str, **details: object) -> None:
        """Note why there is no position."""
        self.code, self.reason, self.details = code, reason, details


class GuardVerdict(Protocol):
    """What a guard says: what it looked at, and a code and a reason when it blocks."""

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Return the findings for the decision record."""
        ...

    @property
    def code(self) -> str | None:
        """Return why not, or None."""
        ...

    @property
    def reason(self) -> str | None:
        """Return the same for people."""
        ...


class EntryGuard(Protocol):
    """Whoever may block new entries: the agent's protections and the kill switches."""

    def check(
        self,
        agent: Agent,
        state: WalletState,
        now: datetime,
        *,
        size_lamports: int = 0,
        new_position_in: TokenAddress | None = None,
    ) -> GuardVerdict:
        """Return whether the entry may happen. Pure and quick: it is asked for every buyer of a burst."""
        ...


class OpenPositions:
    """Buy for a burst of agents; each buyer gets its own result and no failure touches another."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        gateways: dict[TradingMode, SwapGateway],
        decimals: TokenDecimals,
        keys: WalletKeys,
        sol_price: SolPriceFeed,
        clock: Clock,
        publish: Callable[[object], None],
        random_unit: Callable[[], Decimal],
        fee_reserve_lamports: int,
        in_flight: IntentsInFlight,
        guard: EntryGuard | None = None,
        is_doubtful: Callable[[TokenAddress], bool] | None = None,
    ) -> None:
        self._ledger = ledger
        self._gateways = gateways
        self._decimals = decimals
        self._keys = keys
        self._sol_price = sol_price
        self._clock = clock
        self._publish = publish
        self._random_unit = random_unit
        self._fee_reserve_lamports = fee_reserve_lamports
        self._in_flight = in_flight
        self._guard = guard
        self._is_doubtful = is_doubtful

    async def execute(self, order: PurchaseOrder, buyers: Sequence[Buyer]) -> list[PurchaseResult]:
        """Return one result per buyer, in no particular order."""
        paper = [buyer for buyer in buyers if buyer.wallet.mode is TradingMode.SIMULATION]
        live = [buyer for buyer in buyers if buyer.wallet.mode is TradingMode.LIVE]
        batches = ([paper] if paper else []) + [[buyer] for buyer in live]
        if len(batches) == 1:
            return await self._burst(order, batches[0])
        groups = await asyncio.gather(*(self._burst(order, batch) for batch in batches))
        return [result for group in groups for result in group]

    async def _burst(self, order: PurchaseOrder, buyers: Sequence[Buyer]) -> list[PurchaseResult]:
        started = self._clock.monotonic()
        results = {buyer.intent_id: PurchaseResult(buyer) for buyer in buyers}
        gateway = self._gateways[buyers[0].wallet.mode]
        todo = list(results.values())
        with self._in_flight.hold(results):
            for attempt in range(DECISION_ATTEMPTS):
                todo = await self._try(order, gateway, todo, started, last=attempt == DECISION_ATTEMPTS - 1)
                if not todo:
                    break
        self._tell(list(results.values()), started)
        return list(results.values())

    async def resume(self, buyer: Buyer, intent: Intent) -> PurchaseResult:
        """Carry on with an intent that was recorded and never sent: a process died in between."""
        started = self._clock.monotonic()
        result = PurchaseResult(buyer, size_sol=sol(intent.amount_raw), intended=True)
        gateway = self._gateways[buyer.wallet.mode]
        order = PurchaseOrder(intent.token_address, intent.token_symbol, intent.signal_id, intent.cause)
        with self._in_flight.hold([intent.id]):
            quotes = PurchaseQuotes(gateway, live=buyer.wallet.mode is TradingMode.LIVE)
            offers, decimals = await asyncio.gather(
                quotes.fetch([(intent, _impact_limit(result))]), self._read_decimals(order.token_address)
            )
            failed = await self._swap_quoted(order, gateway, [(result, intent)], offers, decimals, started)
            await self._record_failures(failed)
        self._tell([result], started)
        return result

    async def book_landed(self, buyer: Buyer, intent: Intent, fill: Fill) -> PurchaseResult:
        """Book a swap that turned out to have landed."""
        started = self._clock.monotonic()
        result = PurchaseResult(buyer, size_sol=sol(intent.amount_raw), intended=True, fill=fill)
        order = PurchaseOrder(intent.token_address, intent.token_symbol, intent.signal_id, intent.cause)
        with self._in_flight.hold([intent.id]):
            decimals = await self._decimals.decimals(intent.token_address)
            entry, body = self._settle(order, result, intent, fill, decimals, self._sol_usd())
            await self._announce_booked([(result, entry, body)], started)
        self._tell([result], started)
        return result

    def _tell(self, results: Sequence[PurchaseResult], started: float) -> None:
        seconds = self._clock.monotonic() - started
        for result in results:
            if result.intended and not result.in_doubt:
                done = result.position is not None
                agent_id = result.buyer.agent.id
                self._publish(TradeFinished(TradeKind.PURCHASE, done, result.code, seconds, agent_id))

    async def _try(
        self,
        order: PurchaseOrder,
        gateway: SwapGateway,
        todo: Sequence[PurchaseResult],
        started: float,
        *,
        last: bool,
    ) -> list[PurchaseResult]:
        """Take one decision for each; return those whose wallet changed under it and that have to decide again."""
        try:
            await self._ledger.refresh([result.buyer.wallet.address for result in todo])
        except JournalUnavailableError as error:
            _refuse_all(todo, error)
            return []
        staged: list[tuple[PurchaseResult, Intent, Entry]] = []
        for result in todo:
            try:
                intent = self._decide(order, result)
                if intent is None:
                    continue
                entry = self._ledger.stage(result.buyer.wallet.address, TradeIntended(intent))
            except NexgentError as error:
                result.refuse(error.code, error.message, **error.details)
                continue
            staged.append((result, intent, entry))
        if not staged:
            return []
        # A quote moves no money, so it may be asked for while the intents become durable. Nothing is sent before they are.
        quotes = PurchaseQuotes(gateway, live=todo[0].buyer.wallet.mode is TradingMode.LIVE)
        failures, offers, decimals = await asyncio.gather(
            self._ledger.commit_each([entry for _, _, entry in staged]),
            quotes.fetch([(intent, _impact_limit(result)) for result, intent, _ in staged]),
            self._read_decimals(order.token_address),
        )
        intended_ms = (self._clock.monotonic() - started) * 1000
        again: list[PurchaseResult] = []
        durable: list[tuple[PurchaseResult, Intent]] = []
        for result, intent, entry in staged:
            failure = failures.get(entry.id)
            if isinstance(failure, StaleWalletError) and not last:
                again.append(result)
            elif failure is not None:
                _refuse_all([result], failure)
            else:
                result.intended = True
                result.marks_ms["intended"] = round(intended_ms, 3)
                durable.append((result, intent))
        failed = await self._swap_quoted(order, gateway, durable, offers, decimals, started)
        await self._record_failures(failed)
        return again

    async def _swap_quoted(
        self,
        order: PurchaseOrder,
        gateway: SwapGateway,
        durable: Sequence[tuple[PurchaseResult, Intent]],
        offers: Mapping[IntentId, Quote | NexgentError],
        decimals: int | NexgentError,
        started: float,
    ) -> list[tuple[PurchaseResult, Intent]]:
        """Swap what got a quote; return those whose durable intent has to be recorded as failed."""
        swaps: list[tuple[PurchaseResult, Intent, Quote]] = []
        failed: list[tuple[PurchaseResult, Intent]] = []
        for result, intent in durable:
            offer = offers[intent.id]
            problem = decimals if isinstance(decimals, NexgentError) else offer
            if isinstance(problem, NexgentError):
                result.refuse(problem.code, problem.message, **problem.details)
                failed.append((result, intent))
            elif isinstance(offer, Quote):
                swaps.append((result, intent, offer))
        if isinstance(decimals, int) and swaps:
            failed += await self._swap_all(order, gateway, swaps, decimals, started)
        return failed

    def _decide(self, order: PurchaseOrder, result: PurchaseResult) -> Intent | None:
        """Validate against what is available right now and return what to reserve, or note the refusal."""
        agent, wallet = result.buyer.agent, result.buyer.wallet
        state = self._ledger.head(wallet.address)
        if result.buyer.intent_id in state.intents:
            result.refuse("PURCHASE_IN_PROGRESS", "this purchase is already under way")
            return None
        if self._is_doubtful is not None and self._is_doubtful(order.token_address):
            result.refuse("PRICE_DOUBTFUL", "the token's price has jumped and nobody has confirmed it yet")
            return None
        available = state.available_raw(SOL_MINT)
        verdict = validate_purchase(
            PurchaseFacts(
                config=agent.config,
                wallet_mode=wallet.mode.value,
                agent_mode=agent.trading_mode.value,
                wallet_key_loaded=wallet.mode is TradingMode.SIMULATION
                or self._keys.is_loaded(wallet.address),
                available_sol=sol(available),
                holds_position_in_token=state.position_of(order.token_address) is not None
                or state.is_buying(order.token_address),
                open_positions=self._open_positions(agent),
                requested_size_sol=result.buyer.size_sol,
                random_unit=self._random_unit(),
            )
        )
        if isinstance(verdict, PurchaseRefused):
            details: dict[str, object] = {"cause": verdict.cause} if verdict.cause else {}
            result.refuse(verdict.code, verdict.message, **details)
            return None
        result.size_sol = verdict.size_sol
        amount = lamports(verdict.size_sol)
        if self._guard is not None:
            protection = self._guard.check(
                agent, state, self._clock.now(), size_lamports=amount, new_position_in=order.token_address
            )
            result.gates = protection.gates
            if protection.code is not None:
                result.refuse(protection.code, protection.reason or "a protection blocks new entries")
                return None
        return Intent(
            id=result.buyer.intent_id,
            kind=TradeKind.PURCHASE,
            agent_id=agent.id,
            wallet_address=wallet.address,
            token_address=order.token_address,
            token_symbol=order.token_symbol or DEFAULT_SYMBOL,
            input_mint=SOL_MINT,
            amount_raw=amount,
            # Fees are reserved as well, as far as the balance goes: what a fee may not touch is the minimum balance's business.
            reserved_raw=min(amount + self._fee_reserve_lamports, available),
            cause=order.cause,
            signal_id=order.signal_id,
            position_id=None,
            generation=0,
            created_at=self._clock.now(),
        )

    def _open_positions(self, agent: Agent) -> int:
        count = 0
        for wallet in agent.wallets:
            if self._ledger.knows(wallet.address):
                state = self._ledger.head(wallet.address)
                count += len(state.positions) + state.opening_count
        return count

    async def _read_decimals(self, token: TokenAddress) -> int | NexgentError:
        try:
            return await self._decimals.decimals(token)
        except NexgentError as error:
            return error

    async def _swap_all(
        self,
        order: PurchaseOrder,
        gateway: SwapGateway,
        swaps: Sequence[tuple[PurchaseResult, Intent, Quote]],
        decimals: int,
        started: float,
    ) -> list[tuple[PurchaseResult, Intent]]:
        """Swap, settle and book; return those that failed after their intent was durable."""
        execution = SwapExecution(self._ledger, gateway)
        failed: list[tuple[PurchaseResult, Intent]] = []
        booked: list[tuple[PurchaseResult, Entry, TradeSettled]] = []
        quoted_ms = round((self._clock.monotonic() - started) * 1000, 3)
        sol_usd = self._sol_usd()
        for result, intent, quote in swaps:
            result.marks_ms["quoted"] = quoted_ms
            outcome = await execution.run(intent, quote)
            if isinstance(outcome, Refusal):
                result.refuse(outcome.code, outcome.reason)
                result.in_doubt = outcome.in_doubt
                if not (outcome.recorded or outcome.in_doubt):
                    failed.append((result, intent))
                continue
            try:
                entry, body = self._settle(order, result, intent, outcome, decimals, sol_usd)
            except NexgentError as error:
                result.refuse(error.code, error.message, **error.details)
                if outcome.signature is not None:
                    # It landed: whatever keeps it from being booked now, it is not a failed trade. Recovery tries again.
                    log.error("purchase.landed_not_booked", intent_id=str(intent.id), code=error.code)
                    result.in_doubt = True
                else:
                    failed.append((result, intent))
                continue
            result.fill = outcome
            booked.append((result, entry, body))
        await self._announce_booked(booked, started)
        return failed

    async def _announce_booked(
        self, booked: Sequence[tuple[PurchaseResult, Entry, TradeSettled]], started: float
    ) -> None:
        """Make settlements durable and tell about the positions they opened."""
        failures = await self._ledger.commit_each([entry for _, entry, _ in booked])
        recorded_ms = round((self._clock.monotonic() - started) * 1000, 3)
        for result, entry, body in booked:
            failure = failures.get(entry.id)
            if failure is not None:
                # The intent is durable and its outcome is not: recovery finishes it as soon as the journal is back.
                result.in_doubt = True
                _refuse_all([result], failure)
                continue
            result.marks_ms["recorded"] = recorded_ms
            result.settled, result.position = body, body.position
            if body.position is not None:
                self._publish(PositionOpened(body.position, body.position.base_mark))

    def _settle(
        self,
        order: PurchaseOrder,
        result: PurchaseResult,
        intent: Intent,
        fill: Fill,
        decimals: int,
        sol_usd: Decimal | None,
    ) -> tuple[Entry, TradeSettled]:
        if fill.in_amount_raw <= 0 or fill.out_amount_raw <= 0:
            raise TradeRejectedError("INVALID_TRANSACTION", "The swap moved no tokens")
        state = self._ledger.head(intent.wallet_address)
        affordable = state.available_raw(SOL_MINT) + intent.reserved_raw
        if result.buyer.wallet.mode is TradingMode.SIMULATION and buy_debit_lamports(fill) > affordable:
            raise TradeRejectedError(
                "INSUFFICIENT_BALANCE",
                f"{sol(affordable)} SOL do not cover the swap and its fees",
                available=str(sol(affordable)),
            )
        config = result.buyer.agent.config.stop_loss
        entry_price = unit_price_sol(fill.in_amount_raw, fill.out_amount_raw, decimals)
        stop = initial_stop(entry_price, config)
        context = SettlementContext(
            now=self._clock.now(),
            sol_usd=sol_usd,
            token_symbol=order.token_symbol or DEFAULT_SYMBOL,
            token_decimals=decimals,
        )
        settlement = settle_purchase(intent, fill, context, stop_loss_pct=stop.stop_pct)
        entry = self._ledger.stage(intent.wallet_address, settlement.body, settlement.postings)
        return entry, settlement.body

    def _sol_usd(self) -> Decimal | None:
        price = self._sol_price.current(self._clock.now()) or self._sol_price.latest()
        return price.price_usd if price is not None else None

    async def _record_failures(self, failed: Sequence[tuple[PurchaseResult, Intent]]) -> None:
        """Release the reservations of trades that will not happen."""
        entries: list[Entry] = []
        for result, intent in failed:
            body = TradeFailed(intent.id, result.code or "EXECUTION_FAILED", result.reason or "")
            try:
                entries.append(self._ledger.stage(intent.wallet_address, body))
            except NexgentError as error:
                log.warning("purchase.failure_not_recorded", intent_id=str(intent.id), code=error.code)
        if entries:
            await self._ledger.commit_each(entries)


def _impact_limit(result: PurchaseResult) -> Decimal | None:
    return result.buyer.agent.config.purchase_limits.max_price_impact


def _refuse_all(results: Sequence[PurchaseResult], error: Exception) -> None:
    for result in results:
        if isinstance(error, NexgentError):
            result.refuse(error.code, error.message, **error.details)
        else:
            result.refuse("EXECUTION_FAILED", "The trade could not be carried out")
