"""Both sides of every port: each test here runs against the fake of the unit tests and against PostgreSQL or Redis.

The unit tests trust their fakes; what keeps a fake from telling something else than the real one is that both pass these.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import pytest
from pydantic import SecretStr

from nexgent.domain.audit.ports import AuditLog
from nexgent.domain.idempotency.ports import AnswerStore
from nexgent.domain.ledger.ports import Journal
from nexgent.domain.protections.ports import ProtectionStore
from nexgent.domain.signals.ports import SignalEdits, SignalStore
from nexgent.domain.signals.queries import SignalQueries
from nexgent.domain.signals.webhooks.ports import WebhookRepository
from nexgent.domain.trading.ports import TrailStore
from nexgent.domain.users.api_keys import ApiKeyRepository
from nexgent.domain.users.ports import ApiKeyStore, SessionStore
from nexgent.domain.users.session_records import SessionRecords
from nexgent.domain.users.socket_tickets import TicketStore
from nexgent.infrastructure.cache.sessions import RedisSessionStore
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.stores.api_keys import PostgresApiKeyRepository
from nexgent.infrastructure.database.stores.audit import PostgresAuditLog
from nexgent.infrastructure.database.stores.idempotency import PostgresAnswerStore
from nexgent.infrastructure.database.stores.protections import PostgresProtectionStore
from nexgent.infrastructure.database.stores.queries import PostgresSignalQueries
from nexgent.infrastructure.database.stores.sessions import PostgresSessionRecords
from nexgent.infrastructure.database.stores.signal_edits import PostgresSignalEdits
from nexgent.infrastructure.database.stores.signals import PostgresSignalStore
from nexgent.infrastructure.database.stores.trails import PostgresTrailStore
from nexgent.infrastructure.database.stores.users import PostgresApiKeyStore
from nexgent.infrastructure.database.stores.webhooks import PostgresWebhooks
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.infrastructure.websocket.tickets import RedisTicketStore
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.fakes.account import FakeKeyRows
from tests.fakes.api import FakeKeys, FakeRecords, FakeSessionStore
from tests.fakes.audit import FakeAuditLog
from tests.fakes.bookkeeping import FakeSignalEdits
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeTrails
from tests.fakes.protections import FakeProtectionStore
from tests.fakes.requests import FakeAnswers
from tests.fakes.signals import FakeSignals
from tests.fakes.tickets import FakeTickets
from tests.fakes.webhooks import FakeWebhooks
from tests.integration.database.conftest import journal
from tests.integration.database.story import Story, add_owners
from tests.integration.repositories.conftest import Pool, add_user, pool

__all__ = ["journal", "pool"]

SECRET = SecretStr("a secret of tests, 32 characters long")


class Stores(Protocol):
    """What stands behind the ports, all over one database or one memory."""

    answers: AnswerStore
    audit: AuditLog
    edits: SignalEdits
    journal: Journal
    keys: ApiKeyRepository
    known_keys: ApiKeyStore
    protections: ProtectionStore
    queries: SignalQueries
    sessions: SessionRecords
    signals: SignalStore
    trails: TrailStore
    webhooks: WebhookRepository

    async def user(self) -> UserId:
        """Add a user."""
        ...

    async def story(self) -> Story:
        """Add a user, an agent and its wallet, of which nothing is in the journal yet."""
        ...


class FakeStores:
    """In memory."""

    def __init__(self) -> None:
        known, signals = FakeKeys(), FakeSignals()
        self._journal = FakeJournal()
        self.answers: AnswerStore = FakeAnswers()
        self.audit: AuditLog = FakeAuditLog()
        self.edits: SignalEdits = FakeSignalEdits(signals.rows)
        self.journal: Journal = self._journal
        self.keys: ApiKeyRepository = FakeKeyRows(known)
        self.known_keys: ApiKeyStore = known
        self.protections: ProtectionStore = FakeProtectionStore()
        self.queries: SignalQueries = signals
        self.sessions: SessionRecords = FakeRecords()
        self.signals: SignalStore = signals
        self.trails: TrailStore = FakeTrails()
        self.webhooks: WebhookRepository = FakeWebhooks()

    async def user(self) -> UserId:
        return UserId(new_id())

    async def story(self) -> Story:
        story = Story()
        self._journal.add_wallet(story.wallet, story.agent_id)
        return story


class RealStores:
    """In PostgreSQL."""

    def __init__(self, pool: Pool, journal: PostgresJournal, trails: PostgresTrailStore) -> None:
        self._pool = pool
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
        self.webhooks: WebhookRepository = PostgresWebhooks(pool, Sealer(SECRET, "signal-webhook"))

    async def user(self) -> UserId:
        return await add_user(self._pool)

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
    return RealStores(*(request.getfixturevalue(name) for name in ("pool", "journal", "trails")))


@pytest.fixture(params=["fake", "real"])
def tickets(request: pytest.FixtureRequest) -> TicketStore:
    if request.param == "fake":
        return FakeTickets()
    return RedisTicketStore(request.getfixturevalue("request_redis"), "test:")


@pytest.fixture(params=["fake", "real"])
def tokens(request: pytest.FixtureRequest) -> SessionStore:
    if request.param == "fake":
        return FakeSessionStore()
    return RedisSessionStore(request.getfixturevalue("request_redis"), "test:")
