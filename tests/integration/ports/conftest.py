"""Both sides of every port: each test here runs against the fake of the unit tests and against PostgreSQL or Redis.

The unit tests trust their fakes; what keeps a fake from telling something else than the real one is that both pass these.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

import pytest
from pydantic import SecretStr

from nexgent.domain.administration.cache_copies import CacheCopies
from nexgent.domain.agents.config import DEFAULT_CONFIG
from nexgent.domain.agents.config_history import ConfigHistory
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.audit.ports import AuditLog
from nexgent.domain.bookkeeping.ports import EmptyBalances, HandEntries
from nexgent.domain.idempotency.ports import AnswerStore
from nexgent.domain.ledger.ports import Journal
from nexgent.domain.notifications.ports import TargetRepository
from nexgent.domain.performance.models import Snapshot
from nexgent.domain.performance.ports import PerformanceQueries
from nexgent.domain.protections.ports import ProtectionStore
from nexgent.domain.signals.ports import SignalEdits, SignalStore
from nexgent.domain.signals.queries import SignalQueries
from nexgent.domain.signals.webhooks.ports import WebhookRepository
from nexgent.domain.trading.ports import TrailStore
from nexgent.domain.transactions.queries import ClosedTradeRow
from nexgent.domain.users.api_keys import ApiKeyRepository
from nexgent.domain.users.login_guard import LoginAttempts
from nexgent.domain.users.ports import ApiKeyStore, SessionStore, UserRepository
from nexgent.domain.users.session_records import SessionRecords
from nexgent.domain.users.socket_tickets import TicketStore
from nexgent.domain.users.web_links import LinkStore
from nexgent.domain.wallets.ports import WalletRepository
from nexgent.infrastructure.cache.admin import RedisCopies
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.cache.mirror_content import MirrorContent
from nexgent.infrastructure.cache.sessions import RedisSessionStore
from nexgent.infrastructure.cache.web_links import RedisLinkStore
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.single_records import PostgresHandEntries
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.api_keys import PostgresApiKeyRepository
from nexgent.infrastructure.database.stores.audit import PostgresAuditLog
from nexgent.infrastructure.database.stores.balances import PostgresEmptyBalances
from nexgent.infrastructure.database.stores.idempotency import PostgresAnswerStore
from nexgent.infrastructure.database.stores.login_attempts import PostgresLoginAttempts
from nexgent.infrastructure.database.stores.notification_targets import PostgresTargets
from nexgent.infrastructure.database.stores.performance import PostgresPerformance
from nexgent.infrastructure.database.stores.protections import PostgresProtectionStore
from nexgent.infrastructure.database.stores.queries import PostgresSignalQueries
from nexgent.infrastructure.database.stores.sessions import PostgresSessionRecords
from nexgent.infrastructure.database.stores.signal_edits import PostgresSignalEdits
from nexgent.infrastructure.database.stores.signals import PostgresSignalStore
from nexgent.infrastructure.database.stores.trails import PostgresTrailStore
from nexgent.infrastructure.database.stores.users import PostgresApiKeyStore, PostgresUserRepository
from nexgent.infrastructure.database.stores.wallets import PostgresWalletRepository
from nexgent.infrastructure.database.stores.webhooks import PostgresWebhooks
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.infrastructure.websocket.tickets import RedisTicketStore
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import an_agent
from tests.fakes.account import FakeFigures, FakeKeyRows
from tests.fakes.api import FakeAgents, FakeAttempts, FakeKeys, FakeRecords, FakeSessionStore, FakeUsers
from tests.fakes.audit import FakeAuditLog
from tests.fakes.bookkeeping import FakeEmptyBalances, FakeHandEntries, FakeSignalEdits
from tests.fakes.clock import FakeClock
from tests.fakes.copies import NOTHING, FakeCopies
from tests.fakes.engine import FakeEngine
from tests.fakes.market import FakeTrails
from tests.fakes.notifications import FakeTargets
from tests.fakes.protections import FakeProtectionStore
from tests.fakes.requests import FakeAnswers
from tests.fakes.signals import FakeSignals
from tests.fakes.tickets import FakeTickets
from tests.fakes.wallets import FakeWallets
from tests.fakes.web_links import FakeLinks
from tests.fakes.webhooks import FakeWebhooks
from tests.integration.database.conftest import journal, projector
from tests.integration.database.story import Story, add_owners
from tests.integration.repositories.conftest import Pool, add_user, pool

__all__ = ["journal", "pool", "projector"]

SECRET = SecretStr("a secret of tests, 32 characters long")


class Snapshots(Protocol):
    """Where the hourly job leaves its snapshots."""

    async def save(self, snapshots: Sequence[Snapshot]) -> int:
        """Keep them; return how many."""
        ...


class Stores(Protocol):
    """What stands behind the ports, all over one database or one memory."""

    agents: AgentRepository
    config_history: ConfigHistory
    answers: AnswerStore
    attempts: LoginAttempts
    audit: AuditLog
    edits: SignalEdits
    empty_balances: EmptyBalances
    figures: PerformanceQueries
    hand_entries: HandEntries
    journal: Journal
    keys: ApiKeyRepository
    known_keys: ApiKeyStore
    protections: ProtectionStore
    queries: SignalQueries
    sessions: SessionRecords
    signals: SignalStore
    snapshots: Snapshots
    trails: TrailStore
    users: UserRepository
    wallets: WalletRepository
    targets: TargetRepository
    webhooks: WebhookRepository

    async def agent(self) -> Agent:
        """Add a user with an agent that has a paper wallet."""
        ...

    async def sold(self, trade: ClosedTradeRow) -> None:
        """Let the tables know a closed trade."""
        ...

    async def user(self) -> UserId:
        """Add a user."""
        ...

    async def projected(self) -> None:
        """Let the tables contain what is in the journal."""
        ...

    async def story(self) -> Story:
        """Add a user, an agent and its wallet, of which nothing is in the journal yet."""
        ...


class FakeStores:
    """In memory."""

    def __init__(self) -> None:
        known, signals = FakeKeys(), FakeSignals()
        self._engine = FakeEngine()
        self._journal = self._engine.journal
        self._figures = FakeFigures()
        agents = FakeAgents()
        self.agents: AgentRepository = agents
        self.config_history: ConfigHistory = agents
        self.attempts: LoginAttempts = FakeAttempts()
        self.figures: PerformanceQueries = self._figures
        self.snapshots: Snapshots = self._figures
        self.empty_balances: EmptyBalances = FakeEmptyBalances(self._journal)
        self.hand_entries: HandEntries = FakeHandEntries(self._journal)
        users, keys, webhooks = FakeUsers(), FakeKeyRows(known), FakeWebhooks()
        users.keys, users.webhooks = keys, webhooks
        self.users: UserRepository = users
        self.wallets: WalletRepository = FakeWallets(self._engine)
        self.answers: AnswerStore = FakeAnswers()
        self.audit: AuditLog = FakeAuditLog()
        self.edits: SignalEdits = FakeSignalEdits(signals.rows)
        self.journal: Journal = self._journal
        self.keys: ApiKeyRepository = keys
        self.known_keys: ApiKeyStore = known
        self.protections: ProtectionStore = FakeProtectionStore()
        self.queries: SignalQueries = signals
        self.sessions: SessionRecords = FakeRecords()
        self.signals: SignalStore = signals
        self.trails: TrailStore = FakeTrails()
        self.targets: TargetRepository = FakeTargets()
        self.webhooks: WebhookRepository = webhooks

    async def agent(self) -> Agent:
        agent = replace(an_agent(), config=DEFAULT_CONFIG)
        await self.agents.add(agent)
        await self._engine.add_agent(agent, Decimal(0))
        return agent

    async def sold(self, trade: ClosedTradeRow) -> None:
        self._figures.trades.append(trade)

    async def user(self) -> UserId:
        return UserId(new_id())

    async def projected(self) -> None:
        pass

    async def story(self) -> Story:
        story = Story()
        self._journal.add_wallet(story.wallet, story.agent_id)
        return story


class RealStores:
    """In PostgreSQL."""

    def __init__(
        self, pool: Pool, journal: PostgresJournal, trails: PostgresTrailStore, projector: Projector
    ) -> None:
        self._pool, self._projector = pool, projector
        performance = PostgresPerformance(pool)
        agents = PostgresAgentRepository(pool)
        self.agents: AgentRepository = agents
        self.config_history: ConfigHistory = agents
        self.attempts: LoginAttempts = PostgresLoginAttempts(pool)
        self.figures: PerformanceQueries = performance
        self.snapshots: Snapshots = performance
        self.empty_balances: EmptyBalances = PostgresEmptyBalances(pool)
        self.hand_entries: HandEntries = PostgresHandEntries(pool)
        self.users: UserRepository = PostgresUserRepository(pool)
        self.wallets: WalletRepository = PostgresWalletRepository(pool)
        self.answers: AnswerStore = PostgresAnswerStore(pool, Sealer(SECRET, "idempotency"), FakeClock())
        self.audit: AuditLog = PostgresAuditLog(pool)
        self.edits: SignalEdits = PostgresSignalEdits(pool)
        self.journal: Journal = journal
        self.keys: ApiKeyRepository = PostgresApiKeyRepository(pool)
        self.known_keys: ApiKeyStore = PostgresApiKeyStore(pool)
        self.protections: ProtectionStore = PostgresProtectionStore(pool)
        self.queries: SignalQueries = PostgresSignalQueries(pool)
        self.sessions: SessionRecords = PostgresSessionRecords(pool)
        self.signals: SignalStore = PostgresSignalStore(pool)
        self.trails: TrailStore = trails
        self.targets: TargetRepository = PostgresTargets(pool, Sealer(SECRET, "notification-target"))
        self.webhooks: WebhookRepository = PostgresWebhooks(pool, Sealer(SECRET, "signal-webhook"))

    async def agent(self) -> Agent:
        agent = replace(an_agent(user_id=await self.user()), config=DEFAULT_CONFIG)
        await self.agents.add(agent)
        return agent

    async def sold(self, trade: ClosedTradeRow) -> None:
        await self._pool.execute(
            "INSERT INTO agent_historical_swaps (id, agent_id, wallet_address, token_address, token_symbol, amount,"
            " purchase_price, sale_price, change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            trade.id,
            trade.agent_id,
            trade.wallet_address,
            trade.token_address,
            trade.token_symbol,
            trade.amount,
            trade.purchase_price,
            trade.sale_price,
            trade.change_percent,
            trade.profit_loss_usd,
            trade.profit_loss_sol,
            trade.purchase_time,
            trade.sale_time,
        )

    async def user(self) -> UserId:
        return await add_user(self._pool)

    async def projected(self) -> None:
        await self._projector.project_all()

    async def story(self) -> Story:
        story = Story()
        async with self._pool.acquire() as connection:
            await add_owners(connection, [story])  # type: ignore[arg-type]  # A pool's connection does the same.
        return story


@pytest.fixture
async def trails(database_url: str) -> AsyncIterator[PostgresTrailStore]:
    store = PostgresTrailStore(database_url)
    yield store
    await store.close()


@pytest.fixture(params=["fake", "real"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "fake":
        return FakeStores()
    return RealStores(*(request.getfixturevalue(name) for name in ("pool", "journal", "trails", "projector")))


@pytest.fixture(params=["fake", "real"])
def tickets(request: pytest.FixtureRequest) -> TicketStore:
    if request.param == "fake":
        return FakeTickets()
    return RedisTicketStore(request.getfixturevalue("request_redis"), "test:")


@pytest.fixture(params=["fake", "real"])
def links(request: pytest.FixtureRequest) -> LinkStore:
    if request.param == "fake":
        return FakeLinks()
    sealer = Sealer(SecretStr("a-secret-for-tests-only-0123456789abcdef"), "web-link")
    return RedisLinkStore(request.getfixturevalue("request_redis"), "test:", sealer)


@pytest.fixture(params=["fake", "real"])
def tokens(request: pytest.FixtureRequest) -> SessionStore:
    if request.param == "fake":
        return FakeSessionStore()
    return RedisSessionStore(request.getfixturevalue("request_redis"), "test:")


@dataclass
class Copies:
    """The copies, nothing copied yet, and `filling`: while it is entered somebody copies what there is."""

    copies: CacheCopies
    filling: Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture(params=["fake", "real"])
def copied(request: pytest.FixtureRequest) -> Copies:
    if request.param == "fake":
        fake = FakeCopies()
        fake.now = NOTHING
        return Copies(fake, nullcontext)
    keys = CacheKeys("test:")
    redis, request_redis = request.getfixturevalue("redis"), request.getfixturevalue("request_redis")

    @asynccontextmanager
    async def filling() -> AsyncIterator[None]:
        engine = FakeEngine()
        agents = [await engine.add_agent(an_agent()) for _ in range(2)]
        await engine.buy(agents)
        held = [(one.position, one.trail) for one in engine.book.all()]
        content = MirrorContent(states=list(engine.ledger.states()), agents=agents, positions=held, prices=[])
        mirror = RedisMirror(redis=redis, keys=keys, content=lambda _: content)
        running = asyncio.create_task(mirror.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return Copies(RedisCopies(request_redis, keys, SystemClock()), filling)
