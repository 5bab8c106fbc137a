"""A whole engine over fakes: agents with balances, purchases, sales, prices, exits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from nexgent.bootstrap.engine import EnginePorts, build_engine
from nexgent.bootstrap.wiring import wire_events
from nexgent.config.sections import PriceSettings, TradingSettings
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.ledger.models import FIRST_VENUE, Account, Posting, Recorded, TradeSettled
from nexgent.domain.positions.models import Position
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import FetchResult, PriceSource
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.trading.book.position_book import HeldPosition
from nexgent.domain.trading.orders.purchases import Buyer, EntryGuard, PurchaseOrder, PurchaseResult
from nexgent.domain.trading.rules.precedence import PRECEDENCE
from nexgent.domain.trading.rules.rule import PositionRule
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.domain.trading.watch.exits import ExitPolicy
from nexgent.domain.transactions.models import ClosedTrade, TransactionRecord, TransactionType
from nexgent.domain.users.authenticate import RevokedTokens
from nexgent.shared.events import EventBus
from nexgent.shared.ids import new_id
from nexgent.shared.loops import LoopWatch
from nexgent.shared.money import SOL_MINT, lamports
from nexgent.shared.types import IntentId, TokenAddress, TransactionId
from tests.builders import TOKEN, a_price, an_observation
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeDecimals, FakeKeys, FakeProbe, FakeSolPrice, FakeSwaps, FakeTrails
from tests.fakes.signal_sources import FakeSignalTrades, FakeTokenMetrics
from tests.fakes.signals import FakeSignals


class Nobody:
    """Whoever only listens: everything is taken and nothing done."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class FakeFeed:
    """A source whose price the test sets; `gate` holds its answers back."""

    source = PriceSource("dexscreener")
    tokens_per_call = 30
    calls_per_second = 0.0

    def __init__(self, clock: FakeClock) -> None:
        self.price = Decimal("0.001")
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[TokenAddress] = []
        self._clock = clock

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        self.asked += tokens
        price, at = self.price, self._clock.now()
        await self.gate.wait()
        found = [an_observation(price, at, token) for token in tokens]
        return FetchResult(tuple(found), frozenset(), frozenset())


