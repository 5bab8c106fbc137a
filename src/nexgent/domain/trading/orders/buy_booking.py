"""From a quote to an open position: swap, settle, make it durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.errors import StaleWalletError
from nexgent.domain.ledger.ledger import DECISION_ATTEMPTS, Ledger
from nexgent.domain.ledger.models import Entry, Intent, TradeFailed, TradeSettled
from nexgent.domain.ledger.state import WalletState
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
from nexgent.domain.trading.purchase_settlements import PurchaseSettlements
from nexgent.domain.trading.rules.stop_loss import initial_stop_pct
from nexgent.domain.trading.settlement import SettlementContext, buy_debit_lamports
from nexgent.domain.trading.venues import SwapVenues
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT, plain, sol
from nexgent.shared.structs import as_struct

log = structlog.get_logger(__name__)

Durable = tuple[PurchaseResult, Intent]
"""A purchase whose intent is in the journal."""


@as_struct
@dataclass(frozen=True, slots=True)
class _Booked:
    """A fill whose settlement is staged."""

    result: PurchaseResult
    intent: Intent
    fill: Fill
    entry: Entry
    body: TradeSettled


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
        sol_usd = self._sol_usd()
        booked = await self._settle(result, intent, fill, self._settlements(order, decimals, sol_usd))
        await self._record_failures(await self._conclude(order, [booked], decimals, sol_usd, started))

    async def _swap_all(
        self,
        order: PurchaseOrder,
        swaps: Sequence[tuple[PurchaseResult, Intent, Quote]],
        decimals: int,
        started: float,
    ) -> list[Durable]:
        """Swap, settle and book; return those that failed after their intent was durable."""
        venue = self._venues.of_mode(swaps[0][0].buyer.wallet.mode)
        execution = SwapExecution(self._ledger, venue)
        failed: list[Durable] = []
        shares: list[list[_Booked]] = []
        quoted_ms = round((self._clock.monotonic() - started) * 1000, 3)
        sol_usd = self._sol_usd()
        try:
            for first in range(0, len(swaps), SHARE):
                booked: list[_Booked] = []
                shares.append(booked)
                settlements: PurchaseSettlements | None = None
                outcome: Fill | Refusal | None = None
                filled: Quote | None = None
                for result, intent, quote in swaps[first : first + SHARE]:
                    result.stages_ms["quoted"] = quoted_ms
                    # On paper an offer is filled as it stands, whoever takes it.
                    if venue.live or quote is not filled or not isinstance(outcome, Fill):
                        outcome, filled = await execution.run(intent, quote), quote
                    if isinstance(outcome, Refusal):
                        result.refuse(outcome.code, outcome.reason)
                        result.failed = outcome.recorded
                        if not (outcome.recorded or outcome.in_doubt):
                            failed.append((result, intent))
                        continue
                    if settlements is None or venue.live:
                        # On paper a share fills at one moment, which is shown in each of its positions.
                        settlements = self._settlements(order, decimals, sol_usd)
                    try:
                        booked.append(await self._settle(result, intent, outcome, settlements))
                    except Exception as error:
                        if self._is_failed(result, intent, outcome, error):
                            failed.append((result, intent))
                        continue
                    result.fill = outcome
                # The journal writes this share while the next one is settled.
                self._ledger.begin()
                await asyncio.sleep(0)
        finally:
            for booked in shares:
                failed += await self._conclude(order, booked, decimals, sol_usd, started)
        return failed

    async def give_up(self, results: Sequence[PurchaseResult], error: NexgentError) -> None:
        """End purchases that an error has interrupted: failed where it is recorded that nothing was sent, in doubt elsewhere."""
        interrupted = [result for result in results if result.position is None and not result.failed]
        for result in interrupted:
            if result.code is None:
                result.refuse_for(error)
        await self._record_unsent([result for result in interrupted if result.begun])

    @staticmethod
    def _is_failed(result: PurchaseResult, intent: Intent, fill: Fill, cause: Exception) -> bool:
        """Note why a fill could not be settled; tell whether the trade has failed."""
        error = named(cause)
        result.refuse_for(error)
        if fill.signature is None:
            return True
        # It landed: whatever keeps it from being booked now, it is not a failed trade. Recovery tries again.
        log.error("purchase.landed_not_booked", intent_id=str(intent.id), code=error.code)
        return False

    async def _conclude(
        self,
        order: PurchaseOrder,
        booked: Sequence[_Booked],
        decimals: int,
        sol_usd: Decimal | None,
        started: float,
    ) -> list[Durable]:
        """Wait until settlements are durable and note the positions they opened; return those that failed after all.

        What another process has overtaken is settled anew on the wallet as it is now.
        """
        failed: list[Durable] = []
        todo = list(booked)
        for left in reversed(range(DECISION_ATTEMPTS)):
            failures = await self._ledger.commit_each([one.entry for one in todo])
            recorded_ms = round((self._clock.monotonic() - started) * 1000, 3)
            again: list[_Booked] = []
            for one in todo:
                failure = failures.get(one.entry.id)
                if failure is None:
                    one.result.stages_ms["recorded"] = recorded_ms
                    one.result.settled, one.result.position = one.body, one.body.position
                elif isinstance(failure, StaleWalletError) and left:
                    again.append(one)
                else:
                    # The intent is durable and its outcome is not: recovery finishes it as soon as the journal is back.
                    refuse_all([one.result], failure)
            todo = []
            for one in again:
                try:
                    settlements = self._settlements(order, decimals, sol_usd)
                    todo.append(await self._settle(one.result, one.intent, one.fill, settlements))
                except Exception as error:
                    if self._is_failed(one.result, one.intent, one.fill, error):
                        failed.append((one.result, one.intent))
            if not todo:
                break
        return failed

    async def _settle(
        self, result: PurchaseResult, intent: Intent, fill: Fill, settlements: PurchaseSettlements
    ) -> _Booked:
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
        stop_pct = initial_stop_pct(result.buyer.agent.config.stop_loss)
        settlement = settlements.settle(intent, fill, stop_loss_pct=stop_pct)
        entry = self._ledger.stage(intent.wallet_address, settlement.body, settlement.postings)
        return _Booked(result, intent, fill, entry, settlement.body)

    def _settlements(
        self, order: PurchaseOrder, decimals: int, sol_usd: Decimal | None
    ) -> PurchaseSettlements:
        """Return who settles purchases that fill now."""
        return PurchaseSettlements(
            SettlementContext(
                now=self._clock.now(),
                sol_usd=sol_usd,
                token_symbol=order.token_symbol or DEFAULT_SYMBOL,
                token_decimals=decimals,
            )
        )

    def _sol_usd(self) -> Decimal | None:
        return newest_sol_usd(self._sol_price, self._clock.now())

    async def _record_failures(self, failed: Sequence[Durable]) -> None:
        """Release the reservations of trades that will not happen.

        What cannot be recorded stays in doubt: recovery finds an intent that may still be carried out.
        """
        intents = {result.buyer.intent_id: intent for result, intent in failed}

        def still_open(result: PurchaseResult, _: WalletState) -> Intent | None:
            return intents[result.buyer.intent_id]

        await self._record([result for result, _ in failed], still_open)

    async def _record_unsent(self, interrupted: Sequence[PurchaseResult]) -> None:
        """Record as failed what the journal holds as open and nothing was sent for.

        What else there is, a swap or a settlement that may just be written, is not a failure.
        """

        def unsent(result: PurchaseResult, state: WalletState) -> Intent | None:
            known = state.intents.get(result.buyer.intent_id)
            return known.intent if known is not None and known.submission is None else None

        await self._record(interrupted, unsent)

    async def _record(
        self, failed: Sequence[PurchaseResult], of: Callable[[PurchaseResult, WalletState], Intent | None]
    ) -> None:
        todo = list(failed)
        for left in reversed(range(DECISION_ATTEMPTS)):
            staged: list[tuple[PurchaseResult, Entry]] = []
            for result in todo:
                try:
                    state = await self._ledger.fresh(result.buyer.wallet.address)
                    if (intent := of(result, state)) is not None:
                        body = TradeFailed(intent.id, result.code or "EXECUTION_FAILED", result.reason or "")
                        staged.append((result, self._ledger.stage(state.wallet_address, body)))
                except Exception as error:
                    self._leave_open(result, error)
            todo = []
            failures = await self._ledger.commit_each([entry for _, entry in staged]) if staged else {}
            for result, entry in staged:
                failure = failures.get(entry.id)
                if failure is None:
                    result.failed = True
                elif isinstance(failure, StaleWalletError) and left:
                    todo.append(result)
                else:
                    self._leave_open(result, failure)
            if not todo:
                return

    @staticmethod
    def _leave_open(result: PurchaseResult, error: Exception) -> None:
        code = named(error).code
        log.warning(
            "purchase.failure_not_recorded",
            intent_id=str(result.buyer.intent_id),
            failure=result.code,
            code=code,
        )
