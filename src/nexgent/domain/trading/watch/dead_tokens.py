"""Find out which held tokens are dead, try to sell them all the same, and write off what nobody buys."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from nexgent.domain.ledger.share import EngineShare
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.events import PositionClosed
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.trading.book.position_book import HeldPosition, PositionBook
from nexgent.domain.trading.errors import NO_MARKET_CODES, named
from nexgent.domain.trading.events import ExitAttemptFailed
from nexgent.domain.trading.orders.position_orders import PositionOrders
from nexgent.domain.trading.ports import MarketProbe
from nexgent.domain.trading.rules.liquidity import MarketReading
from nexgent.domain.trading.rules.write_off import (
    NO_EVIDENCE,
    DeadMarketEvidence,
    WriteOffRules,
    WriteOffStep,
    add_poll,
    decide_write_off,
)
from nexgent.domain.trading.watch.exits import ExitTasks
from nexgent.shared.clock import Clock
from nexgent.shared.types import PositionId, TokenAddress

log = structlog.get_logger(__name__)

SILENT = timedelta(seconds=60)
"""For so long without a price a token is suspicious."""


class DeadTokens:
    """One `tick` asks the probes about suspicious tokens only: those without a price for a while, or whose sale was refused.

    The evidence lives in memory: after a restart it has to be gathered again, which only takes longer.
    """

    def __init__(
        self,
        *,
        book: PositionBook,
        latest_prices: LatestPrices,
        exits: ExitTasks,
        operations: PositionOrders,
        probes: Sequence[MarketProbe],
        clock: Clock,
        share: EngineShare | None = None,
    ) -> None:
        """Written off is what agents in the `share` hold."""
        self._share = share or EngineShare()
        self._book = book
        self._latest_prices = latest_prices
        self._exits = exits
        self._operations = operations
        self._probes = probes
        self._clock = clock
        self._rules = WriteOffRules()
        self._evidence: dict[TokenAddress, DeadMarketEvidence] = {}
        self._silent_since: dict[TokenAddress, datetime] = {}
        self._refused: dict[PositionId, int] = {}

    def on_exit_attempt_failed(self, event: ExitAttemptFailed) -> None:
        """Note a sale the provider refused to quote; one that merely could not be asked for proves nothing."""
        if event.code in NO_MARKET_CODES:
            self._refused[event.position_id] = self._refused.get(event.position_id, 0) + 1

    def on_closed(self, event: PositionClosed) -> None:
        """Forget a position that is gone."""
        self._refused.pop(event.position_id, None)

    async def tick(self) -> int:
        """Gather evidence and act on it; return how many positions were written off."""
        tokens = self._suspects()
        for token in [token for token in self._evidence if token not in tokens]:
            del self._evidence[token]
        if not tokens or not self._probes:
            return 0
        readings = await self._read(sorted(tokens))
        now = self._clock.now()
        written_off = 0
        for token in tokens:
            before = self._evidence.get(token, NO_EVIDENCE)
            evidence = add_poll(before, readings[token], now, self._rules)
            self._evidence[token] = evidence
            for held in self._book.holders(token):
                if not self._share.acts_for(held.position.agent_id):
                    continue
                if before.polls == 0:
                    self._forget_refusals(held.position.id, is_suspect=evidence.polls > 0)
                written_off += await self._act(held, evidence, now)
        return written_off

    def _forget_refusals(self, position_id: PositionId, *, is_suspect: bool) -> None:
        """Count anew: refusals from before the evidence began may have had any cause.

        They stay what makes the token suspicious while something else speaks against it: the next sale may be tried late.
        """
        if not is_suspect:
            self._refused.pop(position_id, None)
        elif position_id in self._refused:
            self._refused[position_id] = 0

    async def _act(self, held: HeldPosition, evidence: DeadMarketEvidence, now: datetime) -> bool:
        position = held.position
        decision = decide_write_off(evidence, self._refused.get(position.id, 0), now, self._rules)
        if decision.step is WriteOffStep.TRY_SALE:
            self._exits.start(position, CloseReason.WRITE_OFF, None)
        if decision.step is not WriteOffStep.WRITE_OFF:
            return False
        try:
            await self._operations.write_off(position.wallet_address, position.id)
        except (PositionNotFoundError, PositionLockedError):
            return False
        except Exception as error:
            log.warning("write_off.postponed", position_id=str(position.id), code=named(error).code)
            return False
        log.error(
            "write_off.booked",
            position_id=str(position.id),
            token=position.token_address,
            polls=evidence.polls,
            sources=sorted(evidence.sources),
            since=evidence.first_at.isoformat() if evidence.first_at is not None else None,
        )
        return True

    def _suspects(self) -> set[TokenAddress]:
        now = self._clock.now()
        held = self._book.tokens()
        silent: set[TokenAddress] = set()
        for token in held:
            price = self._latest_prices.get(token)
            if price is not None and now - price.observed_at <= SILENT:
                self._silent_since.pop(token, None)
            elif now - self._silent_since.setdefault(token, now) >= SILENT:
                silent.add(token)
        kept = set(held)
        self._silent_since = {token: at for token, at in self._silent_since.items() if token in kept}
        refused = {position_id: self._book.get(position_id) for position_id in self._refused}
        # A sale may be refused when the position is gone already.
        self._refused = {one: count for one, count in self._refused.items() if refused[one] is not None}
        return silent | {one.position.token_address for one in refused.values() if one is not None}

    async def _read(self, tokens: Sequence[TokenAddress]) -> dict[TokenAddress, list[MarketReading]]:
        answers = await asyncio.gather(*(self._ask(probe, tokens) for probe in self._probes))
        readings: dict[TokenAddress, list[MarketReading]] = defaultdict(list)
        for answer in answers:
            for reading in answer:
                readings[reading.token_address].append(reading)
        return readings

    async def _ask(self, probe: MarketProbe, tokens: Sequence[TokenAddress]) -> Collection[MarketReading]:
        try:
            return await probe.read(tokens)
        except Exception as error:
            log.warning("write_off.probe_failed", source=probe.source, code=named(error).code)
            return ()