class RecordingBus(EventBus):
    """Keeps what was published, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[object] = []

    def publish(self, event: object) -> None:
        self.events.append(event)
        super().publish(event)


# Settings never change, and making them takes as much as all the rest of an engine.
@cache
def _price_settings() -> PriceSettings:
    return PriceSettings()


@cache
def _trading_settings(exits_need_automation: bool, max_quote_deviation_pct: int) -> TradingSettings:
    return TradingSettings(
        exits_need_automated_trading=exits_need_automation,
        max_quote_deviation_pct=Decimal(max_quote_deviation_pct),
    )


class FakeEngine:
    """The product's own engine (`build_engine`, `wire_events`) over a journal and a market in memory."""

    def __init__(
        self,
        journal: FakeJournal | None = None,
        swaps: FakeSwaps | None = None,
        *,
        decimals: int = 6,
        exits_need_automation: bool = False,
        venues: SwapVenues | None = None,
        rules: Sequence[PositionRule] = PRECEDENCE,
        clock: FakeClock | None = None,
        signals: FakeSignals | None = None,
        signal_trades: FakeSignalTrades | None = None,
        guard: EntryGuard | None = None,
        max_quote_deviation_pct: int = 0,
        random_unit: Callable[[], Decimal] = lambda: Decimal("0.5"),
    ) -> None:
        self.clock = clock or FakeClock()
        self.journal = journal or FakeJournal()
        self.swaps = swaps or FakeSwaps()
        self.keys = FakeKeys()
        self.decimals = FakeDecimals(decimals)
        self.sol_price = FakeSolPrice()
        self.trails = FakeTrails()
        self.bus = RecordingBus()
        self.events = self.bus.events
        self.policy = ExitPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.01)
        self.probes = [FakeProbe("dexscreener"), FakeProbe("jupiter")]
        self.feed = FakeFeed(self.clock)
        self.signals = signals or FakeSignals()
        self.signal_trades = signal_trades or FakeSignalTrades()
        self.token_metrics = FakeTokenMetrics()
        self.protections = ProtectionState()
        nobody: Any = Nobody()
        self.parts = build_engine(
            EnginePorts(
                journal=self.journal,
                trails=self.trails,
                signals=self.signals,
                signal_trades=self.signal_trades,
                venues=venues or SwapVenues([Venue(FIRST_VENUE, mode, self.swaps) for mode in TradingMode]),
                decimals=self.decimals,
                keys=self.keys,
                token_metrics=self.token_metrics,
                sol_price=self.sol_price,
                price_feeds=[self.feed],
                market_probes=self.probes,
                poll_observer=nobody,
                on_evaluated=nobody.evaluated,
                clock=self.clock,
                publish=self.bus.publish,
                random_unit=random_unit,
                exit_policy=self.policy,
                guard=guard,
            ),
            prices=_price_settings(),
            trading=_trading_settings(exits_need_automation, max_quote_deviation_pct),
            rules=rules,
        )
        # Whoever looks at people or makes copies is left out; what the engine itself listens to is as in the product.
        wire_events(
            self.bus,
            engine=self.parts,
            observer=nobody,
            hub=nobody,
            mirror=nobody,
            loops=LoopWatch(self.clock),
            bridge=nobody,
            notifier=nobody,
            is_engine=lambda: True,
            protections=self.protections,
            revoked=RevokedTokens(self.bus.publish),
        )
        self.directory = self.parts.directory
        self.latest_prices = self.parts.latest_prices
        self.book = self.parts.book
        self.ledger = self.parts.ledger
        self.in_flight = self.parts.in_flight
        self.validator = self.parts.validator
        self.purchases = self.parts.purchases
        self.sales = self.parts.sales
        self.take_profit = self.parts.take_profit
        self.average_down = self.parts.average_down
        self.operations = self.parts.operations
        self.exits = self.parts.exits
        self.keeper = self.parts.keeper
        self.watcher = self.parts.watcher
        self.poller = self.parts.poller
        self.dead_tokens = self.parts.dead_tokens
        self.recovery = self.parts.recovery

    async def add_agent(self, agent: Agent, sol_balance: Decimal = Decimal(10)) -> Agent:
        self.bus.publish(AgentSaved(agent))
        for wallet in agent.wallets:
            self.journal.add_wallet(wallet.address, agent.id)
            await self.deposit(wallet, sol_balance)
        return agent

    async def deposit(self, wallet: Wallet, amount_sol: Decimal) -> None:
        record = TransactionRecord(
            id=TransactionId(new_id()),
            agent_id=wallet.agent_id,
            wallet_address=wallet.address,
            type=TransactionType.DEPOSIT,
            value_usd=Decimal(0),
            time=self.clock.now(),
        )
        amount = lamports(amount_sol)
        await self.ledger.fresh(wallet.address)
        entry = self.ledger.stage(
            wallet.address,
            Recorded(record),
            [
                Posting(Account.WALLET, SOL_MINT, amount, "SOL", 9),
                Posting(Account.EXTERNAL, SOL_MINT, -amount, "SOL", 9),
            ],
        )
        await self.ledger.commit(entry)

    async def buy(
        self, agents: Sequence[Agent], token: TokenAddress = TOKEN, size_sol: Decimal | None = None
    ) -> list[PurchaseResult]:
        buyers = [Buyer(agent, agent.wallets[0], IntentId(new_id()), size_sol) for agent in agents]
        return await self.purchases.execute(PurchaseOrder(token, "EXM", None, "manual"), buyers)

    def held(self, agent: Agent) -> HeldPosition:
        """Return the one position an agent has in the book."""
        (held,) = self.book.of_agent(agent.id)
        return held

    def balance_raw(self, agent: Agent, mint: TokenAddress = SOL_MINT) -> int:
        return self.ledger.head(agent.wallets[0].address).balance_raw(mint)

    def closed_trades(self) -> list[ClosedTrade]:
        """Return the closed trades of the journal, oldest first."""
        bodies = [entry.body for entry in self.journal.entries]
        return [body.closed for body in bodies if isinstance(body, TradeSettled) and body.closed is not None]

    def move_to(self, price_sol: Decimal, token: TokenAddress = TOKEN) -> None:
        """Let the whole market be at a price: quotes and the price feed."""
        self.swaps.price_sol = price_sol
        self.price(price_sol, token)

    async def settle(self, rounds: int = 400) -> None:
        """Let everything that is under way come to an end; exits that keep failing are not waited for."""
        for _ in range(rounds):
            await asyncio.sleep(0)

    def price(self, price_sol: Decimal, token: TokenAddress = TOKEN) -> None:
        price = a_price(price_sol, self.clock.now(), token)
        self.bus.publish(PricesChanged([price], self.clock.now()))

    def positions(self, agent: Agent) -> list[Position]:
        return list(self.ledger.head(agent.wallets[0].address).positions.values())
