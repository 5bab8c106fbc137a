"""Buy one token for any number of agents: validate, reserve, quote, swap, book, tell the world.

A burst of paper trades shares everything that costs time: one durable write for all intents, one upstream call per size,
one durable write for all results. A live trade is signed and sent for its own wallet.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.errors import JournalUnavailableError, NotTheEngineError, StaleWalletError
from nexgent.domain.ledger.ledger import DECISION_ATTEMPTS, Ledger
from nexgent.domain.ledger.models import Entry, Intent, TradeIntended, TradeKind
from nexgent.domain.trading.errors import named
from nexgent.domain.trading.events import TradeFinished
from nexgent.domain.trading.models import Fill, Quote
from nexgent.domain.trading.orders.buy_booking import PurchaseBooking
from nexgent.domain.trading.orders.in_flight import IntentsInFlight
from nexgent.domain.trading.orders.own_time import TradeTime, counted
from nexgent.domain.trading.orders.purchase_decision import PurchaseDecisions
from nexgent.domain.trading.orders.purchases import (
    SHARE,
    Buyer,
    PurchaseOrder,
    PurchasePreview,
    PurchaseResult,
    refuse_all,
)
from nexgent.domain.trading.orders.quotes import NO_OFFERS, PurchaseOffers
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import cancel_all
from nexgent.shared.money import SOL_MINT, sol
from nexgent.shared.types import IntentId

TURNS_OF_A_QUESTION = 2
"""So many turns of the event loop it takes until a question for a quote is on its way."""


class BuyToken:
    """Buy for a burst of agents; each buyer gets its own result and no failure touches another."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        decisions: PurchaseDecisions,
        offers: PurchaseOffers,
        booking: PurchaseBooking,
        in_flight: IntentsInFlight,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._ledger = ledger
        self._decisions = decisions
        self._offers = offers
        self._booking = booking
        self._in_flight = in_flight
        self._clock = clock
        self._publish = publish

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
        todo = list(results.values())
        addresses = {buyer.intent_id: buyer.wallet.address for buyer in buyers}
        with counted(self._clock) as time, self._in_flight.hold(addresses):
            try:
                for attempt in range(DECISION_ATTEMPTS):
                    last = attempt == DECISION_ATTEMPTS - 1
                    todo = await self._try(order, todo, started, last=last)
                    if not todo:
                        break
            except Exception as error:
                await self._booking.give_up(list(results.values()), named(error))
        self._tell(list(results.values()), time)
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
                if (intent := self._decisions.decide(order, result, self._clock.now())) is not None:
                    decided[intent.id] = intent
            except NexgentError as error:
                result.refuse_for(error)
        if not decided:
            return [PurchasePreview(result) for result in results]
        willing = [result for result in results if result.buyer.intent_id in decided]
        quotes, decimals = await self._offers.fetch(
            buyers[0].wallet.mode,
            [(decided[result.buyer.intent_id], _impact_limit(result)) for result in willing],
        )
        return [self._previewed(result, quotes.get(result.buyer.intent_id), decimals) for result in results]

    def _previewed(
        self, result: PurchaseResult, offer: Quote | NexgentError | None, decimals: int | NexgentError
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
        wallet = result.buyer.wallet
        available = self._ledger.head(wallet.address).available_raw(SOL_MINT)
        return PurchasePreview(result, offer, decimals, self._offers.expected(wallet.mode, offer), available)

    async def resume(self, buyer: Buyer, intent: Intent) -> PurchaseResult:
        """Carry on with an intent that was recorded and never sent: a process died in between."""
        started = self._clock.monotonic()
        result = PurchaseResult(buyer, size_sol=sol(intent.amount_raw), begun=True, intended=True)
        order = PurchaseOrder(intent.token_address, intent.token_symbol, intent.signal_id, intent.cause)
        with counted(self._clock) as time, self._in_flight.hold({intent.id: intent.wallet_address}):
            try:
                offers = await self._offers.fetch(buyer.wallet.mode, [(intent, _impact_limit(result))])
                await self._booking.carry_out(order, [(result, intent)], offers, started)
            except Exception as error:
                await self._booking.give_up([result], named(error))
        self._tell([result], time)
        return result

    async def book_landed(self, buyer: Buyer, intent: Intent, fill: Fill) -> PurchaseResult:
        """Book a swap that turned out to have landed."""
        started = self._clock.monotonic()
        result = PurchaseResult(buyer, size_sol=sol(intent.amount_raw), begun=True, intended=True, fill=fill)
        order = PurchaseOrder(intent.token_address, intent.token_symbol, intent.signal_id, intent.cause)
        with counted(self._clock) as time, self._in_flight.hold({intent.id: intent.wallet_address}):
            decimals = await self._offers.decimals(intent.token_address)
            await self._booking.book_landed(order, result, intent, fill, decimals, started)
        self._tell([result], time)
        return result

    def _tell(self, results: Sequence[PurchaseResult], time: TradeTime) -> None:
        seconds, own_seconds = time.seconds, time.own_seconds
        ended = Counter(
            (result.position is not None, result.code)
            for result in results
            if result.intended and not result.in_doubt
        )
        for (done, code), count in ended.items():
            self._publish(TradeFinished(TradeKind.PURCHASE, done, code, seconds, own_seconds, count))

    async def _try(
        self,
        order: PurchaseOrder,
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
        wanted = [(intent, _impact_limit(result)) for result, intent, _ in staged]
        quoting = asyncio.ensure_future(self._offers.fetch(todo[0].buyer.wallet.mode, wanted))
        try:
            # The answer takes longer than the disk, so the question leaves first.
            for _ in range(TURNS_OF_A_QUESTION):
                await asyncio.sleep(0)
            failures = await self._ledger.commit_each([entry for _, _, entry in staged])
            # Who hears that nothing was written need not wait for an offer first.
            offers = await quoting if len(failures) < len(staged) else NO_OFFERS
        finally:
            await cancel_all([quoting])
        intended_ms = round((self._clock.monotonic() - started) * 1000, 3)
        durable: list[tuple[PurchaseResult, Intent]] = []
        for result, intent, entry in staged:
            failure = failures.get(entry.id)
            if isinstance(failure, StaleWalletError | NotTheEngineError):
                result.begun = False
            if isinstance(failure, StaleWalletError) and not last:
                again.append(result)
            elif failure is not None:
                refuse_all([result], failure)
            else:
                result.intended = True
                result.stages_ms["intended"] = intended_ms
                durable.append((result, intent))
        await self._booking.carry_out(order, durable, offers, started)
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
                intent = self._decisions.decide(order, result, self._clock.now())
                if intent is not None:
                    entry = self._ledger.stage(result.buyer.wallet.address, TradeIntended(intent))
                    result.begun = True
                    staged.append((result, intent, entry))
            except Exception as error:
                if isinstance(error, StaleWalletError) and not last:
                    again.append(result)
                else:
                    result.refuse_for(named(error))
            if number % SHARE == 0:
                self._ledger.begin()
                await asyncio.sleep(0)
        return staged, again


def _impact_limit(result: PurchaseResult) -> Decimal | None:
    return result.buyer.agent.config.purchase_limits.max_price_impact
