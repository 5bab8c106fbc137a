"""Deposits of token accounts that can be had back: shown, and taken back by a transaction of our own.

The transaction is durable before it is sent, as an intent with its signed bytes; what became of it the chain decides. An intent
that a crash, or a chain that does not answer, has left open is ended by `finish`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from nexgent.domain.agents.directory import AgentDirectory
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
from nexgent.domain.ledger.state import OpenIntent, WalletState
from nexgent.domain.prices.ports import SolPriceFeed, newest_sol_usd
from nexgent.domain.reconciliation.entries import Prices
from nexgent.domain.reconciliation.errors import (
    NothingToReclaimError,
    RentFailedError,
    RentInDoubtError,
    WalletMovingError,
)
from nexgent.domain.reconciliation.live_wallet import agent_of_live_wallet
from nexgent.domain.reconciliation.models import ChainSnapshot, Movement, TokenAccount
from nexgent.domain.reconciliation.ports import RentChain, WalletChain
from nexgent.domain.reconciliation.reconcile_wallet import WalletReport
from nexgent.domain.trading.errors import named
from nexgent.domain.trading.models import NeverLanded
from nexgent.domain.trading.orders.in_flight import IntentsInFlight
from nexgent.domain.trading.ports import WalletKeys
from nexgent.domain.trading.settlement import transaction_id_for
from nexgent.domain.trading.swap_postings import SOL
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.clock import Clock
from nexgent.shared.ids import derived_id
from nexgent.shared.loops import TaskSet
from nexgent.shared.money import SOL_MINT, SOL_SYMBOL, sol
from nexgent.shared.types import IntentId, TransactionId, UserId, WalletAddress

log = structlog.get_logger(__name__)

FEE_LAMPORTS = 5_000
"""What a transaction with one signature costs."""
MOST_ACCOUNTS = 15
"""So many accounts fit into one transaction with room to spare."""
LOOK_UP_PAUSES_SECONDS = (0.2, 0.4, 0.8, 1.5, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RentAccount:
    """A token account and what of its deposit can be had back: all of an empty one, the excess of another."""

    account: TokenAccount
    reclaimable_lamports: int
    closes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RentReport:
    """The token accounts of a wallet, and what is locked in them."""

    wallet_address: WalletAddress
    accounts: tuple[RentAccount, ...]

    @property
    def locked_lamports(self) -> int:
        """Return the deposits of all accounts."""
        return sum(
            one.account.lamports - (one.account.amount_raw if one.account.mint == SOL_MINT else 0)
            for one in self.accounts
        )

    @property
    def reclaimable_lamports(self) -> int:
        """Return what can be had back."""
        return sum(one.reclaimable_lamports for one in self.accounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaimed:
    """What was taken back, before the fee of the transaction that did it."""

    transaction_id: TransactionId
    signature: str
    accounts: tuple[RentAccount, ...]
    lamports: int
    fee_lamports: int
    left: int
    """How many accounts are left for another transaction."""


class ReclaimRent:
    """For live wallets that can sign."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        chain: WalletChain,
        rent: RentChain,
        keys: WalletKeys,
        in_flight: IntentsInFlight,
        sol_price: SolPriceFeed,
        clock: Clock,
        after_exits: bool,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """With `after_exits`, empty accounts are closed by themselves once a wallet is found to agree with the chain."""
        self._directory = directory
        self._ledger = ledger
        self._chain = chain
        self._rent = rent
        self._keys = keys
        self._in_flight = in_flight
        self._sol_price = sol_price
        self._clock = clock
        self._after_exits = after_exits
        self._pause = pause
        self._running = TaskSet("rent")

    async def show(self, address: WalletAddress, user_id: UserId) -> RentReport:
        """Return what is locked in a wallet's token accounts.

        Raises as `agent_of_live_wallet` does, `UpstreamError`, `UnavailableError`.
        """
        agent_of_live_wallet(self._directory, address, user_id)
        state = await self._ledger.fresh(address)
        return await self._report(state, await self._chain.snapshot(address))

    async def reclaim(self, address: WalletAddress, user_id: UserId) -> Reclaimed:
        """Take back what can be had; return what was booked.

        What has begun goes on to its end, whether or not whoever asked is still there. Raises as `show` does,
        `NothingToReclaimError`, `WalletMovingError` while trades move the wallet, `WalletNotLoadedError`, `RentInDoubtError`
        (sent, outcome not known yet; it is booked as soon as it is), `RentFailedError`.
        """
        agent_of_live_wallet(self._directory, address, user_id)
        return await self._running.finish(self._reclaim(address), name=f"rent:{address}")

    async def after(self, report: WalletReport) -> None:
        """Close the empty accounts of a wallet that agrees with the chain, where the settings say so."""
        if not self._after_exits or not self._keys.is_loaded(report.wallet_address):
            return
        state = await self._ledger.fresh(report.wallet_address)
        if any(_is_empty(account, state) for account in report.snapshot.accounts):
            await self._running.finish(
                self._reclaim(report.wallet_address), name=f"rent:{report.wallet_address}"
            )

    async def finish(self) -> int:
        """End what was left open; return how many intents were ended."""
        ended = 0
        for state in self._ledger.unfinished():
            for open_intent in state.intents.values():
                intent = open_intent.intent
                if intent.kind is TradeKind.RENT and intent.id not in self._in_flight:
                    ended += await self._try_to_finish(open_intent)
        return ended

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for transactions under way, at most so long; return how many were left, for `finish` to end."""
        return await self._running.drain(timeout_seconds)

    async def _reclaim(self, address: WalletAddress) -> Reclaimed:
        if not self._keys.is_loaded(address):
            raise self._keys.refusal(address)
        before = await self._ledger.fresh(address)
        snapshot = await self._chain.snapshot(address)
        report = await self._report(before, snapshot)
        found = [one for one in report.accounts if one.reclaimable_lamports]
        chosen = tuple(found[:MOST_ACCOUNTS])
        if sum(one.reclaimable_lamports for one in chosen) <= FEE_LAMPORTS:
            raise NothingToReclaimError
        close = [one.account for one in chosen if one.closes]
        trim = [one.account for one in chosen if not one.closes]
        submission = await self._rent.prepare(address, close, trim)
        state = self._ledger.head(address)
        if state.intents:
            raise WalletMovingError(address)
        intent = self._intent(state)
        with self._in_flight.hold({intent.id: address}):
            lines = (TradeIntended(intent), TradeSubmitted(intent.id, submission))
            await self._ledger.commit(*[self._ledger.stage(address, body) for body in lines])
            log.info("rent.sending", wallet_address=address, accounts=len(chosen))
            try:
                await self._rent.send(submission)
            except Exception as error:
                # It may have been accepted all the same: only the chain can tell.
                log.warning("rent.unknown", wallet_address=address, code=named(error).code)
            movement = await self._landed(intent, submission)
        return Reclaimed(
            transaction_id=transaction_id_for(intent),
            signature=movement.signature,
            accounts=chosen,
            lamports=movement.change(SOL_MINT) + movement.network_fee_lamports,
            fee_lamports=movement.network_fee_lamports,
            left=len(found) - len(chosen),
        )

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

    async def _report(self, state: WalletState, snapshot: ChainSnapshot) -> RentReport:
        accounts = []
        for account in snapshot.accounts:
            closes = _is_empty(account, state)
            lamports = account.lamports if closes else 0
            if not closes and account.mint != SOL_MINT:
                lamports = await self._rent.excess_lamports(account)
            accounts.append(RentAccount(account=account, reclaimable_lamports=lamports, closes=closes))
        accounts.sort(key=lambda one: (-one.reclaimable_lamports, one.account.address))
        return RentReport(wallet_address=state.wallet_address, accounts=tuple(accounts))

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


def _is_empty(account: TokenAccount, state: WalletState) -> bool:
    """Tell whether an account can be closed: there is nothing in it, neither by the books, and no trade is about to need it."""
    if account.amount_raw or not account.closable:
        return False
    if account.mint != SOL_MINT and state.balance_raw(account.mint):
        return False
    wanted = {open_intent.intent.token_address for open_intent in state.intents.values()}
    return account.mint not in wanted
