"""Positions are announced from the entries that changed them: all that is recorded is told, once, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import JournalUnavailableError
from nexgent.domain.ledger.models import Entry, PriceEvidence, TradeSettled, WalletReset
from nexgent.domain.ledger.state import WalletState, apply, emptying
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.trading.orders.average_down import AverageDownRequest
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitRequest
from nexgent.domain.trading.position_events import position_events
from nexgent.shared.errors import UnavailableError
from tests.builders import an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal

CALM = {"positionCalculator": {"randomization": {"enabled": False}}, "staleTrade": {"enabled": False}}
TAKE_PROFIT = {
    "takeProfit": {
        "enabled": True,
        "mode": "custom",
        "levels": [{"targetPercent": 50, "sellPercent": 50}, {"targetPercent": 100, "sellPercent": 25}],
        "moonBag": {"enabled": False},
    }
}


class Story:
    """One agent, its one position, and what was said of it."""

    def __init__(self, journal: FakeJournal | None = None) -> None:
        self.engine = FakeEngine(journal)
        self.agent: Agent = an_agent(update_config(TradingConfig(), {**CALM, **TAKE_PROFIT}))

    async def bought(self) -> Position:
        await self.engine.add_agent(self.agent)
        (result,) = await self.engine.buy([self.agent], size_sol=Decimal(1))
        assert result.position is not None
        return result.position

    def sale(self, position: Position) -> ClosePositionRequest:
        return ClosePositionRequest(
            wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.MANUAL
        )

    async def do(self, what: str, position: Position) -> None:
        engine, wallet = self.engine, position.wallet_address
        match what:
            case "sell":
                await engine.sales.execute(self.sale(position))
            case "take profit":
                high = PriceEvidence(price_sol=Decimal("0.0016"), source="dexscreener", age_ms=0)
                await engine.take_profit.execute(
                    TakeProfitRequest(wallet_address=wallet, position_id=position.id, evidence=high)
                )
            case "average down":
                await engine.average_down.execute(
                    AverageDownRequest(
                        wallet_address=wallet, position_id=position.id, amount_sol=Decimal("0.5")
                    )
                )
            case "write off":
                await engine.sales.operations.write_off(wallet, position.id)
            case "remember an exit":
                await engine.sales.remember(self.sale(position))
            case "reset":
                balances = engine.ledger.head(wallet).balances.values()
                entry = engine.ledger.stage(wallet, WalletReset("test"), emptying(balances))
                await engine.ledger.commit(entry)

    def told(self) -> list[object]:
        told = (PositionOpened, PositionUpdated, PositionClosed)
        return [event for event in self.engine.events if isinstance(event, told)]

    def recorded(self) -> list[object]:
        """Return what the journal's entries say, from the first on."""
        wallet = self.agent.wallets[0]
        state = WalletState(wallet.address, self.agent.id)
        found: list[object] = []
        for entry in self.engine.journal.entries:
            found += position_events(state, entry, lambda position: position.base_trail)
            state = apply(state, entry)
        return found


@pytest.mark.parametrize(
    ("steps", "kinds"),
    [
        (["sell"], [PositionOpened, PositionClosed]),
        (["take profit", "sell"], [PositionOpened, PositionUpdated, PositionClosed]),
        (["average down", "sell"], [PositionOpened, PositionUpdated, PositionClosed]),
        (["write off"], [PositionOpened, PositionClosed]),
        (["average down", "reset"], [PositionOpened, PositionUpdated, PositionClosed]),
        (["remember an exit"], [PositionOpened]),
    ],
)
async def test_every_recorded_change_is_told_once_whatever_made_it(
    steps: list[str], kinds: list[type]
) -> None:
    story = Story()
    position = await story.bought()

    for step in steps:
        await story.do(step, position)

    assert [type(event) for event in story.told()] == kinds
    assert story.told() == story.recorded()
    assert len(story.engine.book) == (1 if kinds[-1] is not PositionClosed else 0)


@pytest.mark.parametrize("step", ["sell", "take profit", "write off", "reset"])
async def test_a_change_whose_answer_was_lost_is_told_all_the_same(step: str) -> None:
    story = Story()
    position = await story.bought()
    story.engine.journal.lose_answer = True

    await story.do(step, position)

    assert story.told() == story.recorded()
    assert len(story.told()) == 2


class AwayOnceWritten(FakeJournal):
    """Writes a trade's outcome, or a reset, and is away from then on: nobody can say what was written until it is back."""

    armed = False

    async def append(self, entries: Sequence[Entry]) -> int:
        position = await super().append(entries)
        if self.armed and any(isinstance(entry.body, TradeSettled | WalletReset) for entry in entries):
            self.down, self.armed = True, False
            raise UnavailableError("the connection broke")
        return position


@pytest.mark.parametrize("step", ["buy", "sell", "take profit", "average down", "write off", "reset"])
async def test_a_change_of_which_nobody_could_say_whether_it_was_written_is_told_when_it_can_be_said(
    step: str,
) -> None:
    """A position that nobody was told of has no stop loss."""
    journal = AwayOnceWritten()
    story = Story(journal)
    if step == "buy":
        await story.engine.add_agent(story.agent)
        journal.armed = True
        (result,) = await story.engine.buy([story.agent], size_sol=Decimal(1))
        assert result.code == JournalUnavailableError.code
    else:
        position = await story.bought()
        journal.armed = True
        with pytest.raises(UnavailableError):
            await story.do(step, position)
    told = list(story.told())
    assert told != story.recorded()

    # As long as it is away, nothing is said; then it is said once, and by nobody but those who look after what is open.
    for away in (True, False, False):
        journal.down = away
        for resolving in await story.engine.recovery.tick():
            await resolving
        await story.engine.settle(50)
        assert story.told() == (told if away else story.recorded())

    wallet = story.agent.wallets[0].address
    assert story.engine.ledger.head(wallet) == journal.replay(wallet)
    held = [held.position for held in story.engine.book.all()]
    assert held == list(journal.replay(wallet).positions.values())


async def test_what_is_told_late_does_not_undo_what_has_happened_since() -> None:
    story = Story()
    position = await story.bought()
    await story.do("take profit", position)
    (held,) = story.engine.book.all()

    story.engine.bus.publish(PositionOpened(position, position.base_trail))

    assert [one.position for one in story.engine.book.all()] == [held.position]
    assert held.position.version > position.version


async def test_nobody_has_to_be_left_waiting_for_a_change_to_be_told() -> None:
    story = Story()
    position = await story.bought()
    selling = asyncio.create_task(story.engine.sales.execute(story.sale(position)))
    # Whoever asked for the sale is gone while its outcome is being written.
    while len(story.engine.ledger.head(position.wallet_address).positions):
        await asyncio.sleep(0)
    selling.cancel()
    with suppress(asyncio.CancelledError):
        await selling
    await story.engine.settle(50)

    assert story.told() == story.recorded()
    assert len(story.engine.book) == 0


async def test_what_prices_have_done_is_told_with_what_a_trade_did() -> None:
    story = Story()
    position = await story.bought()
    story.engine.price(Decimal("0.0014"))

    await story.do("take profit", position)

    updated = story.told()[-1]
    assert isinstance(updated, PositionUpdated)
    assert updated.trail.peak_price_sol == Decimal("0.0014")
    assert updated.trail != updated.position.base_trail
    assert updated.position.partially_sold
