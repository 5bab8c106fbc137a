"""How much an order on a position trades, to the base unit, decided on the newest state of its wallet."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.config.sections import TradingSettings
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.errors import InsufficientBalanceError, JournalUnavailableError, StaleWalletError
from nexgent.domain.ledger.ledger import DECISION_ATTEMPTS
from nexgent.domain.ledger.models import (
    FIRST_VENUE,
    Account,
    Adjusted,
    Entry,
    Posting,
    PriceEvidence,
    TradeIntended,
)
from nexgent.domain.ledger.ports import JournalConflictError
from nexgent.domain.positions.models import CloseReason, PendingExit, Position
from nexgent.domain.trading.errors import TradeRejectedError, ZeroBalanceError
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.domain.trading.orders.average_down import AverageDownRequest
from nexgent.domain.trading.orders.errors import ExitPendingError, NotDueError
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitRequest, take_profit_amounts
from nexgent.domain.trading.rules.take_profit import TakeProfitDecision
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.shared.money import SOL_MINT, lamports, sol
from tests.builders import TOKEN, USER, a_config, a_live_agent, a_position, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeLiveSwaps

LEVELS = [{"targetPercent": 50, "sellPercent": 50}, {"targetPercent": 100, "sellPercent": 50}]
TAKE_PROFIT = {
    "takeProfit": {"enabled": True, "mode": "custom", "levels": LEVELS, "moonBag": {"enabled": False}},
    "staleTrade": {"enabled": False},
}
DCA = {"dca": {"enabled": True, "mode": "custom", "levels": [{"dropPercent": -20, "buyPercent": 50}]}}


def _seen(price: str) -> PriceEvidence:
    return PriceEvidence(price_sol=Decimal(price), source="dexscreener", age_ms=0)


class Desk:
    """An engine with one agent that holds 1000 tokens, bought at 0.001 SOL."""

    def __init__(self, engine: FakeEngine, agent: Agent, position: Position) -> None:
        self.engine, self.agent, self.position = engine, agent, position
        self.where = {"wallet_address": position.wallet_address, "position_id": position.id}

    async def take_profit(self, price: str = "0.0015") -> int:
        """Take profit at a price; return how much is left."""
        request = TakeProfitRequest(**self.where, evidence=_seen(price))  # type: ignore[arg-type]
        done = await self.engine.take_profit.execute(request)
        return done.settled.position.quantity_raw if done.settled.position is not None else 0

    async def average_down(self, price: str | None = "0.0008", amount: str | None = None) -> int:
        """Average down; return for how many lamports."""
        request = AverageDownRequest(
            **self.where,  # type: ignore[arg-type]
            evidence=_seen(price) if price is not None else None,
            amount_sol=Decimal(amount) if amount is not None else None,
        )
        return (await self.engine.average_down.execute(request)).fill.in_amount_raw

    async def close(self) -> None:
        request = ClosePositionRequest(**self.where, reason=CloseReason.MANUAL)  # type: ignore[arg-type]
        await self.engine.sales.execute(request)

    async def remember(self, reason: CloseReason) -> None:
        request = ClosePositionRequest(**self.where, reason=reason)  # type: ignore[arg-type]
        await self.engine.sales.remember(request)

    async def burn(self, mint: str, left_raw: int) -> None:
        """Leave so much in the wallet, as somebody who enters a burn by hand does."""
        wallet = self.position.wallet_address
        balance = self.engine.ledger.head(wallet).balances[mint]  # type: ignore[index]
        gone = balance.amount_raw - left_raw
        legs = [
            Posting(Account.WALLET, balance.mint, -gone, balance.symbol, balance.decimals),
            Posting(Account.ADJUSTMENT, balance.mint, gone, balance.symbol, balance.decimals),
        ]
        await self.engine.ledger.commit(
            self.engine.ledger.stage(wallet, Adjusted(balance.mint, "burn"), legs)
        )

    @property
    def intents(self) -> int:
        return sum(isinstance(entry.body, TradeIntended) for entry in self.engine.journal.entries) - 1


async def a_desk(*, live: bool = False, journal: FakeJournal | None = None) -> Desk:
    config = a_config(TAKE_PROFIT, DCA)
    if live:
        venues = SwapVenues([Venue(FIRST_VENUE, TradingMode.LIVE, FakeLiveSwaps("live"))])
        engine, agent = FakeEngine(journal, venues=venues), a_live_agent(config)
        engine.keys.loaded.add(agent.wallets[0].address)
    else:
        engine, agent = FakeEngine(journal), an_agent(config)
    await engine.add_agent(agent)
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    return Desk(engine, agent, bought.position)


async def test_no_more_is_sold_than_the_wallet_holds() -> None:
    desk = await a_desk()
    held = desk.position.quantity_raw
    await desk.burn(TOKEN, 7)

    assert await desk.take_profit() == held - 7
    with pytest.raises(NotDueError, match="LESS_THAN_ONE_UNIT"):
        await desk.take_profit("0.002")
    with pytest.raises(ZeroBalanceError):
        await desk.close()
    assert desk.intents == 1


async def test_a_single_unit_is_sold() -> None:
    taken, closed = await a_desk(), await a_desk()
    for desk in (taken, closed):
        desk.engine.swaps.price_sol = Decimal(10)
        await desk.burn(TOKEN, 1)

    assert await taken.take_profit() == taken.position.quantity_raw - 1
    await closed.close()
    assert closed.engine.positions(closed.agent) == []


async def test_what_is_being_left_is_neither_sold_in_parts_nor_added_to() -> None:
    desk = await a_desk()
    await desk.remember(CloseReason.MANUAL)

    for order in (desk.take_profit, desk.average_down):
        with pytest.raises(ExitPendingError):
            await order()
    assert desk.intents == 0


async def test_an_exit_that_is_remembered_already_stays_as_it_is() -> None:
    desk = await a_desk()
    await desk.remember(CloseReason.MANUAL)
    since = desk.engine.clock.now()
    desk.engine.clock.advance(60)

    await desk.remember(CloseReason.STOP_LOSS)

    (position,) = desk.engine.positions(desk.agent)
    assert position.pending_exit == PendingExit(CloseReason.MANUAL, 0, since)
    assert position.version == desk.position.version + 1


async def test_an_agent_that_is_gone_wants_nothing() -> None:
    desk = await a_desk()
    desk.engine.bus.publish(AgentDeleted(desk.agent.id))

    for order in (desk.take_profit, desk.average_down):
        with pytest.raises(NotDueError, match="AGENT_GONE"):
            await order()
    (result,) = await desk.engine.buy([desk.agent], size_sol=Decimal(1))
    assert (result.code, result.intended) == ("WALLET_NOT_FOUND", False)


async def test_a_wallet_that_was_taken_away_buys_nothing() -> None:
    desk = await a_desk()
    desk.engine.bus.publish(AgentSaved(replace(desk.agent, wallets=())))

    (result,) = await desk.engine.buy([desk.agent], size_sol=Decimal(1))

    assert (result.code, result.intended) == ("WALLET_NOT_FOUND", False)


async def test_the_rule_decides_how_much_more_is_bought() -> None:
    desk = await a_desk()

    # Half of the market value of what is held.
    assert await desk.average_down() == 400_000_000
    with pytest.raises(NotDueError, match="NO_PRICE"):
        await desk.average_down(None)
    with pytest.raises(NotDueError, match="COOLDOWN"):
        await desk.average_down("0.0001")


async def test_a_purchase_of_less_than_a_lamport_is_none() -> None:
    desk = await a_desk()

    with pytest.raises(NotDueError, match="LESS_THAN_ONE_UNIT"):
        await desk.average_down("1E-13")
    for nothing in ("0", "-1", "1E-10", "NaN", "Infinity"):
        with pytest.raises(TradeRejectedError) as refusal:
            await desk.average_down(amount=nothing)
        assert refusal.value.code == "INVALID_AMOUNT"
    # A single one is.
    assert await desk.average_down("2E-12") == 1
    assert await desk.average_down(amount="0.000000001") == 1


@pytest.mark.parametrize("live", [False, True])
async def test_a_live_wallet_keeps_what_its_exits_cost(live: bool) -> None:
    kept = lamports(TradingSettings().fee_reserve_sol) if live else 0
    amount = lamports(Decimal("0.5"))
    desk = await a_desk(live=live)

    await desk.burn(SOL_MINT, amount + kept - 1)
    with pytest.raises(InsufficientBalanceError):
        await desk.average_down(amount="0.5")
    assert desk.intents == 0
    await desk.engine.deposit(desk.agent.wallets[0], Decimal("0.000000001"))
    if live:
        assert await desk.average_down(amount="0.5") == amount
    else:
        # On paper nothing but the fees themselves is missing, and they are found out when it is booked.
        with pytest.raises(InsufficientBalanceError):
            await desk.average_down(amount="0.5")
        assert desk.intents == 1


@pytest.mark.parametrize("missing", [0, 1])
async def test_averaging_down_may_take_the_last_lamport_fees_included(missing: int) -> None:
    desk = await a_desk()
    await desk.burn(SOL_MINT, lamports(Decimal("0.5")) + desk.engine.swaps.network_fee_lamports - missing)

    if missing:
        with pytest.raises(InsufficientBalanceError):
            await desk.average_down(amount="0.5")
    else:
        assert await desk.average_down(amount="0.5") == lamports(Decimal("0.5"))
        assert desk.engine.balance_raw(desk.agent) == 0


async def test_what_the_wallet_has_none_of_is_lost_as_nothing() -> None:
    desk = await a_desk()
    await desk.burn(TOKEN, 0)

    settled = await desk.engine.sales.operations.write_off(desk.position.wallet_address, desk.position.id)

    assert settled.closed is not None
    assert settled.closed.profit_loss_sol == -sol(desk.position.invested_lamports)
    assert desk.engine.balance_raw(desk.agent, TOKEN) == 0
    assert desk.engine.positions(desk.agent) == []


async def test_whoever_has_no_sol_left_can_leave_all_the_same() -> None:
    desk = await a_desk()
    await desk.burn(SOL_MINT, 0)

    assert await desk.take_profit() == desk.position.quantity_raw // 2
    await desk.close()
    assert desk.engine.positions(desk.agent) == []


@pytest.mark.parametrize(
    ("sell", "hit", "bag", "keeps", "left"),
    [
        # Half of what is held, at the first of two levels.
        ("500", 0, None, False, 500_000_000),
        # The last level leaves a unit of rounding for each level: that goes as well.
        ("999.999998", 1, None, False, 0),
        ("999.999997", 1, None, False, 3),
        # Not the last level, but nothing is left that could be sold.
        ("999.9999999995", 0, None, False, 0),
        ("999.999999999", 0, None, False, 1),
        # What is put aside stays, however little.
        ("999.999998", 1, "0.000002", True, 2),
        ("999.999998", 1, None, True, 2),
        # No more than there is.
        ("5000", 0, None, False, 0),
    ],
)
def test_what_take_profit_sells_in_base_units(
    sell: str, hit: int, bag: str | None, keeps: bool, left: int
) -> None:
    position = a_position(
        take_profit_levels_hit=hit, moon_bag_activated=keeps and bag is None, moon_bag_raw=None
    )
    config = a_config(TAKE_PROFIT)
    decision = TakeProfitDecision(
        True,
        config.take_profit.levels[:1],
        Decimal(sell),
        bag is not None,
        Decimal(bag or 0),
        Decimal(1000) - Decimal(sell),
        "TRIGGERED",
    )

    amounts = take_profit_amounts(position, decision, config)

    assert position.quantity_raw - amounts.sell_raw == left
    assert amounts.levels == 1
    assert amounts.moon_bag_raw == (2 if bag is not None else None)


class BusyJournal(FakeJournal):
    """A journal another process is always faster in, for so many appends."""

    busy = 0

    async def append(self, entries: list[Entry]) -> int:  # type: ignore[override]
        if self.busy:
            self.busy -= 1
            raise JournalConflictError("taken")
        return await super().append(entries)


async def test_whoever_is_overtaken_decides_again_but_not_for_ever() -> None:
    journal = BusyJournal()
    desk = await a_desk(journal=journal)

    journal.busy = DECISION_ATTEMPTS - 1
    await desk.take_profit()
    journal.busy = DECISION_ATTEMPTS
    with pytest.raises(StaleWalletError):
        await desk.close()
    assert journal.busy == 0
    await desk.close()


async def test_a_purchase_that_is_overtaken_is_decided_again_but_not_for_ever() -> None:
    journal = BusyJournal()
    engine = FakeEngine(journal)
    agents = [await engine.add_agent(an_agent(a_config(), user_id=USER)) for _ in range(2)]

    journal.busy = DECISION_ATTEMPTS - 1
    (bought,) = await engine.buy(agents[:1], size_sol=Decimal(1))
    assert bought.position is not None
    journal.busy = DECISION_ATTEMPTS
    (refused,) = await engine.buy(agents[1:], size_sol=Decimal(1))
    assert (refused.code, refused.intended) == (StaleWalletError.code, False)
    assert journal.busy == 0


async def test_a_journal_that_is_away_ends_an_order_whose_quote_is_still_on_its_way() -> None:
    desk = await a_desk()
    desk.engine.swaps.gate = asyncio.Event()
    desk.engine.journal.down = True
    quote, ended = desk.engine.swaps.quote, asyncio.Event()

    async def noted(request: QuoteRequest, *, urgent: bool = False) -> Quote:
        try:
            return await quote(request, urgent=urgent)
        finally:
            ended.set()

    desk.engine.swaps.quote = noted  # type: ignore[method-assign]

    with pytest.raises(JournalUnavailableError):
        await desk.close()

    # Nobody is asked on behalf of an order that has ended.
    assert ended.is_set()
    assert (desk.intents, len(desk.engine.positions(desk.agent))) == (0, 1)
