"""From a quote to an open position: swap, settle, make it durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import structlog

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Entry, Intent, TradeFailed, TradeSettled
from nexgent.domain.prices.ports import SolPriceFeed, newest_sol_usd
from nexgent.domain.trading.errors import TradeRejectedError, named
from nexgent.domain.trading.models import Fill, Quote
from nexgent.domain.trading.orders.purchases import (
    DEFAULT_SYMBOL,
    SHARE,
    PurchaseOrder,
    PurchaseResult,
    refuse_all,
)
from nexgent.domain.trading.orders.quotes import Offers
from nexgent.domain.trading.orders.swap_execution import Refusal, SwapExecution
from nexgent.domain.trading.rules.stop_loss import initial_stop
from nexgent.domain.trading.settlement import SettlementContext, buy_debit_lamports, settle_purchase
from nexgent.domain.trading.venues import SwapVenues
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT, plain, sol, unit_price_sol

log = structlog.get_logger(__name__)

Durable = tuple[PurchaseResult, Intent]
"""A purchase whose intent is in the journal."""
_Booked = tuple[PurchaseResult, Entry, TradeSettled]


class PurchaseBooking:
    """Carries out purchases whose intents are durable. Each ends with its own result; no failure touches another."""

    def __init__(self, *, ledger: Ledger, venues: SwapVenues, sol_price: SolPriceFeed, clock: Clock) -> None:
        self._ledger = ledger
        self._venues = venues
        self._sol_price = sol_price
        self._clock = clock

    async def carry_out(
        self, order: PurchaseOrder, durable: Sequence[Durable], offers: Offers, started: float
    ) -> None:
        """Swap what got a quote; record as failed what got none, or whose swap certainly did not happen."""
        swaps: list[tuple[PurchaseResult, Intent, Quote]] = []
        failed: list[Durable] = []
        decimals = offers.decimals
        for result, intent in durable:
            offer = offers.quotes[intent.id]
            problem = decimals if isinstance(decimals, NexgentError) else offer
            if isinstance(problem, NexgentError):
                result.refuse_for(problem)
                failed.append((result, intent))
            elif isinstance(offer, Quote):
                swaps.append((result, intent, offer))
        if isinstance(decimals, int) and swaps:
            failed += await self._swap_all(order, swaps, decimals, started)
        await self._record_failures(failed)

    async def book_landed(
        self,
        order: PurchaseOrder,
        result: PurchaseResult,
        intent: Intent,
        fill: Fill,
        decimals: int,
        started: float,
    ) -> None:
        """Book a swap that turned out to have landed. Raises what keeps it from being settled."""
        entry, body = await self._settle(order, result, intent, fill, decimals, self._sol_usd())
        await self._conclude([(result, entry, body)], started)

    async def _swap_all(
        self,
        order: PurchaseOrder,
        swaps: Sequence[tuple[PurchaseResult, Intent, Quote]],
        decimals: int,
        started: float,
    ) -> list[Durable]:
        """Swap, settle and book; return those that failed after their intent was durable."""
        execution = SwapExecution(self._ledger, self._venues.of_mode(swaps[0][0].buyer.wallet.mode))
        failed: list[Durable] = []
        shares: list[list[_Booked]] = []
        quoted_ms = round((self._clock.monotonic() - started) * 1000, 3)
        sol_usd = self._sol_usd()
        try:
            for first in range(0, len(swaps), SHARE):
                booked: list[_Booked] = []
                shares.append(booked)
                for result, intent, quote in swaps[first : first + SHARE]:
                    result.stages_ms["quoted"] = quoted_ms
                    outcome = await execution.run(intent, quote)
                    if isinstance(outcome, Refusal):
                        result.refuse(outcome.code, outcome.reason)
                        result.in_doubt = outcome.in_doubt
                        if not (outcome.recorded or outcome.in_doubt):
                            failed.append((result, intent))
                        continue
                    try:
                        entry, body = await self._settle(order, result, intent, outcome, decimals, sol_usd)
                    except Exception as error:
                        if self._is_failed(result, intent, outcome, error):
                            failed.append((result, intent))
                        continue
                    result.fill = outcome
                    booked.append((result, entry, body))
                # The journal writes this share while the next one is settled.
                self._ledger.begin()
                if first + SHARE < len(swaps):
                    await asyncio.sleep(0)
        finally:
            for booked in shares:
                await self._conclude(booked, started)
        return failed

    async def give_up(self, results: Sequence[PurchaseResult], error: NexgentError) -> None:
        """End purchases that an error has interrupted: failed where nothing was sent, in doubt where something was."""
        unsent: list[Durable] = []
        for result in results:
            if result.position is not None or result.code is not None:
                continue
            result.refuse_for(error)
            wallet = result.buyer.wallet.address
            state = self._ledger.head(wallet) if self._ledger.knows(wallet) else None
            current = state.intents.get(result.buyer.intent_id) if state is not None else None
            if current is None:
                continue
            if current.submission is not None:
                result.in_doubt = True
            else:
                unsent.append((result, current.intent))
        await self._record_failures(unsent)

    @staticmethod
    def _is_failed(result: PurchaseResult, intent: Intent, fill: Fill, cause: Exception) -> bool:
        """Note why a fill could not be settled; tell whether the trade has failed."""
        error = named(cause)
        result.refuse_for(error)
        if fill.signature is None:
            return True
        # It landed: whatever keeps it from being booked now, it is not a failed trade. Recovery tries again.
        log.error("purchase.landed_not_booked", intent_id=str(intent.id), code=error.code)
        result.in_doubt = True
        return False

    async def _conclude(self, booked: Sequence[_Booked], started: float) -> None:
        """Wait until settlements are durable and note the positions they opened."""
        failures = await self._ledger.commit_each([entry for _, entry, _ in booked])
        recorded_ms = round((self._clock.monotonic() - started) * 1000, 3)
        for result, entry, body in booked:
            failure = failures.get(entry.id)
            if failure is not None:
                # The intent is durable and its outcome is not: recovery finishes it as soon as the journal is back.
                result.in_doubt = True
                refuse_all([result], failure)
                continue
            result.stages_ms["recorded"] = recorded_ms
            result.settled, result.position = body, body.position

    async def _settle(
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
        # Another process may have written to the wallet since the intent, a deposit for instance, or only told of old news.
        state = await self._ledger.fresh(intent.wallet_address)
        affordable = state.available_raw(SOL_MINT) + intent.reserved_raw
        if result.buyer.wallet.mode is TradingMode.SIMULATION and buy_debit_lamports(fill) > affordable:
            raise TradeRejectedError(
                "INSUFFICIENT_BALANCE",
                f"{plain(sol(affordable))} SOL do not cover the swap and its fees",
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
        return newest_sol_usd(self._sol_price, self._clock.now())

    async def _record_failures(self, failed: Sequence[Durable]) -> None:
        """Release the reservations of trades that will not happen.

        What cannot be recorded is in doubt: recovery finds an intent that may still be carried out.
        """
        staged: list[tuple[PurchaseResult, Entry]] = []
        for result, intent in failed:
            body = TradeFailed(intent.id, result.code or "EXECUTION_FAILED", result.reason or "")
            try:
                await self._ledger.fresh(intent.wallet_address)
                staged.append((result, self._ledger.stage(intent.wallet_address, body)))
            except Exception as error:
                self._leave_open(result, error)
        if staged:
            failures = await self._ledger.commit_each([entry for _, entry in staged])
            for result, entry in staged:
                if entry.id in failures:
                    self._leave_open(result, failures[entry.id])

    @staticmethod
    def _leave_open(result: PurchaseResult, error: Exception) -> None:
        result.in_doubt = True
        code = named(error).code
        log.warning(
            "purchase.failure_not_recorded",
            intent_id=str(result.buyer.intent_id),
            failure=result.code,
            code=code,
        )
