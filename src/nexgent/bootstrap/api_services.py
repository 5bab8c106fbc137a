"""What stands behind the HTTP interface, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import asyncpg

from nexgent.api.deps import (
    ApiServices,
    ApiValues,
    EngineProbe,
    KeptAgents,
    ProtectionParts,
    ServerProbe,
    WalletParts,
)
from nexgent.api.idempotency import IdempotentRequests
from nexgent.api.rate_limits import RateLimits
from nexgent.bootstrap.attention import build_attention
from nexgent.bootstrap.engine import Engine, OrdersByHand
from nexgent.bootstrap.following import EverybodyKept
from nexgent.bootstrap.market import Market
from nexgent.bootstrap.reconciliation import Reconciling
from nexgent.bootstrap.users import Users
from nexgent.config.settings import Settings
from nexgent.domain.administration.cache_copies import CacheCopies
from nexgent.domain.administration.insight import LogLevelSwitch, RecentWarning, UpstreamBudget
from nexgent.domain.agents.config_history import ConfigHistory
from nexgent.domain.agents.create_agent import CreateAgent
from nexgent.domain.agents.delete_agent import DeleteAgent
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.agents.update_agent import UpdateAgent
from nexgent.domain.agents.update_config import UpdateConfig
from nexgent.domain.audit.ports import AuditLog
from nexgent.domain.audit.trail import AuditTrail
from nexgent.domain.bookkeeping.ports import EmptyBalances, HandEntries
from nexgent.domain.bookkeeping.use_cases import bookkeeping
from nexgent.domain.forwarding.forward_command import ForwardCommand
from nexgent.domain.idempotency.ports import AnswerStore
from nexgent.domain.ledger.lanes import PATIENCE_SECONDS
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.live_check.check import LiveCheck
from nexgent.domain.live_check.ports import LiveMarket
from nexgent.domain.live_check.wallet_trial import WalletTrial
from nexgent.domain.notifications.manage import NotificationTargets
from nexgent.domain.notifications.models import OutboxState
from nexgent.domain.notifications.ports import Senders, TargetRepository
from nexgent.domain.performance.agent_performance import AgentPerformance
from nexgent.domain.performance.balance_history import BalanceHistory
from nexgent.domain.performance.overview import DescribeOverview
from nexgent.domain.performance.ports import OverviewQueries, PerformanceQueries
from nexgent.domain.price_history.ports import PriceHistoryQueries
from nexgent.domain.price_history.price_chart import PriceChart
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.shadow.ports import ShadowFills
from nexgent.domain.shadow.report import DescribeShadow
from nexgent.domain.signals.edit_signals import EditSignals
from nexgent.domain.signals.ports import SignalEdits
from nexgent.domain.signals.queries import SignalQueries
from nexgent.domain.signals.webhooks.manage import SignalWebhooks
from nexgent.domain.signals.webhooks.ports import WebhookRepository
from nexgent.domain.signals.webhooks.receive_alert import ReceiveAlert
from nexgent.domain.trading.ports import TokenDecimals, WalletKeys
from nexgent.domain.transactions.queries import ClosedTradeQueries, TransactionQueries
from nexgent.domain.users.web_links import WebLinks
from nexgent.domain.wallets.encrypted.use_cases import EncryptedWallets
from nexgent.infrastructure.database.journal.single_records import PostgresHandEntries
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.balances import PostgresEmptyBalances
from nexgent.infrastructure.database.stores.notification_targets import PostgresTargets
from nexgent.infrastructure.database.stores.overview import PostgresOverview
from nexgent.infrastructure.database.stores.performance import PostgresPerformance
from nexgent.infrastructure.database.stores.price_history import PostgresPriceHistory
from nexgent.infrastructure.database.stores.queries import (
    PostgresClosedTradeQueries,
    PostgresSignalQueries,
    PostgresTransactionQueries,
)
from nexgent.infrastructure.database.stores.shadow import PostgresShadowFills
from nexgent.infrastructure.database.stores.signal_edits import PostgresSignalEdits
from nexgent.infrastructure.database.stores.webhooks import PostgresWebhooks
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPorts:
    """Everything the HTTP interface needs from outside, beside what its parts have already."""

    agents: AgentRepository
    config_history: ConfigHistory
    signals: SignalQueries
    signal_edits: SignalEdits
    webhooks: WebhookRepository
    transactions: TransactionQueries
    notification_targets: TargetRepository
    senders: Senders
    closed_trades: ClosedTradeQueries
    hand_entries: HandEntries
    empty_balances: EmptyBalances
    figures: PerformanceQueries
    all_figures: OverviewQueries
    recorded_prices: PriceHistoryQueries
    shadow_fills: ShadowFills
    projections: Projections
    answers: AnswerStore
    audit_log: AuditLog
    cache_copies: CacheCopies
    live_market: LiveMarket
    keys: WalletKeys
    decimals: TokenDecimals
    sol_price: SolPriceFeed
    clock: Clock
    publish: Callable[[object], None]


def api_ports(
    pool: asyncpg.Pool[asyncpg.Record],
    market: Market,
    *,
    agents: PostgresAgentRepository,
    projections: Projections,
    webhook_sealer: Sealer,
    target_sealer: Sealer,
    senders: Senders,
    answers: AnswerStore,
    audit_log: AuditLog,
    cache_copies: CacheCopies,
    clock: Clock,
    publish: Callable[[object], None],
) -> ApiPorts:
    """Return the real ones."""
    return ApiPorts(
        agents=agents,
        config_history=agents,
        signals=PostgresSignalQueries(pool),
        signal_edits=PostgresSignalEdits(pool),
        webhooks=PostgresWebhooks(pool, webhook_sealer),
        notification_targets=PostgresTargets(pool, target_sealer),
        senders=senders,
        transactions=PostgresTransactionQueries(pool),
        closed_trades=PostgresClosedTradeQueries(pool),
        hand_entries=PostgresHandEntries(pool),
        empty_balances=PostgresEmptyBalances(pool),
        figures=PostgresPerformance(pool),
        all_figures=PostgresOverview(pool),
        recorded_prices=PostgresPriceHistory(pool),
        shadow_fills=PostgresShadowFills(pool),
        projections=projections,
        answers=answers,
        audit_log=audit_log,
        cache_copies=cache_copies,
        live_market=market.live,
        keys=market.keys,
        decimals=market.decimals,
        sol_price=market.sol_price,
        clock=clock,
        publish=publish,
    )


def api_values(settings: Settings) -> ApiValues:
    """Return the settings that answers depend on."""
    return ApiValues(
        jupiter_configured=settings.market.jupiter_api_key is not None,
        pyth_configured=True,
        production=settings.server.production,
        version=version("nexgent"),
        admin_email=(settings.auth.admin_email or "").strip().lower(),
        metrics_token=settings.auth.metrics_token,
        metrics_public=settings.auth.metrics_public,
        grafana_url=settings.server.grafana_url,
    )


def build_api_services(
    ports: ApiPorts,
    *,
    engine: Engine,
    by_hand: OrdersByHand,
    users: Users,
    wallets: WalletParts,
    encrypted_wallets: EncryptedWallets,
    protections: ProtectionParts,
    reconciliation: Reconciling,
    audit_trail: AuditTrail,
    rate_limits: RateLimits,
    metrics: Callable[[], bytes],
    upstream_budgets: Callable[[], Sequence[UpstreamBudget]],
    recent_warnings: Callable[[], Sequence[RecentWarning]],
    log_levels: LogLevelSwitch,
    servers: ServerProbe,
    health: EngineProbe,
    values: ApiValues,
    max_price_age_seconds: float,
    forward_command: ForwardCommand | None = None,
    require_engine: RequireEngine = here,
    trades_for: Callable[[AgentId], bool] = lambda _: True,
    links_from_anywhere: bool = False,
    outbox: Callable[[], OutboxState] = OutboxState,
    deletion_patience_seconds: float = PATIENCE_SECONDS,
    kept: KeptAgents | None = None,
) -> ApiServices:
    """Return what the routers need."""
    directory, ledger = engine.directory, engine.ledger
    clock, publish = ports.clock, ports.publish
    return ApiServices(
        clock=clock,
        users=users,
        rate_limits=rate_limits,
        idempotency=IdempotentRequests(ports.answers),
        cache_copies=ports.cache_copies,
        directory=directory,
        ledger=ledger,
        book=engine.book,
        kept=kept if kept is not None else EverybodyKept(),
        latest_prices=engine.latest_prices,
        sol_price=ports.sol_price,
        create_agent=CreateAgent(agents=ports.agents, clock=clock, publish=publish),
        update_agent=UpdateAgent(agents=ports.agents, directory=directory, clock=clock, publish=publish),
        delete_agent=DeleteAgent(
            agents=ports.agents,
            directory=directory,
            ledger=ledger,
            projections=ports.projections,
            publish=publish,
            patience_seconds=deletion_patience_seconds,
            require_engine=require_engine,
        ),
        update_config=UpdateConfig(agents=ports.agents, directory=directory, clock=clock, publish=publish),
        config_history=ports.config_history,
        buy_by_hand=by_hand.buy,
        close_position=by_hand.close,
        bookkeeping=bookkeeping(
            directory=directory,
            ledger=ledger,
            decimals=ports.decimals,
            entries=ports.hand_entries,
            empty_balances=ports.empty_balances,
            transactions=ports.transactions,
            closed_trades=ports.closed_trades,
            projections=ports.projections,
        ),
        create_signal=engine.create_signal,
        preview_signal=engine.preview_signal,
        signal_webhooks=SignalWebhooks(webhooks=ports.webhooks, clock=clock),
        receive_alert=ReceiveAlert(webhooks=ports.webhooks, create_signal=engine.create_signal, clock=clock),
        notification_targets=NotificationTargets(
            directory=directory, targets=ports.notification_targets, senders=ports.senders, clock=clock
        ),
        told=ports.notification_targets,
        edit_signals=EditSignals(store=ports.signal_edits),
        signals=ports.signals,
        transactions=ports.transactions,
        closed_trades=ports.closed_trades,
        projections=ports.projections,
        protections=protections,
        reconciliation=reconciliation,
        describe_shadow=DescribeShadow(directory=directory, fills=ports.shadow_fills, clock=clock),
        live_check=LiveCheck(
            directory=directory,
            wallets=WalletTrial(
                ledger=ledger, keys=ports.keys, market=ports.live_market, require_engine=require_engine
            ),
            market=ports.live_market,
            sol_price=ports.sol_price,
            protections=protections.state,
            clock=clock,
            max_price_age_seconds=max_price_age_seconds,
        ),
        agent_performance=AgentPerformance(
            directory=directory,
            ledger=ledger,
            latest_prices=engine.latest_prices,
            queries=ports.figures,
            clock=clock,
        ),
        balance_history=BalanceHistory(directory=directory, queries=ports.figures, clock=clock),
        describe_overview=DescribeOverview(
            directory=directory,
            ledger=ledger,
            latest_prices=engine.latest_prices,
            queries=ports.all_figures,
            clock=clock,
        ),
        list_notices=build_attention(
            engine,
            keys=ports.keys,
            protections=protections.state,
            reconciliation=reconciliation.loop,
            health=health,
            sol_price=ports.sol_price,
            max_price_age_seconds=max_price_age_seconds,
            outbox=outbox,
            clock=clock,
        ),
        price_chart=PriceChart(
            directory=directory, book=engine.book, queries=ports.recorded_prices, clock=clock
        ),
        wallets=wallets,
        encrypted_wallets=encrypted_wallets,
        web_links=WebLinks(
            store=users.ports.web_links,
            users=users.accounts,
            sessions=users.sessions,
            clock=clock,
            from_anywhere=links_from_anywhere,
        ),
        audit_log=ports.audit_log,
        audit_trail=audit_trail,
        metrics=metrics,
        upstream_budgets=upstream_budgets,
        recent_warnings=recent_warnings,
        log_levels=log_levels,
        servers=servers,
        health=health,
        values=values,
        forward_command=forward_command,
        trades_for=trades_for,
    )
