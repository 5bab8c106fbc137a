"""Carry a quoted swap out for an intent that is durable: sign, record, send, and never call an ambiguous answer failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Account, Intent, Posting, Submission, TradeFailed, TradeSubmitted
from nexgent.domain.ledger.postings import SOL
from nexgent.domain.trading.errors import SwapHeldBackError, SwapNotSentError, named
from nexgent.domain.trading.models import (
    Fill,
    Landed,
    NeverLanded,
    Quote,
    Reverted,
    StillUnknown,
    SwapOutcome,
)
from nexgent.domain.trading.orders.own_time import at_the_market
from nexgent.domain.trading.venues import Venue
from nexgent.shared.errors import NexgentError
from nexgent.shared.structs import replace

RESOLVE_PAUSES_SECONDS = (0.5, 1.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """No fill: a code and a reason. `recorded` when the intent's end is already in the journal, `held_back` when the market was
    not asked because this process may not trade."""

    code: str
    reason: str
    recorded: bool = False
    in_doubt: bool = False
    held_back: bool = False


class SwapExecution:
    """One venue, any number of intents."""

    def __init__(self, ledger: Ledger, venue: Venue) -> None:
        self._ledger = ledger
        self._venue = venue
        self._gateway = venue.gateway

    async def run(self, intent: Intent, quote: Quote) -> Fill | Refusal:
        """Return the fill, or why there is none. What is sent is durable first, so a crash at any point can be resolved."""
        try:
            with at_the_market():
                submission = await self._gateway.prepare(quote, intent.wallet_address)
            if submission is not None:
                submission = replace(submission, venue=self._venue.name)
                # Whatever others have written to the wallet since the intent is no reason against it: it stays reserved.
                await self._record(intent, TradeSubmitted(intent.id, submission))
        except Exception as error:
            # Nothing has left the process yet, whatever it was.
            known = named(error)
            return Refusal(known.code, known.message)
        try:
            with at_the_market():
                outcome = await self._gateway.execute(quote, submission)
        except SwapHeldBackError as error:
            return Refusal(error.code, error.message, held_back=True)
        except Exception as error:
            known = named(error)
            if submission is None or isinstance(error, SwapNotSentError):
                return Refusal(known.code, known.message)
            # It may have been sent: only the chain can tell.
            outcome = StillUnknown(reason=known.message)
        if submission is not None:
            with at_the_market():
                outcome = await self._wait_for_the_chain(intent, quote, submission, outcome)
        return await self.conclude(intent, outcome)

    async def conclude(self, intent: Intent, outcome: SwapOutcome) -> Fill | Refusal:
        """Turn an outcome into a fill or a refusal; a reverted swap's fee is booked here with the failure."""
        match outcome:
            case Landed():
                return outcome.fill
            case NeverLanded():
                return Refusal("SWAP_EXPIRED", outcome.reason)
            case StillUnknown():
                return Refusal("SWAP_UNKNOWN", outcome.reason, in_doubt=True)
            case Reverted():
                body = TradeFailed(intent.id, outcome.code, outcome.reason)
                fee = outcome.network_fee_lamports
                postings = (
                    (SOL.posting(Account.WALLET, -fee), SOL.posting(Account.NETWORK_FEE, fee)) if fee else ()
                )
                try:
                    await self._record(intent, body, postings)
                except NexgentError:
                    return Refusal(outcome.code, outcome.reason, in_doubt=True)
                return Refusal(outcome.code, outcome.reason, recorded=True)
            case _:
                assert_never(outcome)

    async def _record(
        self, intent: Intent, body: TradeSubmitted | TradeFailed, postings: Sequence[Posting] = ()
    ) -> None:
        """Make what has happened durable, behind whatever others write to the wallet meanwhile."""

        async def step() -> None:
            await self._ledger.fresh(intent.wallet_address)
            await self._ledger.commit(self._ledger.stage(intent.wallet_address, body, postings))

        await self._ledger.decide(step)

    async def _wait_for_the_chain(
        self, intent: Intent, quote: Quote, submission: Submission, outcome: SwapOutcome
    ) -> SwapOutcome:
        for pause in RESOLVE_PAUSES_SECONDS:
            if not isinstance(outcome, StillUnknown):
                break
            await asyncio.sleep(pause)
            try:
                outcome = await self._gateway.resolve(submission, intent.wallet_address, quote.request)
            except Exception as error:
                outcome = StillUnknown(reason=named(error).message)
        return outcome
