"""Transactions of our own that take deposits back: durable before they are sent, ended by what the chain says.

Each is an intent with its signed bytes. One that a crash, or a chain that does not answer, has left open is ended by `finish`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import (
    Account,
    Intent,
    RentReclaimed,
    Submission,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSubmitted,
)
from nexgent.domain.ledger.postings import SOL
from nexgent.domain.ledger.state import OpenIntent, WalletState
from nexgent.domain.prices.ports import SolPriceFeed, newest_sol_usd
from nexgent.domain.reconciliation.entries import Prices
from nexgent.domain.reconciliation.errors import RentFailedError, RentInDoubtError, WalletMovingError
from nexgent.domain.reconciliation.models import Movement
from nexgent.domain.reconciliation.ports import RentChain
from nexgent.domain.reconciliation.rent_report import RentAccount
from nexgent.domain.trading.errors import named
from nexgent.domain.trading.models import NeverLanded
from nexgent.domain.trading.orders.in_flight import IntentsInFlight
from nexgent.domain.trading.settlement import transaction_id_for
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.clock import Clock
from nexgent.shared.ids import derived_id
from nexgent.shared.money import SOL_MINT, SOL_SYMBOL, sol
from nexgent.shared.types import IntentId, WalletAddress

log = structlog.get_logger(__name__)

FEE_LAMPORTS = 5_000
"""What a transaction with one signature costs."""
LOOK_UP_PAUSES_SECONDS = (0.2, 0.4, 0.8, 1.5, 3.0)


class RentTransactions:
    """Sends them, and brings every one to its end."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        rent: RentChain,
        in_flight: IntentsInFlight,
        sol_price: SolPriceFeed,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._rent = rent
        self._in_flight = in_flight
        self._sol_price = sol_price
        self._clock = clock
        self._pause = pause

    async def send(self, address: WalletAddress, accounts: Sequence[RentAccount]) -> tuple[Intent, Movement]:
        """Take back what can be had of some accounts; return the intent that is booked, and what it moved.

        Raises `WalletMovingError` while trades move the wallet, `WalletNotLoadedError`, `RentInDoubtError` (sent, outcome not
        known yet), `RentFailedError`.
        """
        close = [one.account for one in accounts if one.closes]
        trim = [one.account for one in accounts if not one.closes]
        submission = await self._rent.prepare(address, close, trim)
        state = self._ledger.head(address)
        if state.intents:
            raise WalletMovingError(address)
        intent = self._intent(state)
        with self._in_flight.hold({intent.id: address}):
            lines = (TradeIntended(intent), TradeSubmitted(intent.id, submission))
            await self._ledger.commit(*[self._ledger.stage(address, body) for body in lines])
            log.info("rent.sending", wallet_address=address, accounts=len(accounts))
            try:
                await self._rent.send(submission)
            except Exception as error:
                # It may have been accepted all the same: only the chain can tell.
                log.warning("rent.unknown", wallet_address=address, code=named(error).code)
            return intent, await self._landed(intent, submission)

    async def finish(self) -> int:
        """End what was left open; return how many intents were ended."""
        ended = 0
        for state in self._ledger.unfinished():
            if not self._ledger.share.acts_for(state.agent_id):
                continue
            for open_intent in state.intents.values():
                intent = open_intent.intent
                if intent.kind is TradeKind.RENT and intent.id not in self._in_flight:
                    ended += await self._try_to_finish(open_intent)
        return ended

    async def _landed(self, intent: Intent, submission: Submission) -> Movement:
        for pause in LOOK_UP_PAUSES_SECONDS:
            await self._pause(pause)
            try:
                movement = await self._end(intent, submission)
            except RentFailedError:
                raise
            except Exception as error:
                log.info("rent.not_known_yet", intent_id=str(intent.id), code=named(error).code)
                continue
            if movement is not None:
                return movement
        raise RentInDoubtError

    async def _try_to_finish(self, open_intent: OpenIntent) -> bool:
        intent = open_intent.intent
        try:
            if open_intent.submission is not None:
                return await self._end(intent, open_intent.submission) is not None
            body = TradeFailed(intent.id, "INTERRUPTED", "The process stopped before it was sent")
            await self._ledger.commit(self._ledger.stage(intent.wallet_address, body))
        except RentFailedError:
            return True
        except Exception as error:
            log.warning("rent.postponed", intent_id=str(intent.id), code=named(error).code)
            return False
        return True

    async def _end(self, intent: Intent, submission: Submission) -> Movement | None:
        """Book what became of a transaction; None while nobody can say. One that failed, or never landed, is raised."""
        wallet = intent.wallet_address
        outcome = await self._rent.outcome(submission, wallet)
        if isinstance(outcome, NeverLanded):
            await self._ledger.commit(self._ledger.stage(wallet, TradeExpired(intent.id, outcome.reason)))
            raise RentFailedError(outcome.reason)
        if not isinstance(outcome, Movement):
            return None
        fee, change = outcome.network_fee_lamports, outcome.change(SOL_MINT)
        if outcome.failed:
            failed = TradeFailed(intent.id, "RENT_FAILED", "The transaction failed on the chain")
            postings = (SOL.posting(Account.WALLET, -fee), SOL.posting(Account.NETWORK_FEE, fee))
            await self._ledger.commit(self._ledger.stage(wallet, failed, postings))
            raise RentFailedError(failed.reason)
        now = outcome.at or self._clock.now()
        body = RentReclaimed(intent.id, self._record(intent, outcome, now))
        lines = [
            SOL.posting(Account.WALLET, change),
            SOL.posting(Account.RENT, -(change + fee)),
            SOL.posting(Account.NETWORK_FEE, fee),
        ]
        await self._ledger.commit(self._ledger.stage(wallet, body, [one for one in lines if one.amount_raw]))
        log.info("rent.reclaimed", wallet_address=wallet, lamports=change + fee)
        return outcome

    def _intent(self, state: WalletState) -> Intent:
        return Intent(
            id=IntentId(derived_id("rent", state.wallet_address, state.seq + 1)),
            kind=TradeKind.RENT,
            agent_id=state.agent_id,
            wallet_address=state.wallet_address,
            token_address=SOL_MINT,
            token_symbol=SOL_SYMBOL,
            input_mint=SOL_MINT,
            amount_raw=0,
            reserved_raw=min(FEE_LAMPORTS, state.available_raw(SOL_MINT)),
            cause=TradeKind.RENT.value,
            signal_id=None,
            position_id=None,
            generation=0,
            created_at=self._clock.now(),
        )

    def _record(self, intent: Intent, movement: Movement, now: datetime) -> TransactionRecord:
        change = movement.change(SOL_MINT)
        prices = Prices(now=now, sol_usd=newest_sol_usd(self._sol_price, self._clock.now()))
        return TransactionRecord(
            id=transaction_id_for(intent),
            agent_id=intent.agent_id,
            wallet_address=intent.wallet_address,
            type=TransactionType.DEPOSIT if change >= 0 else TransactionType.BURN,
            value_usd=prices.usd(abs(change)),
            time=now,
            input_mint=SOL_MINT,
            input_symbol=SOL_SYMBOL,
            input_amount=sol(abs(change)),
            input_price=prices.sol_usd,
            destination_address=intent.wallet_address,
            transaction_hash=movement.signature,
            network_fee_sol=sol(movement.network_fee_lamports),
        )
