"""A whole engine over fakes: agents with balances, purchases, sales, prices, exits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Account, Posting, Recorded, TradeSettled
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import Position
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.prices.models import PriceSource, TokenPrice
from nexgent.domain.trading.book.position_book import HeldPosition, PositionBook
from nexgent.domain.trading.events import ExitAttemptFailed
from nexgent.domain.trading.orders.average_down import AverageDown
from nexgent.domain.trading.orders.buy import BuyToken
from nexgent.domain.trading.orders.in_flight import IntentsInFlight
from nexgent.domain.trading.orders.order_tasks import PositionOrderPolicy, PositionOrderTasks
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder, PurchaseResult
from nexgent.domain.trading.orders.sell import ClosePosition
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitSale
from nexgent.domain.trading.watch.dead_tokens import DeadTokens
from nexgent.domain.trading.watch.exits import ExitPolicy, ExitTasks
from nexgent.domain.trading.watch.recovery import Recovery
from nexgent.domain.trading.watch.trail_keeper import TrailKeeper
from nexgent.domain.trading.watch.watcher import PositionWatcher
from nexgent.domain.transactions.models import ClosedTrade, TransactionRecord, TransactionType
from nexgent.shared.events import EventBus
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT, lamports
from nexgent.shared.types import AgentId, IntentId, TokenAddress, TransactionId, UserId, WalletAddress
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeDecimals, FakeKeys, FakeProbe, FakeSolPrice, FakeSwaps, FakeTrails

TOKEN = TokenAddress("6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf")
T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
USER = UserId(new_id())


def an_agent(config: TradingConfig | None = None, *, user_id: UserId = USER, name: str = "Test") -> Agent:
    agent_id = AgentId(new_id())
    wallet = Wallet(WalletAddress(f"sim_{agent_id.hex}"), agent_id, TradingMode.SIMULATION, T0, T0)
    return Agent(
        agent_id,
        user_id,
        name,
        TradingMode.SIMULATION,
        True,
        True,
        config or TradingConfig(),
        (wallet,),
        T0,
        T0,
    )


class FakeEngine:
    """The real use cases wired as the product wires them, over a journal and a market in memory."""

    def __init__(
        self,
        journal: FakeJournal | None = None,
        swaps: FakeSwaps | None = None,
        *,
        decimals: int = 6,
        exits_need_automation: bool = False,
    ) -> None:
        self.clock = FakeClock()
        self.journal = journal or FakeJournal()
        self.swaps = swaps or FakeSwaps()
        self.keys = FakeKeys()
        self.sol_price = FakeSolPrice()
        self.trails = FakeTrails()
        self.events: list[object] = []
        self.bus = EventBus()
        self.directory = AgentDirectory()
        self.latest_prices = LatestPrices()
        self.book = PositionBook()
        publish = self._publish
        self.ledger = Ledger(journal=self.journal, clock=self.clock, publish=publish)
        self.in_flight = IntentsInFlight(self.ledger.lanes)
        gateways = {TradingMode.SIMULATION: self.swaps, TradingMode.LIVE: self.swaps}
        self.doubtful: set[TokenAddress] = set()
        self.purchases = BuyToken(
            ledger=self.ledger,
            gateways=dict(gateways),
            decimals=FakeDecimals(decimals),
            keys=self.keys,
            sol_price=self.sol_price,
            clock=self.clock,
            publish=publish,
            random_unit=lambda: Decimal("0.5"),
            fee_reserve_lamports=10_000_000,
            in_flight=self.in_flight,
            is_doubtful=lambda token: token in self.doubtful,
            current=self.directory.find,
        )
        self.sales = ClosePosition(
            ledger=self.ledger,
            directory=self.directory,
            gateways=dict(gateways),
            sol_price=self.sol_price,
            clock=self.clock,
            publish=publish,
            in_flight=self.in_flight,
            book=self.book,
        )
        self.take_profit = TakeProfitSale(operations=self.sales.operations, directory=self.directory)
        self.average_down = AverageDown(
            operations=self.sales.operations,
            directory=self.directory,
            clock=self.clock,
            fee_reserve_lamports=10_000_000,
        )
        self.operations = PositionOrderTasks(
            take_profit=self.take_profit,
            average_down=self.average_down,
            policy=PositionOrderPolicy(),
            clock=self.clock,
        )
        self.policy = ExitPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.01)
        self.exits = ExitTasks(close=self.sales, policy=self.policy, clock=self.clock, publish=publish)
        self.keeper = TrailKeeper(store=self.trails, book=self.book, publish=publish)
        self.watcher = PositionWatcher(
            book=self.book,
            directory=self.directory,
            exits=self.exits,
            trails=self.keeper,
            clock=self.clock,
            operations=self.operations,
            exits_need_automation=exits_need_automation,
        )
        self.probes = [FakeProbe("dexscreener"), FakeProbe("jupiter")]
        self.dead_tokens = DeadTokens(
            book=self.book,
            latest_prices=self.latest_prices,
            exits=self.exits,
            operations=self.sales.operations,
            probes=self.probes,
            clock=self.clock,
        )
        self.recovery = Recovery(
            ledger=self.ledger,
            directory=self.directory,
            book=self.book,
            purchases=self.purchases,
            sales=self.sales,
            exits=self.exits,
            gateways=dict(gateways),
            in_flight=self.in_flight,
            clock=self.clock,
            max_purchase_age_seconds=300,
            publish=publish,
        )
        self.bus.on(AgentSaved, self.directory.on_saved, self.watcher.on_agent_saved)
        self.bus.on(PositionOpened, self.watcher.on_opened)
        self.bus.on(PositionUpdated, self.watcher.on_updated)
        self.bus.on(PositionClosed, self.watcher.on_closed, self.dead_tokens.on_closed)
        self.bus.on(ExitAttemptFailed, self.dead_tokens.on_exit_attempt_failed)
        self.bus.on(PricesChanged, self.latest_prices.on_prices, self.watcher.on_prices)

    def _publish(self, event: object) -> None:
        self.events.append(event)
        self.bus.publish(event)

    async def add_agent(self, agent: Agent, sol_balance: Decimal = Decimal(10)) -> Agent:
        self._publish(AgentSaved(agent))
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
        price = TokenPrice(token, price_sol, None, PriceSource.DEXSCREENER, self.clock.now())
        self._publish(PricesChanged([price], self.clock.now()))

    def positions(self, agent: Agent) -> list[Position]:
        return list(self.ledger.head(agent.wallets[0].address).positions.values())
