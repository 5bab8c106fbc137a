"""Buy one token for any number of agents: validate, reserve, quote, swap, book, tell the world.

A burst of paper trades shares everything that costs time: one durable write for all intents, one upstream call per size,
one durable write for all results. A live trade is signed and sent for its own wallet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.errors import JournalUnavailableError, StaleWalletError
from nexgent.domain.ledger.ledger import DECISION_ATTEMPTS, Ledger
from nexgent.domain.ledger.models import Entry, Intent, TradeIntended, TradeKind
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.trading.errors import WalletNotLoadedError, named
from nexgent.domain.trading.events import TradeFinished
from nexgent.domain.trading.models import Fill, Quote
from nexgent.domain.trading.orders.buy_booking import PurchaseBooking
from nexgent.domain.trading.orders.in_flight import IntentsInFlight
from nexgent.domain.trading.orders.purchases import (
    DEFAULT_SYMBOL,
    SHARE,
    Buyer,
    EntryGuard,
    PurchaseOrder,
    PurchasePreview,
    PurchaseResult,
    refuse_all,
)
from nexgent.domain.trading.orders.quotes import PurchaseQuotes
from nexgent.domain.trading.ports import TokenDecimals, WalletKeys
from nexgent.domain.trading.rules.purchase_validation import PurchaseFacts, PurchaseRefused, validate_purchase
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT, lamports, sol
from nexgent.shared.types import AgentId, IntentId, TokenAddress


class BuyToken:
    """Buy for a burst of agents; each buyer gets its own result and no failure touches another."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        venues: SwapVenues,
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
        current: Callable[[AgentId], Agent | None] | None = None,
    ) -> None:
        """`current` gives an agent as it is at the instant of the decision: mode and rules may have changed since somebody
        asked for the purchase, and a mode that was switched off must not buy any more."""
        self._current = current
        self._ledger = ledger
        self._venues = venues
        self._decimals = decimals
        self._keys = keys
        self._clock = clock
        self._publish = publish
        self._random_unit = random_unit
        self._fee_reserve_lamports = fee_reserve_lamports
        self._in_flight = in_flight
        self._guard = guard
        self._is_doubtful = is_doubtful
        self._booking = PurchaseBooking(ledger=ledger, sol_price=sol_price, clock=clock)

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
        venue = self._venues.of_mode(buyers[0].wallet.mode)
        todo = list(results.values())
        with self._in_flight.hold({buyer.intent_id: buyer.wallet.address for buyer in buyers}):
            try:
                for attempt in range(DECISION_ATTEMPTS):
                    last = attempt == DECISION_ATTEMPTS - 1
                    todo = await self._try(order, venue, todo, started, last=last)
                    if not todo:
                        break
            except Exception as error:
                await self._booking.give_up(list(results.values()), named(error))
        self._tell(list(results.values()), started)
        return list(results.values())

    async def preview(self, order: PurchaseOrder, buyers: Sequence[Buyer]) -> list[PurchasePreview]:
        """Decide and ask for quotes as `execute` would; nothing is reserved, recorded or sent."""
        groups = [
            [buyer for buyer in buyers if buyer.wallet.mode is TradingMode.SIMULATION],
            *([buyer] for buyer in buyers if buyer.wallet.mode is TradingMode.LIVE),
        ]
        previews = await asyncio.gather(*(self._preview(order, group) for group in groups if group))
        return [preview for group in previews for preview in group]

    async def _preview(self, order: PurchaseOrder, buyers: Sequence[Buyer]) -> list[PurchasePreview]:
        results = [PurchaseResult(buyer) for buyer in buyers]
        try:
            await self._ledger.refresh([buyer.wallet.address for buyer in buyers])
        except JournalUnavailableError as error:
            refuse_all(results, error)
            return [PurchasePreview(result) for result in results]
        decided: dict[IntentId, Intent] = {}
        for result in results:
            try:
                if (intent := self._decide(order, result)) is not None:
                    decided[intent.id] = intent
            except NexgentError as error:
                result.refuse_for(error)
        if not decided:
            return [PurchasePreview(result) for result in results]
        willing = [result for result in results if result.buyer.intent_id in decided]
        offers, decimals = await asyncio.gather(
            PurchaseQuotes(self._venues.of_mode(buyers[0].wallet.mode)).fetch(
                [(decided[result.buyer.intent_id], _impact_limit(result)) for result in willing]
            ),
            self._read_decimals(order.token_address),
        )
        return [_previewed(result, offers.get(result.buyer.intent_id), decimals) for result in results]

    async def resume(self, buyer: Buyer, intent: Intent) -> PurchaseResult:
        """Carry on with an intent that was recorded and never sent: a process died in between."""
        started = self._clock.monotonic()
        result = PurchaseResult(buyer, size_sol=sol(intent.amount_raw), intended=True)
        venue = self._venues.of_mode(buyer.wallet.mode)
        order = PurchaseOrder(intent.token_address, intent.token_symbol, intent.signal_id, intent.cause)
        with self._in_flight.hold({intent.id: intent.wallet_address}):
            quotes = PurchaseQuotes(venue)
            try:
                offers, decimals = await asyncio.gather(
                    quotes.fetch([(intent, _impact_limit(result))]), self._read_decimals(order.token_address)
                )
                await self._booking.carry_out(order, venue, [(result, intent)], offers, decimals, started)
            except Exception as error:
                await self._booking.give_up([result], named(error))
        self._tell([result], started)
        return result

    async def book_landed(self, buyer: Buyer, intent: Intent, fill: Fill) -> PurchaseResult:
        """Book a swap that turned out to have landed."""
        started = self._clock.monotonic()
        result = PurchaseResult(buyer, size_sol=sol(intent.amount_raw), intended=True, fill=fill)
        order = PurchaseOrder(intent.token_address, intent.token_symbol, intent.signal_id, intent.cause)
        with self._in_flight.hold({intent.id: intent.wallet_address}):
            decimals = await self._decimals.decimals(intent.token_address)
            await self._booking.book_landed(order, result, intent, fill, decimals, started)
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
        venue: Venue,
        todo: Sequence[PurchaseResult],
        started: float,
        *,
        last: bool,
    ) -> list[PurchaseResult]:
        """Take one decision for each; return those whose wallet changed under it and that have to decide again."""
        try:
            await self._ledger.refresh([result.buyer.wallet.address for result in todo])
        except Exception as error:
            refuse_all(todo, named(error))
            return []
        staged, again = await self._stage_all(order, todo, last=last)
        if not staged:
            return again
        # A quote moves no money, so it may be asked for while the intents become durable. Nothing is sent before they are.
        quotes = PurchaseQuotes(venue)
        failures, offers, decimals = await asyncio.gather(
            self._ledger.commit_each([entry for _, _, entry in staged]),
            quotes.fetch([(intent, _impact_limit(result)) for result, intent, _ in staged]),
            self._read_decimals(order.token_address),
        )
        intended_ms = (self._clock.monotonic() - started) * 1000
        durable: list[tuple[PurchaseResult, Intent]] = []
        for result, intent, entry in staged:
            failure = failures.get(entry.id)
            if isinstance(failure, StaleWalletError) and not last:
                again.append(result)
            elif failure is not None:
                refuse_all([result], failure)
            else:
                result.intended = True
                result.stages_ms["intended"] = round(intended_ms, 3)
                durable.append((result, intent))
        await self._booking.carry_out(order, venue, durable, offers, decimals, started)
        return again

    async def _stage_all(
        self, order: PurchaseOrder, todo: Sequence[PurchaseResult], *, last: bool
    ) -> tuple[list[tuple[PurchaseResult, Intent, Entry]], list[PurchaseResult]]:
        """Put an intent in line for each that may buy; the journal writes one share while the next one is decided.

        Also returns those whose wallet was changed by somebody else meanwhile.
        """
        staged: list[tuple[PurchaseResult, Intent, Entry]] = []
        again: list[PurchaseResult] = []
        for number, result in enumerate(todo, 1):
            try:
                intent = self._decide(order, result)
                if intent is not None:
                    entry = self._ledger.stage(result.buyer.wallet.address, TradeIntended(intent))
                    staged.append((result, intent, entry))
            except Exception as error:
                if isinstance(error, StaleWalletError) and not last:
                    again.append(result)
                else:
                    result.refuse_for(named(error))
            if number % SHARE == 0 and number < len(todo):
                self._ledger.begin()
                await asyncio.sleep(0)
        return staged, again

    def _decide(self, order: PurchaseOrder, result: PurchaseResult) -> Intent | None:
        """Validate against what is available right now and return what to reserve, or note the refusal."""
        wallet = result.buyer.wallet
        agent = self._current(result.buyer.agent.id) if self._current is not None else result.buyer.agent
        if agent is None or agent.wallet(wallet.address) is None:
            result.refuse("WALLET_NOT_FOUND", "the agent or its wallet has been removed meanwhile")
            return None
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
        if isinstance(verdict, PurchaseRefused) and verdict.code == WalletNotLoadedError.code:
            error = self._keys.refusal(wallet.address)
            result.refuse(error.code, error.message)
            return None
        if isinstance(verdict, PurchaseRefused):
            details: dict[str, object] = {"cause": verdict.cause} if verdict.cause else {}
            result.refuse(verdict.code, verdict.message, details)
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
        except Exception as error:
            return named(error)


def _impact_limit(result: PurchaseResult) -> Decimal | None:
    return result.buyer.agent.config.purchase_limits.max_price_impact


def _previewed(
    result: PurchaseResult, offer: Quote | NexgentError | None, decimals: int | NexgentError
) -> PurchasePreview:
    """Return what would become of a buyer with that offer; None was refused before."""
    if offer is None:
        return PurchasePreview(result)
    problem = decimals if isinstance(decimals, NexgentError) else offer
    if isinstance(problem, NexgentError):
        result.refuse_for(problem)
        return PurchasePreview(result)
    assert isinstance(offer, Quote)
    assert isinstance(decimals, int)
    result.size_sol = sol(offer.in_amount_raw)
    return PurchasePreview(result, offer, decimals)
