"""The HTTP application over fakes: a real engine in memory, users and queries in lists."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import cast
from uuid import UUID

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.datastructures import State

from nexgent.api.app import create_api, fixed_segments
from nexgent.api.deps import ApiServices, ApiValues, EngineState
from nexgent.api.fragments import FragmentCache
from nexgent.api.rate_limits import RateLimits
from nexgent.api.v1.positions.views import PositionFragments
from nexgent.bootstrap.api_services import ApiPorts, build_api_services
from nexgent.bootstrap.engine import build_orders_by_hand
from nexgent.bootstrap.protections import build_protections
from nexgent.bootstrap.users import UserPorts, build_users
from nexgent.domain.administration.insight import LogLevelChange, LogStanding, RecentWarning, UpstreamBudget
from nexgent.domain.agents.config import DEFAULT_CONFIG, TradingConfig, to_json_dict
from nexgent.domain.agents.config_history import MOST_VERSIONS, ConfigVersion
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import Agent
from nexgent.domain.audit.trail import AuditTrail
from nexgent.domain.forwarding.forward_command import ForwardCommand
from nexgent.domain.notifications.models import Channel
from nexgent.domain.reconciliation.reconciliation import ReconciliationHealth
from nexgent.domain.transactions.queries import (
    ClosedTradeExportRow,
    ClosedTradeFilter,
    ClosedTradeRow,
    TransactionFilter,
    TransactionRow,
)
from nexgent.domain.users.errors import LoginBusyError
from nexgent.domain.users.login_guard import (
    FORGET_AFTER,
    LONGEST_LOCK,
    OF_NETWORK,
    OF_STRANGERS,
    STRANGERS,
    Attempt,
    LockRule,
)
from nexgent.domain.users.models import ApiKey, Claims, TokenType, User, UserOverview
from nexgent.domain.users.origin import Origin
from nexgent.domain.users.session_records import SessionRecord
from nexgent.infrastructure.database.stores.agents import AgentConflictError
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.middleware.client_address import ClientAddresses
from nexgent.middleware.stack import add_middleware
from nexgent.shared.addresses import Networks
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import AgentId, ClosedTradeId, TransactionId, UserId
from tests.builders import USER
from tests.fakes.account import FakeFigures, FakeKeyRows, FakeOverview
from tests.fakes.audit import FakeAuditLog
from tests.fakes.bookkeeping import (
    FakeEmptyBalances,
    FakeHandEntries,
    FakeSignalEdits,
    journaled_closed_trade,
    journaled_transaction,
)
from tests.fakes.clock import FakeClock
from tests.fakes.copies import FakeCopies
from tests.fakes.encrypted_wallets import World
from tests.fakes.engine import FakeEngine
from tests.fakes.forwarding import FakeForwarding
from tests.fakes.journal import FakeJournal
from tests.fakes.live_market import FakeLiveMarket
from tests.fakes.notifications import FakeSender, FakeTargets
from tests.fakes.price_history import FakePriceHistory
from tests.fakes.protections import FakeProtectionStore
from tests.fakes.reconciliation import ReconciliationWorld
from tests.fakes.requests import FakeAnswers
from tests.fakes.shadow import FakeShadowFills
from tests.fakes.signals import FakeSignals
from tests.fakes.tickets import FakeTickets
from tests.fakes.wallets import WalletWorld
from tests.fakes.web_links import FakeLinks
from tests.fakes.webhooks import FakeWebhooks

SECRET = SecretStr("test-0123456789-0123456789-0123456789")
PASSWORD = "correct horse"
MACHINE_KEY = "the key of the data folder"
EMAIL = "a@b.co"
"""In the tokens of all users here, who are the administrator at the same time."""


class FakeAgents:
    """Agents in a dict, as the table keeps them: the configuration only when somebody stored one."""

    def __init__(self) -> None:
        self.stored: dict[AgentId, Agent] = {}
        self.config_stored: dict[AgentId, bool] = {}
        self.gone: dict[AgentId, Agent] = {}
        self.versions: dict[AgentId, list[ConfigVersion]] = {}
        self.failure: Exception | None = None

    async def list_all(self) -> Sequence[Agent]:
        return sorted(self.stored.values(), key=lambda agent: agent.created_at)

    async def list_deleted(self) -> Sequence[Agent]:
        return sorted(self.gone.values(), key=lambda agent: agent.created_at)

    async def get(self, agent_id: AgentId) -> Agent | None:
        return self.stored.get(agent_id)

    async def add(self, agent: Agent) -> None:
        if self.failure is not None:
            raise self.failure
        taken = {wallet.address for one in self.stored.values() for wallet in one.wallets}
        if agent.id in self.stored or taken & {wallet.address for wallet in agent.wallets}:
            raise AgentConflictError("taken")
        self.stored[agent.id] = replace(agent, config=DEFAULT_CONFIG)
        self._keep(agent.id, DEFAULT_CONFIG, agent.created_at, "")

    def _keep(self, agent_id: AgentId, config: TradingConfig, at: datetime, by: str) -> None:
        kept, shown = self.versions.setdefault(agent_id, []), to_json_dict(config)
        if not kept or kept[-1].config != shown:
            number = kept[-1].id + 1 if kept else 1
            kept.append(ConfigVersion(id=number, saved_at=at, saved_by=by, config=shown))
            del kept[:-MOST_VERSIONS]

    async def config_versions(
        self, agent_id: AgentId, *, limit: int, offset: int = 0, before: int | None = None
    ) -> Sequence[ConfigVersion]:
        kept = [one for one in self.versions.get(agent_id, ()) if before is None or one.id < before]
        return kept[::-1][offset : offset + limit]

    async def save(self, agent: Agent, *, store_config: bool | None = None, saved_by: str = "") -> None:
        if self.failure is not None:
            raise self.failure
        known = self.stored.get(agent.id)
        if known is None:
            raise AgentNotFoundError(agent.id)
        config = {True: agent.config, False: DEFAULT_CONFIG, None: known.config}[store_config]
        self.stored[agent.id] = replace(
            agent,
            config=config,
            user_id=known.user_id,
            wallets=known.wallets,
            created_at=known.created_at,
        )
        if store_config is not None:
            self.config_stored[agent.id] = store_config
            self._keep(agent.id, config, agent.updated_at, saved_by)

    async def delete(self, agent_id: AgentId) -> None:
        agent = self.stored.pop(agent_id, None)
        if agent is not None:
            self.gone[agent_id] = replace(agent, wallets=())


class FakeUsers:
    """Users in a dict; what else they have is within reach where a test gives it."""

    def __init__(self) -> None:
        self.by_id: dict[UserId, User] = {}
        self.agents: FakeAgents | None = None
        self.keys: FakeKeyRows | None = None
        self.records: FakeRecords | None = None
        self.webhooks: FakeWebhooks | None = None

    async def get(self, user_id: UserId) -> User | None:
        return self.by_id.get(user_id)

    async def find_by_email(self, email: str) -> User | None:
        return next((user for user in self.by_id.values() if user.email == email), None)

    async def any(self) -> bool:
        return bool(self.by_id)

    async def only_one(self) -> UserId | None:
        return next(iter(self.by_id)) if len(self.by_id) == 1 else None

    async def add(self, user: User) -> bool:
        if await self.find_by_email(user.email) is not None:
            return False
        self.by_id[user.id] = user
        return True

    async def set_password(self, user_id: UserId, password_hash: str, now: datetime) -> None:
        self.by_id[user_id] = replace(
            self.by_id[user_id],
            password_hash=password_hash,
            failed_login_attempts=0,
            locked_until=None,
            sessions_from=now,
            seeded_password_hash=None,
        )

    async def change_password(self, user_id: UserId, password_hash: str, now: datetime) -> None:
        user = self.by_id[user_id]
        seeded = user.seeded_password_hash or user.password_hash if user.seeded else None
        self.by_id[user_id] = replace(
            user, password_hash=password_hash, sessions_from=now, seeded_password_hash=seeded
        )

    async def close(self, user_id: UserId, now: datetime) -> None:
        user = self.by_id.get(user_id)
        if user is None:
            return
        seeded = user.seeded_password_hash or user.password_hash if user.seeded else None
        self.by_id[user_id] = replace(
            user, password_hash=None, sessions_from=now, seeded_password_hash=seeded
        )
        for row in await self.keys.of_user(user_id) if self.keys is not None else ():
            assert self.keys is not None
            await self.keys.delete(row.id, user_id)
        for webhook in await self.webhooks.of_user(user_id) if self.webhooks is not None else ():
            assert self.webhooks is not None
            await self.webhooks.remove(webhook.id, user_id)

    async def list(
        self, *, limit: int, offset: int = 0, after: PageCursor[UserId] | None = None
    ) -> Sequence[UserOverview]:
        users = sorted(self.by_id.values(), key=lambda user: (user.created_at, user.id), reverse=True)
        users = [
            user for user in users if after is None or (user.created_at, user.id) < (after.time, after.id)
        ]
        return [await self._overview(user) for user in users[offset : offset + limit]]

    async def _overview(self, user: User) -> UserOverview:
        agents = self.agents.stored.values() if self.agents is not None else ()
        records = self.records.rows.values() if self.records is not None else ()
        return UserOverview(
            id=user.id,
            email=user.email,
            created_at=user.created_at,
            active=user.password_hash is not None,
            agents=sum(agent.user_id == user.id for agent in agents),
            api_keys=len(await self.keys.of_user(user.id)) if self.keys is not None else 0,
            last_used_at=max(
                (record.last_used_at for record in records if record.user_id == user.id), default=None
            ),
        )

    async def adopt(self, user_id: UserId, now: datetime) -> None:
        self.by_id[user_id] = replace(self.by_id[user_id], seeded=True)

    async def sessions_from(self) -> Mapping[UserId, datetime]:
        return {user.id: user.sessions_from for user in self.by_id.values() if user.sessions_from is not None}

    async def gone(self, users: Collection[UserId]) -> Collection[UserId]:
        return set(users) - set(self.by_id)


@dataclass
class _Count:
    """Attempts under one row, as the table counts them."""

    attempts: int
    updated_at: datetime
    locks: int = 0
    locked_until: datetime | None = None


class FakeAttempts:
    """Attempts in a dict: a row for each network of an account, and one for all strangers together."""

    def __init__(self) -> None:
        self.counts: dict[tuple[bytes, str], _Count] = {}
        self.known: set[tuple[UserId, str]] = set()

    async def claim(
        self, account: bytes, network: str, user_id: UserId | None, now: datetime
    ) -> Attempt | datetime:
        known = user_id is not None and (user_id, network) in self.known
        rows = {(account, network): OF_NETWORK}
        if not known:
            rows[account, STRANGERS] = OF_STRANGERS
        locks = {name: self._locked_until(name, now) for name in rows}
        until = locks[account, network] or locks.get((account, STRANGERS))
        if until is not None:
            return until
        for name, rule in rows.items():
            self._count(name, rule, now)
        return Attempt(account, network, known)

    def _locked_until(self, name: tuple[bytes, str], now: datetime) -> datetime | None:
        row = self.counts.get(name)
        until = row.locked_until if row is not None else None
        return until if until is not None and until > now else None

    def _count(self, name: tuple[bytes, str], rule: LockRule, now: datetime) -> None:
        row = self.counts.get(name)
        if row is None:
            self.counts[name] = _Count(1, now)
            return
        old = row.updated_at < now - FORGET_AFTER
        was_locked, row.locked_until = row.locked_until, None
        if old and (was_locked or row.updated_at) < now - FORGET_AFTER:
            row.locks = 0
        row.attempts = 1 if old or was_locked is not None else row.attempts + 1
        row.updated_at = now
        if was_locked is None and not old and row.attempts >= rule.limit:
            row.locked_until = now + min(rule.lock * rule.growth ** min(row.locks, 16), LONGEST_LOCK)
            row.locks += 1

    def _take_back(self, name: tuple[bytes, str], rule: LockRule, count: int) -> None:
        row = self.counts.get(name)
        if row is None:
            return
        left = row.attempts - count
        if left < rule.limit:
            row.locks = max(0, row.locks - (row.locked_until is not None))
            row.locked_until = None
        row.attempts = max(0, left)
        if not row.attempts:
            del self.counts[name]

    async def withdraw(self, attempt: Attempt) -> None:
        if not attempt.known:
            self._take_back((attempt.account, STRANGERS), OF_STRANGERS, 1)
        self._take_back((attempt.account, attempt.network), OF_NETWORK, 1)

    async def succeeded(self, attempt: Attempt, user_id: UserId, now: datetime) -> None:
        mine = self.counts.pop((attempt.account, attempt.network), None)
        if not attempt.known:
            count = mine.attempts if mine is not None else 0
            self._take_back((attempt.account, STRANGERS), OF_STRANGERS, count)
        self.known.add((user_id, attempt.network))

    async def unlock(self, account: bytes, now: datetime) -> bool:
        gone = [self.counts.pop(name) for name in list(self.counts) if name[0] == account]
        return any(row.locked_until is not None and row.locked_until > now for row in gone)


class FakeRecords:
    """Records of sessions in a dict."""

    def __init__(self) -> None:
        self.rows: dict[str, SessionRecord] = {}

    async def add(self, record: SessionRecord) -> None:
        self.rows.setdefault(record.id, record)

    async def get(self, session_id: str, user_id: UserId) -> SessionRecord | None:
        row = self.rows.get(session_id)
        return row if row is not None and row.user_id == user_id else None

    async def use(self, session_id: str, origin: Origin, now: datetime) -> None:
        row = self.rows.get(session_id)
        if row is not None:
            self.rows[session_id] = replace(
                row,
                last_used_at=max(row.last_used_at, now),
                address=origin.address,
                user_agent=origin.user_agent,
            )

    async def rotate(self, session_id: str, token_id: str, new_token_id: str, now: datetime) -> bool:
        row = self.rows.get(session_id)
        if row is None or row.token_id != token_id or row.ended_at is not None:
            return False
        self.rows[session_id] = replace(
            row, token_id=new_token_id, previous_token_id=token_id, rotated_at=now
        )
        return True

    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[SessionRecord]:
        mine = [
            row
            for row in self.rows.values()
            if row.user_id == user_id and row.ended_at is None and row.expires_at > now
        ]
        return sorted(mine, key=lambda row: row.last_used_at, reverse=True)

    async def end(
        self, user_id: UserId, now: datetime, *, only: str | None = None, but: str | None = None
    ) -> Sequence[SessionRecord]:
        found = [
            row
            for row in await self.of_user(user_id, now)
            if (only is None or row.id == only) and (but is None or row.id != but)
        ]
        for row in found:
            self.rows[row.id] = replace(row, ended_at=now)
        return found

    async def ended(self, now: datetime) -> Mapping[str, int]:
        return {
            row.id: int(row.expires_at.timestamp())
            for row in self.rows.values()
            if row.ended_at is not None and row.expires_at > now
        }


class FakePasswords:
    """A fast hash that counts how often it was asked."""

    def __init__(self) -> None:
        self.checks = 0
        self.busy = False

    async def hash(self, password: str) -> str:
        return hashlib.sha256(password.encode()).hexdigest()

    async def verify(self, password: str, password_hash: str | None, *, known: bool = False) -> bool:
        if self.busy:
            raise LoginBusyError
        self.checks += 1
        # A real one takes a quarter of a second, in which others come.
        await asyncio.sleep(0)
        return password_hash == hashlib.sha256(password.encode("utf-8", "replace")).hexdigest()


class FakeSessionStore:
    """Refresh tokens and revocations in memory; `away` makes it unreachable."""

    def __init__(self) -> None:
        self.refresh: dict[str, UserId] = {}
        self.revoked: dict[str, int] = {}
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("Sessions are not available at present; try again shortly")

    async def add_refresh(self, token_id: str, user_id: UserId, lifetime: timedelta) -> None:
        self._check()
        self.refresh[token_id] = user_id

    async def refresh_owner(self, token_id: str) -> UserId | None:
        self._check()
        return self.refresh.get(token_id)

    async def remove_refresh(self, token_id: str) -> None:
        self._check()
        self.refresh.pop(token_id, None)

    async def revoke_access(self, token_id: str, expires_at: int, now: datetime) -> None:
        self._check()
        if expires_at > now.timestamp():
            self.revoked[token_id] = expires_at

    async def revoked_access(self, now: datetime) -> Mapping[str, int]:
        self._check()
        return self.revoked


class FakeKeys:
    """API keys by hash."""

    def __init__(self) -> None:
        self.by_hash: dict[str, ApiKey] = {}
        self.lookups = 0

    async def find(self, key_hash: str) -> ApiKey | None:
        self.lookups += 1
        return self.by_hash.get(key_hash)


class FakeTransactions:
    """Rows that a test puts in; remembers what was asked for."""

    def __init__(self) -> None:
        self.rows: list[TransactionRow] = []
        self.journal: FakeJournal | None = None
        self.wanted: TransactionFilter | None = None
        self.page = (0, 0)

    async def list(
        self,
        wanted: TransactionFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[TransactionId] | None = None,
    ) -> Sequence[TransactionRow]:
        self.wanted, self.page = wanted, (limit, offset)
        rows = [row for row in self.rows if row.agent_id == wanted.agent_id]
        rows = [row for row in rows if after is None or (row.time, row.id) < (after.time, after.id)]
        return sorted(rows, key=lambda row: (row.time, row.id), reverse=True)[offset : offset + limit]

    async def get(self, transaction_id: TransactionId) -> TransactionRow | None:
        row = next((row for row in self.rows if row.id == transaction_id), None)
        if row is None and self.journal is not None:
            return journaled_transaction(self.journal, transaction_id)
        return row


class FakeClosedTrades:
    """Rows that a test puts in; remembers what was asked for."""

    def __init__(self) -> None:
        self.rows: list[ClosedTradeRow] = []
        self.journal: FakeJournal | None = None
        self.wanted: ClosedTradeFilter | None = None
        self.signals: FakeSignals | None = None
        self.failure: Exception | None = None

    async def list(
        self,
        wanted: ClosedTradeFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[ClosedTradeId] | None = None,
    ) -> Sequence[ClosedTradeRow]:
        self.wanted = wanted
        rows = [row for row in self.rows if row.agent_id == wanted.agent_id]
        rows = [row for row in rows if after is None or (row.sale_time, row.id) < (after.time, after.id)]
        return sorted(rows, key=lambda row: (row.sale_time, row.id), reverse=True)[offset : offset + limit]

    async def get(self, closed_trade_id: ClosedTradeId) -> ClosedTradeRow | None:
        row = next((row for row in self.rows if row.id == closed_trade_id), None)
        if row is None and self.journal is not None:
            return journaled_closed_trade(self.journal, closed_trade_id)
        return row

    async def export(
        self, wanted: ClosedTradeFilter, *, after: ClosedTradeId | None = None, limit: int = 1000
    ) -> Sequence[ClosedTradeExportRow]:
        self.wanted = wanted
        if self.failure is not None:
            raise self.failure
        rows = [row for row in self.rows if row.agent_id == wanted.agent_id]
        rows = [row for row in rows if after is None or row.id > after]
        return [self._exported(row) for row in sorted(rows, key=lambda row: row.id)[:limit]]

    def _exported(self, row: ClosedTradeRow) -> ClosedTradeExportRow:
        signal = self.signals.rows.get(row.signal_id) if self.signals and row.signal_id is not None else None
        return ClosedTradeExportRow(
            trade=row,
            signal_type=signal.signal_type if signal else None,
            activation_reason=signal.activation_reason if signal else None,
        )


class FakeProjections:
    """Counts who waited."""

    def __init__(self) -> None:
        self.waited = 0

    async def caught_up(self) -> None:
        self.waited += 1


@dataclass
class FakeServers:
    """Servers that answer, or not."""

    database: Exception | None = None
    redis: Exception | None = None
    queue: Exception | None = None

    async def check_database(self) -> None:
        if self.database is not None:
            raise self.database

    async def check_redis(self) -> None:
        if self.redis is not None:
            raise self.redis

    async def check_queue(self) -> None:
        if self.queue is not None:
            raise self.queue

    def uptime_seconds(self) -> float:
        return 12.7


@dataclass
class FakeHealth:
    """An engine that works, or not."""

    reason: str | None = None
    lateness: str | None = None
    wallets: ReconciliationHealth | None = None

    def late(self) -> str | None:
        return self.lateness

    def engine(self) -> EngineState:
        return EngineState("engine", "here:1", 3, 0.2)

    def not_ready(self) -> str | None:
        return self.reason

    def reconciliation(self) -> ReconciliationHealth | None:
        return self.wallets


class FakeLogLevels:
    """Levels that nothing is logged by."""

    def __init__(self) -> None:
        self._standing = LogStanding("info", "info", {})

    def standing(self) -> LogStanding:
        return self._standing

    async def change(self, level: str | None, part: str = "") -> LogLevelChange:
        now = self._standing
        if not part:
            kept = {} if level is None else now.loggers
            self._standing = replace(now, level=level or now.configured, loggers=kept)
        else:
            others = {name: one for name, one in now.loggers.items() if name != part}
            self._standing = replace(now, loggers=others if level is None else {**others, part: level})
        now = self._standing
        return LogLevelChange(now.configured, now.level, now.loggers, 1)


@cache
def _shared_metrics() -> Metrics:
    return Metrics()


class FakeApi:
    """The application with its middleware, and whatever stands behind it within reach.

    It counts with others of its kind unless it is given `metrics` of its own: there are thousands, and sixty counters.
    """

    def __init__(
        self,
        *,
        values: ApiValues | None = None,
        allow_registration: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        # From the real time of day on: the library of tokens looks at it by itself.
        self.clock = FakeClock(SystemClock().now())
        engine = self.engine = FakeEngine(clock=self.clock)
        publish = engine.bus.publish
        self.agents = FakeAgents()
        self.users = FakeUsers()
        self.passwords = FakePasswords()
        self.store = FakeSessionStore()
        self.keys = FakeKeys()
        self.key_rows = FakeKeyRows(self.keys)
        self.tickets = FakeTickets()
        self.links = FakeLinks()
        records = FakeRecords()
        self.users.agents, self.users.keys, self.users.records = self.agents, self.key_rows, records
        self.keys_deleted: list[UUID] = []
        users = build_users(
            UserPorts(
                accounts=self.users,
                login_attempts=FakeAttempts(),
                passwords=self.passwords,
                session_store=self.store,
                session_records=records,
                keys=self.keys,
                key_records=self.key_rows,
                tickets=self.tickets,
                web_links=self.links,
            ),
            jwt_secret=SECRET,
            allow_registration=allow_registration,
            clock=self.clock,
            publish=publish,
            on_key_deleted=self.keys_deleted.append,
        )
        self.tokens = JwtCodec(SECRET)
        self.revoked = users.revoked
        self.signals = engine.signals
        self.transactions = FakeTransactions()
        self.closed_trades = FakeClosedTrades()
        self.closed_trades.signals = self.signals
        self.transactions.journal = self.closed_trades.journal = engine.journal
        self.hand_entries = FakeHandEntries(engine.journal)
        self.empty_balances = FakeEmptyBalances(engine.journal)
        self.projections = FakeProjections()
        self.servers = FakeServers()
        self.health = FakeHealth()
        self.metrics = metrics if metrics is not None else _shared_metrics()
        self.budgets: list[UpstreamBudget] = []
        self.warnings: list[RecentWarning] = []
        self.log_levels = FakeLogLevels()
        self.rate_limits = RateLimits(clock=self.clock, counters=None, enabled=False)
        self.answers = FakeAnswers()
        self.webhooks = FakeWebhooks()
        self.targets = FakeTargets()
        self.sender = FakeSender()
        self.forwarding = FakeForwarding()
        self.wallet_world = WalletWorld(engine, self.forwarding.require_engine)
        self.reconciliation = ReconciliationWorld(engine)
        self.encrypted = World(engine=engine, rules=self.wallet_world)
        self.protection_state = engine.protections
        self.protection_store = FakeProtectionStore()
        self.figures = FakeFigures()
        self.all_figures = FakeOverview()
        self.prices = FakePriceHistory()
        self.copies = FakeCopies()
        self.live_market = FakeLiveMarket()
        self.shadow_fills = FakeShadowFills()
        self.audit_log = FakeAuditLog()
        self.services = build_api_services(
            ApiPorts(
                agents=self.agents,
                config_history=self.agents,
                signals=self.signals,
                signal_edits=FakeSignalEdits(self.signals.rows),
                webhooks=self.webhooks,
                notification_targets=self.targets,
                senders=dict.fromkeys(Channel, self.sender),
                transactions=self.transactions,
                closed_trades=self.closed_trades,
                hand_entries=self.hand_entries,
                empty_balances=self.empty_balances,
                figures=self.figures,
                all_figures=self.all_figures,
                recorded_prices=self.prices,
                shadow_fills=self.shadow_fills,
                projections=self.projections,
                answers=self.answers,
                audit_log=self.audit_log,
                cache_copies=self.copies,
                live_market=self.live_market,
                keys=engine.keys,
                decimals=engine.decimals,
                sol_price=engine.sol_price,
                clock=engine.clock,
                publish=publish,
            ),
            engine=engine.parts,
            by_hand=build_orders_by_hand(
                engine.parts, self.signals, engine.keys, self.forwarding.require_engine
            ),
            users=users,
            wallets=self.wallet_world.use_cases,
            encrypted_wallets=self.encrypted.all,
            protections=build_protections(
                self.protection_state,
                self.protection_store,
                engine=engine.parts,
                admin_email="admin@b.co",
                is_engine=lambda: True,
                clock=engine.clock,
                publish=publish,
            ),
            reconciliation=self.reconciliation.use_cases,
            audit_trail=AuditTrail(store=self.audit_log),
            rate_limits=self.rate_limits,
            metrics=self.metrics.exposition,
            upstream_budgets=lambda: self.budgets,
            recent_warnings=lambda: self.warnings,
            log_levels=self.log_levels,
            servers=self.servers,
            health=self.health,
            values=values if values is not None else ApiValues(jupiter_configured=False, admin_email=EMAIL),
            max_price_age_seconds=30,
            deletion_patience_seconds=0.05,
            forward_command=cast("ForwardCommand", self.forwarding),
            require_engine=self.forwarding.require_engine,
            trades_for=self.forwarding.trades_for,
        )
        self.app = _application(self.services)
        add_middleware(
            self.app,
            observer=self.metrics,
            cors_origins=["http://localhost:3000"],
            fixed_segments=fixed_segments(),
            address_of=ClientAddresses(1, Networks.of(["127.0.0.1"]), MACHINE_KEY),
        )

    def token(
        self,
        user_id: UserId = USER,
        *,
        kind: TokenType = TokenType.ACCESS,
        seconds: int = 600,
        token_id: str | None = None,
    ) -> str:
        """Return a genuine token."""
        now = int(self.clock.now().timestamp())
        return self.tokens.encode(
            Claims(
                user_id=user_id,
                email=EMAIL,
                type=kind,
                token_id=token_id or str(new_id()),
                issued_at=now,
                expires_at=now + seconds,
            )
        )

    def client(self, user_id: UserId | None = USER) -> httpx.AsyncClient:
        """Return a client with a session of that user, or without one."""
        headers = {"authorization": f"Bearer {self.token(user_id)}"} if user_id is not None else {}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


@cache
def _template() -> FastAPI:
    return create_api()


def _application(services: ApiServices) -> FastAPI:
    """Return an application of its own. Only the routes are shared: making them takes longer than most tests."""
    app = copy(_template())
    app.user_middleware, app.middleware_stack = [], None
    app.state = State(
        {
            "services": services,
            "agent_fragments": FragmentCache(),
            "position_fragments": PositionFragments(),
        }
    )
    return app
