"""The parts of one running service, and their life: built, started, stopped."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import structlog

from nexgent.api.rate_limits import SHARE_SECONDS, RateLimits
from nexgent.bootstrap.child import ChildProcess
from nexgent.bootstrap.commands import build_commands
from nexgent.bootstrap.engine import Engine, EnginePorts, build_engine, build_orders_by_hand
from nexgent.bootstrap.engine_role import EngineLoops, EngineRole
from nexgent.bootstrap.following import FOLLOWING_SECONDS, EverybodyKept
from nexgent.bootstrap.health import EngineHealth, PriceHealth, ServerHealth
from nexgent.bootstrap.log_levels import SharedLogLevels, apply_log_level
from nexgent.bootstrap.market import Market, build_market
from nexgent.bootstrap.observers import EngineObserver, refresh_gauges
from nexgent.bootstrap.projections import CaughtUp, JournalGauges
from nexgent.bootstrap.protections import build_protections
from nexgent.bootstrap.punctuality import Punctuality
from nexgent.bootstrap.reconciliation import build_reconciliation, reconciliation_ports
from nexgent.bootstrap.sharing import Sharing, SharingPorts, build_sharing
from nexgent.bootstrap.start_up import load_agents, load_engine
from nexgent.bootstrap.storage import Storage
from nexgent.bootstrap.tracing import Tracing
from nexgent.bootstrap.users import build_users, user_ports
from nexgent.bootstrap.wallet_keys import (
    WalletKeyParts,
    build_encrypted_wallets,
    build_wallet_keys,
    report_held_by_others,
    report_stranded,
)
from nexgent.bootstrap.wallets import WalletPorts, build_wallets
from nexgent.bootstrap.wiring import wire_events
from nexgent.config.jwt_secret import resolve_jwt_secret
from nexgent.config.notifications import notification_secret
from nexgent.config.sections import Engines
from nexgent.config.settings import Settings
from nexgent.domain.administration.events import LogLevelChanged
from nexgent.domain.attention.notices import ListNotices
from nexgent.domain.audit.models import SYSTEM, AuditEntry, Outcome
from nexgent.domain.audit.trail import AuditTrail
from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.domain.ledger.share import LEADING, EngineShare, concerns
from nexgent.domain.notifications.watch_conditions import WATCH_SECONDS, KnownOutbox, WatchConditions
from nexgent.domain.prices.events import SolPriceSaid
from nexgent.domain.prices.models import SolPrice
from nexgent.domain.protections.refresh import RefreshProtections
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.reconciliation.events import WalletChecked
from nexgent.domain.trading.events import ExitAttemptFailed
from nexgent.domain.trading.rules.simulation_costs import REFERENCE_COSTS, SimulationCosts
from nexgent.domain.users.administrator import Administrator
from nexgent.domain.wallets.encrypted.events import WalletLocked
from nexgent.domain.wallets.encrypted.holdings import Holdings
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.infrastructure.cache.bridge import CHANNELS, EventBridge
from nexgent.infrastructure.cache.command_queue import PURPOSE
from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.infrastructure.cache.impatient import connect_for_requests
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.cache.mirror_content import MirrorContent
from nexgent.infrastructure.cache.rate_counters import RedisCounters
from nexgent.infrastructure.database.engines import PostgresEngines
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.audit import PostgresAuditLog
from nexgent.infrastructure.database.stores.idempotency import RENEW_SECONDS, PostgresAnswerStore
from nexgent.infrastructure.database.stores.notification_outbox import PostgresConditions
from nexgent.infrastructure.database.stores.protections import PostgresProtectionStore
from nexgent.infrastructure.database.stores.queries import PostgresSignalQueries
from nexgent.infrastructure.database.stores.signal_trades import PostgresSignalTrades
from nexgent.infrastructure.database.stores.signals import PostgresSignalStore
from nexgent.infrastructure.database.stores.trails import PostgresTrailStore
from nexgent.infrastructure.database.stores.wallet_secrets import PostgresWalletSecrets
from nexgent.infrastructure.database.stores.wallets import PostgresWalletRepository
from nexgent.infrastructure.logging.setup import log_levels
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.infrastructure.queue.connection import connect_queue
from nexgent.infrastructure.queue.notifier import ProjectionNotifier
from nexgent.infrastructure.security.passwords import BcryptHasher
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.infrastructure.wallets.crypto import WalletKeyCrypto
from nexgent.infrastructure.wallets.vault import SWEEP_SECONDS
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.shared.clock import SystemClock
from nexgent.shared.events import EventBus
from nexgent.shared.loops import LoopWatch, cancel_all, keep_running, run_every
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, is_in
from nexgent.shared.types import AgentId, WalletAddress

log = structlog.get_logger(__name__)

PROTECTIONS_SECONDS = 1.0
PANIC_SECONDS = 1.0
REVOKED_SECONDS = 15.0
AUDIT_SECONDS = 1.0
RECONCILIATION_SECONDS = 1.0
"""How often it is looked which live wallets are due."""
LEASE_KEPT_SECONDS = 0.5
WALLET_INDEX_SECONDS = 5.0
"""How soon keys are known that another process has stored."""


class Service:
    """The parts of one running service."""

    def __init__(self, settings: Settings, storage: Storage, pool: Any) -> None:
        self.settings = settings
        self.storage = storage
        self.clock = SystemClock()
        self.metrics = Metrics()
        self.observer = EngineObserver(self.metrics)
        self.loops = LoopWatch(self.clock, self.observer.loop_failed)
        self.bus = EventBus(self.observer.listener_failed)
        self.stopping = False
        self._tasks: list[asyncio.Task[Any]] = []
        self.pool = pool
        self.redis = connect_redis(storage.redis_url)
        self.request_redis = connect_for_requests(storage.redis_url, self.clock)
        self.queue = connect_queue(storage.redis_url)
        self.keys = CacheKeys(settings.storage.redis_key_prefix)
        self.lease = EngineLease(
            storage.database_url,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            seconds=settings.engine_lease_seconds,
            shared=settings.trading.engines is Engines.SHARED,
            eligible=settings.trading.engines is not Engines.NONE,
            version=version("nexgent"),
        )
        self.share = EngineShare(NO_SHARDS) if self.lease.shared else EngineShare()
        self.journal = PostgresJournal(storage.database_url, lease=self.lease)
        self.trail_store = PostgresTrailStore(storage.database_url)
        self.projector = Projector(storage.database_url)
        self.agents = PostgresAgentRepository(pool)
        self.signal_store = PostgresSignalStore(pool, lease=self.lease)
        self.wallet_keys = self._build_wallet_keys()
        self.market = self._build_market()
        self.tracing = Tracing(settings.tracing, self.metrics, self.clock)
        self.guard = ProtectionState()
        self.protection_store = PostgresProtectionStore(pool)
        self.refresh_protections = RefreshProtections(
            store=self.protection_store, protections=self.guard, clock=self.clock
        )
        self.engine = self._build_engine()
        self.by_hand = build_orders_by_hand(
            self.engine, PostgresSignalQueries(pool), self.wallet_keys.loaded, self.require_engine
        )
        self.reconciliation = build_reconciliation(
            reconciliation_ports(
                self.market,
                pool=pool,
                clock=self.clock,
                publish=self.bus.publish,
                may_send=self.lease.confirm,
            ),
            engine=self.engine,
            settings=settings.trading,
            require_engine=self.require_engine,
        )
        self.holdings = Holdings(directory=self.engine.directory, ledger=self.engine.ledger)
        self.caught_up = CaughtUp(self.projector, self.engine.ledger)
        self.rate_limits = RateLimits(
            clock=self.clock,
            counters=RedisCounters(self.request_redis, settings.storage.redis_key_prefix, self.clock),
            per_user=settings.limits.per_user,
            per_address=settings.limits.per_address,
            enabled=settings.limits.enabled,
        )
        self.jwt_secret = resolve_jwt_secret(settings)
        self.notification_secret = notification_secret(settings.notifications, self.jwt_secret)
        self.conditions = PostgresConditions(pool)
        self.outbox = KnownOutbox(store=self.conditions, clock=self.clock)
        self.hub = self._build_hub()
        self.passwords = BcryptHasher()
        self.users = build_users(
            user_ports(
                pool,
                self.request_redis,
                key_prefix=settings.storage.redis_key_prefix,
                passwords=self.passwords,
                link_sealer=Sealer(self.jwt_secret, "web-link"),
            ),
            jwt_secret=self.jwt_secret,
            allow_registration=settings.auth.allow_registration,
            clock=self.clock,
            publish=self.bus.publish,
            on_key_deleted=self.hub.on_key_deleted,
        )
        self.audit_log = PostgresAuditLog(pool)
        self.audit_trail = AuditTrail(store=self.audit_log)
        self.environment_wallets = EnvironmentWallets(
            keys=self.wallet_keys.loaded,
            administrator=Administrator(accounts=self.users.accounts, email=settings.auth.admin_email or ""),
            shared=settings.auth.wallets_shared,
        )
        self._build_wallets()
        self.answers = PostgresAnswerStore(pool, Sealer(self.jwt_secret, "idempotency"), self.clock)
        self.mirror = RedisMirror(
            redis=self.redis,
            keys=self.keys,
            content=self._content,
            watch=self.loops,
            may_write=lambda shards: self.lease.in_time and not shards & ~self.lease.shards,
            confirm=self.lease.confirm,
            shards=(lambda: self.share.shards) if self.lease.shared else None,
        )
        self.share.when_changed(self.mirror.shards_changed)
        self.punctuality = Punctuality(
            poll_seconds=settings.prices.poll_seconds,
            clock=self.clock,
            metrics=self.metrics,
            active=lambda: self.role.active,
        )
        self.bridge = EventBridge(
            redis=self.redis,
            keys=self.keys,
            publish=self.bus.publish,
            clock=self.clock,
            on_gap=self._reload_soon,
            keeps=self._keeps if self.lease.shared else None,
        )
        self.sharing = self._build_sharing()
        self.kept = self.sharing.following if self.sharing is not None else EverybodyKept()
        self.role = EngineRole(
            engine=self.engine,
            shards=self.sharing.shards if self.sharing is not None else None,
            loops=EngineLoops(
                engine=self.engine,
                lease=self.lease,
                clock=self.clock,
                poll_seconds=settings.prices.poll_seconds,
                watch=self.loops,
                on_tick=self.punctuality.ticked,
                shards=self.sharing.shards if self.sharing is not None else None,
            ),
            lease=self.lease,
            load=self._load,
            clock=self.clock,
            by_hand=(
                self.by_hand.buy.drain,
                self.by_hand.close.drain,
                self.reconciliation.rent.drain,
                self._lock_all_keys,
            ),
        )
        self.commands = build_commands(
            storage.redis_url,
            self.request_redis,
            self.keys,
            Sealer(self.jwt_secret, PURPOSE),
            engines=PostgresEngines(pool),
            lease=self.lease,
            engaged=self.role.engaged,
            clock=self.clock,
            told=self.observer.command_forwarded,
            served=self.observer.command_served,
        )
        self.log_levels = SharedLogLevels(
            log_levels(),
            publish=self.bus.publish,
            listeners=lambda: self.bridge.listeners(CHANNELS[LogLevelChanged]),
        )
        self.notifier = ProjectionNotifier(self.queue)
        self.servers = ServerHealth(pool=pool, redis=self.request_redis, clock=self.clock)
        self.health = EngineHealth(
            role=self.role,
            lease=self.lease,
            recovery=self.engine.recovery,
            prices=PriceHealth(
                poller=self.engine.poller,
                holds=lambda: len(self.engine.book) > 0,
                max_age_seconds=settings.prices.max_age_seconds,
            ),
            reconciliation=self.reconciliation.loop,
            problem=lambda: self.loops.problem() or self.punctuality.problem() or self.gauges.problem(),
            stopping=lambda: self.stopping,
        )
        wire_events(
            self.bus,
            engine=self.engine,
            observer=self.observer,
            hub=self.hub,
            mirror=self.mirror,
            loops=self.loops,
            bridge=self.bridge,
            notifier=self.notifier,
            is_engine=lambda: self.role.active,
            protections=self.guard,
            revoked=self.users.revoked,
            polled=self.sharing.polled if self.sharing is not None else None,
            following=self.sharing.following if self.sharing is not None else None,
            sol_price=self.sharing.sol_price if self.sharing is not None else None,
        )
        self.tracing.listen(self.bus, directory=self.engine.directory, venues=self.market.venues)
        self.bus.on(LogLevelChanged, apply_log_level, self.bridge.on_event)
        self.bus.on(WalletLocked, self._note_locked)
        self.bus.on(WalletChecked, self.observer.on_wallet_checked)
        self.bus.on(ExitAttemptFailed, self.reconciliation.loop.on_exit_attempt_failed)
        self.protections = build_protections(
            self.guard,
            self.protection_store,
            engine=self.engine,
            admin_email=settings.auth.admin_email or "",
            is_engine=lambda: self.role.active,
            clock=self.clock,
            publish=self.bus.publish,
        )
        self.gauges = JournalGauges(self.projector, self.queue, self.metrics)
        self._refresh_gauges()

    def _build_wallet_keys(self) -> WalletKeyParts:
        return build_wallet_keys(
            self.settings.wallet_keys,
            PostgresWalletSecrets(self.pool),
            WalletKeyCrypto(),
            idle_seconds=self.settings.trading.wallet_idle_lock_seconds,
            clock=self.clock,
            in_use=self._is_in_use,
            publish=self.bus.publish,
        )

    def _build_wallets(self) -> None:
        rows = PostgresWalletRepository(self.pool)
        self.wallets = build_wallets(
            WalletPorts(
                wallets=rows,
                keys=self.market.keys,
                environment=self.environment_wallets,
                chain=self.market.rpc,
                projections=self.caught_up,
                sol_price=self.market.sol_price,
                clock=self.clock,
                publish=self.bus.publish,
            ),
            engine=self.engine,
            require_engine=self.require_engine,
        )
        self.encrypted_wallets = build_encrypted_wallets(
            self.wallet_keys,
            directory=self.engine.directory,
            ledger=self.engine.ledger,
            wallets=rows,
            unassign=self.wallets.unassign,
            trades_with=self._trades_with,
            clock=self.clock,
            publish=self.bus.publish,
        )

    def _build_sharing(self) -> Sharing | None:
        if not self.lease.shared:
            return None
        ports = SharingPorts(
            engine=self.engine,
            lease=self.lease,
            bridge=self.bridge,
            mirror=self.mirror,
            hub=self.hub,
            agents=self.agents,
            trails=self.trail_store,
            guard=self.guard,
            refresh_protections=self.refresh_protections,
            on_read=self._on_shards_read,
            on_moved=self.observer.shards_moved,
            lock_keys=self._lock_keys,
            sol_price=self.market.sol_price,
            clock=self.clock,
        )
        return build_sharing(ports, max_price_age_seconds=self.settings.prices.max_age_seconds)

    def _reload_soon(self) -> None:
        # The role is built after the bridge, of which its shards know.
        self.role.reload_soon()

    async def _on_shards_read(self) -> None:
        await self.wallet_keys.index.refresh()
        report_stranded(self.holdings, self.wallet_keys.loaded)

    def _keeps(self, agent_id: AgentId) -> bool:
        return self.sharing is None or self.sharing.following.keeps(agent_id)

    def trades_for(self, agent_id: AgentId | None) -> bool:
        """Tell whether this process trades for an agent, or leads where it is nobody's matter."""
        return self.role.active and self.share.has(agent_id)

    def require_engine(self, agent_id: AgentId | None) -> None:
        """Raise `EngineElsewhereError` unless this process trades for an agent, or leads where it is nobody's matter."""
        if not self.role.active:
            raise EngineElsewhereError(agent_id, self.lease.refusal().message)
        if not self.trades_for(agent_id):
            raise EngineElsewhereError(agent_id)

    def _trades_with(self, wallet: WalletAddress) -> bool:
        """Tell whether this process trades with a wallet. One of nobody's is the leading engine's."""
        known = self.engine.directory.wallet(wallet)
        return self.trades_for(known.agent_id if known is not None else None)

    def _lock_keys(self, shards: int) -> None:
        """Wipe unlocked keys of wallets of shards that another engine may have by now. Those of nobody are the leader's."""

        def moved(wallet: WalletAddress) -> bool:
            known = self.engine.directory.wallet(wallet)
            return concerns(shards, known.agent_id if known is not None else None)

        self.wallet_keys.vault.lock_where(moved, "moved")

    async def _lock_all_keys(self, _seconds: float) -> None:
        # What is locked at the next engine must not be unlocked when this process is the engine again.
        self._lock_keys(ALL_SHARDS)

    async def _sweep_keys(self) -> None:
        await self.wallet_keys.vault.sweep()
        if self.role.active:
            # A wallet may have been given to an agent of another engine. What is being left still needs its keys.
            self._lock_keys(ALL_SHARDS & ~self.lease.shards)

    def _is_in_use(self, wallet: WalletAddress) -> bool:
        # The engine is built after the keys, and asks for them.
        return self.holdings.in_use(wallet)

    def _build_market(self) -> Market:
        return build_market(
            self.settings.market,
            self.settings.prices,
            self.wallet_keys.loaded,
            self.clock,
            self.observer.upstream,
            self.observer.not_signed,
            SimulationCosts() if self.settings.trading.simulation_costs else REFERENCE_COSTS,
            self.lease.confirm,
            self._tell_sol_price if self.lease.shared else lambda _: None,
            lambda: self.share.budget,
        )

    def _tell_sol_price(self, price: SolPrice) -> None:
        self.bus.publish(SolPriceSaid(price))

    async def _catch_up_with_own(self) -> None:
        """Bring the tables up to everything this process has appended: nothing it sent before is written later."""
        await self.journal.settle()
        await self.projector.catch_up()

    def _build_engine(self) -> Engine:
        market = self.market
        trades = PostgresSignalTrades(self.pool, self._catch_up_with_own)
        ports = EnginePorts(
            journal=self.journal,
            trails=self.trail_store,
            signals=self.signal_store,
            signal_trades=trades,
            venues=market.venues,
            decimals=market.decimals,
            keys=market.keys,
            token_metrics=market.metrics,
            sol_price=market.sol_price,
            price_feeds=market.price_feeds,
            market_probes=market.probes,
            poll_observer=self.observer,
            on_evaluated=self.observer.evaluated,
            clock=self.clock,
            publish=self.bus.publish,
            guard=self.guard,
            trace=self.tracing.trace,
            exit_trace=self.tracing.exit_trace,
            share=self.share,
        )
        return build_engine(ports, prices=self.settings.prices, trading=self.settings.trading)

    def _build_hub(self) -> WebSocketHub:
        return WebSocketHub(
            book=self.engine.book,
            latest_prices=self.engine.latest_prices,
            sol_price=self.market.sol_price,
            clock=self.clock,
            on_closed=lambda reason: self.metrics.websocket_closed.labels(reason).inc(),
        )

    def _content(self, shards: int) -> MirrorContent:
        engine = self.engine
        prices = [
            price
            for token in (engine.held.tokens() if shards & LEADING else ())
            if (price := engine.latest_prices.get(token)) is not None
        ]
        return MirrorContent(
            states=[state for state in engine.ledger.states() if is_in(shards, state.agent_id)],
            agents=[agent for agent in engine.directory.all() if is_in(shards, agent.id)],
            positions=[
                (one.position, one.trail) for one in engine.book.all() if is_in(shards, one.position.agent_id)
            ],
            prices=prices,
        )

    def _refresh_gauges(self) -> None:
        poller, clock, sol = self.engine.poller, self.clock, self.market.sol_price

        def sol_age() -> float | None:
            price = sol.latest()
            return (clock.now() - price.published_at).total_seconds() if price is not None else None

        refresh_gauges(
            self.metrics,
            engine_lease_held=lambda: float(self.lease.in_time),
            engine_lease_epoch=lambda: self.lease.status.epoch,
            engine_lease_age_seconds=lambda: self.lease.status.age_seconds,
            engine_shards=lambda: self.share.shards.bit_count() if self.role.active else 0,
            agents_followed=lambda: self.sharing.following.count if self.sharing is not None else 0,
            bridge_waiting=lambda: self.bridge.in_line,
            bridge_lag_seconds=lambda: self.bridge.lag_seconds,
            signals_undecided_age_seconds=self.engine.undecided.age_seconds,
            trades_unresolved=lambda: len(self.engine.recovery.unresolved),
            exits_pending=lambda: len(self.engine.exits),
            positions_open=lambda: len(self.engine.book),
            positions_stranded=lambda: sum(
                one.open_positions for one in self.holdings.stranded(self.wallet_keys.loaded)
            ),
            price_age_seconds=lambda: poller.last_good_age_seconds,
            sol_price_age_seconds=sol_age,
            websocket_clients=lambda: self.hub.client_count,
            reconciliation_age_seconds=self.reconciliation.loop.age_seconds,
            reconciliation_differences=self.reconciliation.loop.differences,
            orphan_tokens=self.reconciliation.loop.orphans,
            notifications_waiting=lambda: self.outbox.state.waiting,
            notifications_overdue_seconds=lambda: self.outbox.state.overdue_seconds,
            notifications_failed=lambda: self.outbox.state.failed,
            notification_targets_failing=lambda: len(self.outbox.state.failing),
        )

    async def _load(self) -> None:
        if self.sharing is None:
            await load_engine(self.engine, agents=self.agents, journal=self.journal, trails=self.trail_store)
        else:
            await load_agents(self.engine, agents=self.agents, journal=self.journal)
        self.guard.know(self.engine.directory.all())
        await self.refresh_protections.load()
        if self.sharing is not None:
            await self.sharing.following.start_over()
        # What changed in memory by loading was announced to nobody.
        self.hub.resync()
        await self.wallet_keys.index.refresh()
        report_stranded(self.holdings, self.wallet_keys.loaded)
        await report_held_by_others(self.engine.directory, self.wallet_keys.loaded, self.environment_wallets)

    def start(self, worker: ChildProcess | None) -> None:
        """Start everything that runs in the background."""
        jobs: dict[str, Callable[[], Awaitable[object]]] = {
            "mirror": self._mirror,
            "bridge": self.bridge.run,
            "commands": self.commands.run,
            "notifier": self.notifier.run,
            "sol-price": (self.sharing.sol_price if self.sharing is not None else self.market.sol_price).run,
            "engine": self.role.run,
            "gauges": self.gauges.run,
            "punctuality": self.punctuality.run,
        }
        if worker is not None:
            jobs["worker"] = worker.run
        if self.sharing is not None:
            self._start("first-events", self.sharing.hear_at_last())
            following = run_every(
                FOLLOWING_SECONDS,
                self.sharing.following.tick,
                name="following",
                clock=self.clock,
                watch=self.loops,
            )
            self._start("following", following)
        for name, job in jobs.items():
            self._start(name, keep_running(job, name=name, watch=self.loops))
        steps: dict[str, tuple[float, Callable[[], Awaitable[object]]]] = {
            "protections": (PROTECTIONS_SECONDS, self.refresh_protections.tick),
            "panic": (PANIC_SECONDS, self.protections.panic.tick),
            "rate-limits": (SHARE_SECONDS, self.rate_limits.share),
            "revoked": (REVOKED_SECONDS, lambda: self.users.load_revoked(self.hub)),
            "requests": (RENEW_SECONDS, self.answers.renew),
            "wallet-keys": (SWEEP_SECONDS, self._sweep_keys),
            "audit": (AUDIT_SECONDS, self.audit_trail.flush),
            "reconciliation": (RECONCILIATION_SECONDS, self._reconcile),
            "wallet-index": (WALLET_INDEX_SECONDS, self.wallet_keys.index.refresh),
            "outbox": (WATCH_SECONDS, self.outbox.refresh),
        }
        for name, (seconds, step) in steps.items():
            self._start(name, run_every(seconds, step, name=name, clock=self.clock, watch=self.loops))

    def watch(self, notices: ListNotices) -> None:
        """Tell users who want to be told what needs attention, for as long as this process trades."""
        watching = WatchConditions(
            store=self.conditions,
            outbox=self.outbox,
            notices=notices,
            is_engine=lambda: self.role.active,
            share=self.share,
            clock=self.clock,
        )
        self._start(
            "conditions",
            run_every(WATCH_SECONDS, watching.tick, name="conditions", clock=self.clock, watch=self.loops),
        )

    async def _reconcile(self) -> None:
        # Only the engine compares: it alone knows what trades are under way.
        if self.role.active and self.role.settled.is_set():
            await self.reconciliation.rent_transactions.finish()
            await self.reconciliation.loop.tick()

    def _start(self, name: str, job: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(job, name=name)
        task.add_done_callback(_report)
        self._tasks.append(task)

    def _note_locked(self, event: WalletLocked) -> None:
        # What somebody asked for is written down with who it was.
        if event.reason in ("ttl", "idle"):
            self.audit_trail.note(
                AuditEntry(
                    at=self.clock.now(),
                    action="wallet.lock",
                    outcome=Outcome.OK,
                    actor=SYSTEM,
                    target=event.wallet_address,
                    details={"reason": event.reason},
                )
            )

    async def _mirror(self) -> None:
        """Keep Redis equal to memory, but only as the engine: two writers would undo each other's work."""
        while True:
            await self.role.engaged.wait()
            mirroring = asyncio.ensure_future(self.mirror.run())
            try:
                await self.role.released.wait()
                if self.stopping:
                    # What was under way is still booked under the lease, and copied.
                    await mirroring
            finally:
                await cancel_all([mirroring])

    async def _keep_lease(self) -> None:
        while True:
            self.lease.alive()
            await asyncio.sleep(LEASE_KEPT_SECONDS)

    async def stop(self, seconds: float) -> None:
        """Let trades under way finish, write what waits, then stop everything."""
        self.stopping = True
        engine = self.engine
        by_name = {task.get_name(): task for task in self._tasks}
        await self.commands.intake.stop_taking()
        await cancel_all([by_name["engine"]])
        await engine.poller.close()
        # The price loop, which kept the lease, has ended; what is under way still needs it.
        keeping = asyncio.create_task(self._keep_lease(), name="lease.keep")
        deadline = self.clock.monotonic() + seconds
        left = 0
        for drain in (
            self.by_hand.buy.drain,
            self.by_hand.close.drain,
            engine.undecided.drain,
            engine.process_signal.drain,
            engine.exits.drain,
            engine.operations.drain,
            self.reconciliation.rent.drain,
            self.commands.intake.drain,
        ):
            left += await drain(max(0.5, deadline - self.clock.monotonic()))
        if left:
            log.warning(
                "service.trades_left", count=left, hint="they are recorded and go on at the next start"
            )
        await engine.trails.drain(2.0)
        await engine.ledger.drain(5.0)
        await cancel_all([keeping])
        with suppress(Exception):
            await self.mirror.flush(2.0)
        await cancel_all([task for task in self._tasks if task is not by_name["engine"]])
        await self.lease.release()
        await self.tracing.close()
        with suppress(Exception):
            async with asyncio.timeout(2.0):
                await self.audit_trail.flush()
        for close in (
            self.market.close,
            self.journal.close,
            self.trail_store.close,
            self.projector.close,
            self.redis.aclose,
            self.request_redis.aclose,
            self.commands.close,
            self.queue.aclose,
        ):
            with suppress(Exception):
                await close()
        self.passwords.close()
        self.wallet_keys.close()


def _report(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("service.task_failed", task=task.get_name(), exc_info=error)
