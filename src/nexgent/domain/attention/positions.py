"""Trouble of open positions: an exit that does not come through, and a price that has stopped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from nexgent.domain.agents.models import Agent
from nexgent.domain.attention.notices import Asked, Notice, NoticeKind, Severity
from nexgent.domain.positions.models import Position
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.watch.exits import ExitTasks


class DelayedExits:
    """Positions that want to be left and could not be at the first attempt."""

    def __init__(self, *, book: PositionBook, exits: ExitTasks) -> None:
        self._book = book
        self._exits = exits

    def of(self, asked: Asked) -> Iterable[Notice]:
        """Return one for each."""
        for agent in asked.agents:
            for held in self._book.of_agent(agent.id):
                position = held.position
                progress, pending = self._exits.progress(position.id), position.pending_exit
                attempts = max(
                    progress.attempts if progress is not None else 0,
                    pending.attempts if pending is not None else 0,
                )
                if not attempts:
                    continue
                yield _about(
                    agent,
                    position,
                    NoticeKind.EXIT_DELAYED,
                    f"Selling {position.token_symbol} has not come through after {attempts} "
                    f"attempt{'' if attempts == 1 else 's'}; it is tried until it does",
                    code=progress.code if progress is not None else None,
                    since=pending.since if pending is not None else None,
                )


class StalePrices:
    """Positions whose price is too old to decide on: no stop loss can act."""

    def __init__(self, *, book: PositionBook, latest_prices: LatestPrices, max_age: timedelta) -> None:
        self._book = book
        self._latest_prices = latest_prices
        self._max_age = max_age

    def of(self, asked: Asked) -> Iterable[Notice]:
        """Return one for each."""
        for agent in asked.agents:
            for held in self._book.of_agent(agent.id):
                position = held.position
                price = self._latest_prices.get(position.token_address)
                since = (
                    max(price.observed_at, position.opened_at) if price is not None else position.opened_at
                )
                if asked.now - since <= self._max_age:
                    continue
                yield _about(
                    agent,
                    position,
                    NoticeKind.PRICE_STALE,
                    f"There has been no usable price of {position.token_symbol} for {int((asked.now - since).total_seconds())} "
                    "seconds; stop loss and take profit act again with the next one",
                    since=since,
                )


def _about(
    agent: Agent,
    position: Position,
    kind: NoticeKind,
    text: str,
    *,
    code: str | None = None,
    since: datetime | None,
) -> Notice:
    return Notice(
        kind=kind,
        severity=Severity.DANGER,
        text=text,
        code=code,
        agent_id=agent.id,
        agent_name=agent.name,
        wallet_address=position.wallet_address,
        position_id=position.id,
        token_address=position.token_address,
        token_symbol=position.token_symbol,
        since=since,
    )
