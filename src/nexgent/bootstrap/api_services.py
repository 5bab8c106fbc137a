"""What stands behind the HTTP interface, put together."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import asyncpg

from nexgent.api.deps import ApiServices, ApiValues
from nexgent.api.idempotency import IdempotentRequests
from nexgent.api.rate_limits import RateLimits
from nexgent.bootstrap.engine import Engine
from nexgent.bootstrap.health import EngineHealth, ServerHealth
from nexgent.bootstrap.market import Market
from nexgent.bootstrap.projections import CaughtUp
from nexgent.bootstrap.reconciliation import ReconciliationParts
from nexgent.bootstrap.users import UserParts
from nexgent.bootstrap.wallet_keys import WalletKeyParts, build_encrypted_wallets
from nexgent.config.settings import Settings
from nexgent.domain.agents.create_agent import CreateAgent
from nexgent.domain.agents.delete_agent import DeleteAgent
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.agents.update_agent import UpdateAgent
from nexgent.domain.agents.update_config import UpdateConfig
from nexgent.domain.audit.trail import AuditTrail
from nexgent.domain.bookkeeping.record_transaction import RecordTransaction
from nexgent.domain.bookkeeping.use_cases import bookkeeping
from nexgent.domain.live_check.check import LiveCheck
from nexgent.domain.live_check.wallet_trial import WalletTrial
from nexgent.domain.panic.panic import Panic
from nexgent.domain.performance.agent_performance import AgentPerformance
from nexgent.domain.performance.balance_history import BalanceHistory
from nexgent.domain.protections.describe_protections import DescribeProtections
from nexgent.domain.protections.kill_switch import SetKillSwitch
from nexgent.domain.protections.reset_protections import ResetProtections
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.shadow.report import DescribeShadow
from nexgent.domain.signals.edit_signals import EditSignals
from nexgent.domain.signals.webhooks.manage import SignalWebhooks
from nexgent.domain.signals.webhooks.receive_alert import ReceiveAlert
from nexgent.domain.trading.orders.buy_by_hand import BuyByHand
from nexgent.domain.users.api_keys import CreateApiKey, DeleteApiKey, ListApiKeys
from nexgent.domain.users.change_password import ChangePassword
from nexgent.domain.users.log_in import LogIn
from nexgent.domain.users.login_guard import LoginGuard
from nexgent.domain.users.register import Register
from nexgent.domain.users.sessions import Sessions
from nexgent.domain.users.web_links import WebLinks
from nexgent.domain.wallets.assign_wallet import AssignWallet
from nexgent.domain.wallets.check_deposits import CheckDeposits
from nexgent.domain.wallets.close_by_hand import CloseByHand
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.domain.wallets.list_wallets import ListWallets
from nexgent.domain.wallets.replace_wallet import WalletReplacement
from nexgent.domain.wallets.reset_wallet import ResetWallet
from nexgent.domain.wallets.unassign_wallet import UnassignWallet
from nexgent.infrastructure.cache.admin import RedisCopies
from nexgent.infrastructure.database.journal.single_records import PostgresHandEntries
from nexgent.infrastructure.database.stores.api_keys import PostgresApiKeyRepository
from nexgent.infrastructure.database.stores.audit import PostgresAuditLog
from nexgent.infrastructure.database.stores.idempotency import PostgresAnswerStore
from nexgent.infrastructure.database.stores.login_attempts import PostgresLoginAttempts
from nexgent.infrastructure.database.stores.performance import PostgresPerformance
from nexgent.infrastructure.database.stores.protections import PostgresProtectionStore
from nexgent.infrastructure.database.stores.queries import (
    PostgresClosedTradeQueries,
    PostgresSignalQueries,
    PostgresTransactionQueries,
)
from nexgent.infrastructure.database.stores.shadow import PostgresShadowFills
from nexgent.infrastructure.database.stores.signal_edits import PostgresSignalEdits
from nexgent.infrastructure.database.stores.wallets import PostgresWalletRepository
from nexgent.infrastructure.database.stores.webhooks import PostgresWebhooks
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.clock import Clock


def build_api_services(
    *,
    settings: Settings,
    pool: asyncpg.Pool[asyncpg.Record],
    clock: Clock,
    publish: Callable[[object], None],
    engine: Engine,
    market: Market,
    agents: AgentRepository,
    users: UserParts,
    wallet_keys: WalletKeyParts,
    environment_wallets: EnvironmentWallets,
    protections: ProtectionState,
    protection_store: PostgresProtectionStore,
    set_kill_switch: SetKillSwitch,
    panic: Panic,
    buy_by_hand: BuyByHand,
    close_by_hand: CloseByHand,
    reconciliation: ReconciliationParts,
    projections: CaughtUp,
    webhook_sealer: Sealer,
    cache_copies: RedisCopies,
    rate_limits: RateLimits,
    answers: PostgresAnswerStore,
    audit_log: PostgresAuditLog,
    audit_trail: AuditTrail,
    metrics: Metrics,
    servers: ServerHealth,
    health: EngineHealth,
    links_from_anywhere: bool,
    is_engine: Callable[[], bool],
    on_key_deleted: Callable[[UUID], None],
) -> ApiServices:
    """Return what the routers need."""
    directory, ledger, auth = engine.directory, engine.ledger, settings.auth
    wallets = PostgresWalletRepository(pool)
    keys = PostgresApiKeyRepository(pool)
    figures = PostgresPerformance(pool)
    webhooks = PostgresWebhooks(pool, webhook_sealer)
    reset_wallet = ResetWallet(
        directory=directory,
        ledger=ledger,
        wallets=wallets,
        projections=projections,
        clock=clock,
    )
    unassign_wallet = UnassignWallet(
        directory=directory,
        ledger=ledger,
        reset=reset_wallet,
        wallets=wallets,
        environment=environment_wallets,
        clock=clock,
        publish=publish,
    )

    def forget_key(key_id: UUID) -> None:
        users.authenticator.forget_key(key_id)
        on_key_deleted(key_id)

    guard = LoginGuard(attempts=PostgresLoginAttempts(pool), clock=clock, publish=publish)
    sessions = Sessions(
        users=users.accounts,
        tokens=users.tokens,
        store=users.session_store,
        revoked=users.revoked,
        records=users.session_records,
        clock=clock,
        publish=publish,
    )
    return ApiServices(
        clock=clock,
        authenticator=users.authenticator,
        rate_limits=rate_limits,
        idempotency=IdempotentRequests(answers),
        log_in=LogIn(users=users.accounts, passwords=users.passwords, guard=guard, sessions=sessions),
        sessions=sessions,
        change_password=ChangePassword(
            users=users.accounts,
            passwords=users.passwords,
            guard=guard,
            sessions=sessions,
            clock=clock,
            publish=publish,
        ),
        register=Register(
            allowed=auth.allow_registration,
            users=users.accounts,
            passwords=users.passwords,
            sessions=sessions,
            clock=clock,
        ),
        cache_copies=cache_copies,
        directory=directory,
        ledger=ledger,
        book=engine.book,
        latest_prices=engine.latest_prices,
        sol_price=market.sol_price,
        create_agent=CreateAgent(agents=agents, clock=clock, publish=publish),
        update_agent=UpdateAgent(agents=agents, directory=directory, clock=clock, publish=publish),
        delete_agent=DeleteAgent(
            agents=agents,
            directory=directory,
            ledger=ledger,
            projections=projections,
            publish=publish,
        ),
        update_config=UpdateConfig(agents=agents, directory=directory, clock=clock, publish=publish),
        buy_by_hand=buy_by_hand,
        close_position=close_by_hand,
        record_transaction=RecordTransaction(ledger=ledger, decimals=market.decimals),
        bookkeeping=bookkeeping(
            directory=directory,
            ledger=ledger,
            decimals=market.decimals,
            entries=PostgresHandEntries(pool),
            transactions=PostgresTransactionQueries(pool),
            closed_trades=PostgresClosedTradeQueries(pool),
            projections=projections,
        ),
        create_signal=engine.create_signal,
        preview_signal=engine.process_signal,
        signal_webhooks=SignalWebhooks(webhooks=webhooks, clock=clock),
        receive_alert=ReceiveAlert(webhooks=webhooks, create_signal=engine.create_signal, clock=clock),
        edit_signals=EditSignals(store=PostgresSignalEdits(pool)),
        signals=PostgresSignalQueries(pool),
        transactions=PostgresTransactionQueries(pool),
        closed_trades=PostgresClosedTradeQueries(pool),
        projections=projections,
        protections=protections,
        describe_protections=DescribeProtections(
            directory=directory, ledger=ledger, protections=protections, clock=clock
        ),
        reset_protections=ResetProtections(
            store=protection_store, directory=directory, clock=clock, publish=publish
        ),
        set_kill_switch=set_kill_switch,
        panic=panic,
        describe_shadow=DescribeShadow(directory=directory, fills=PostgresShadowFills(pool), clock=clock),
        live_check=LiveCheck(
            directory=directory,
            wallets=WalletTrial(ledger=ledger, keys=market.keys, market=market.live),
            market=market.live,
            sol_price=market.sol_price,
            protections=protections,
            clock=clock,
            max_price_age_seconds=settings.prices.max_age_seconds,
        ),
        agent_performance=AgentPerformance(
            directory=directory,
            ledger=ledger,
            latest_prices=engine.latest_prices,
            queries=figures,
            clock=clock,
        ),
        balance_history=BalanceHistory(directory=directory, queries=figures, clock=clock),
        list_wallets=ListWallets(directory=directory, keys=market.keys, environment=environment_wallets),
        assign_wallet=AssignWallet(
            directory=directory,
            wallets=wallets,
            replacement=WalletReplacement(ledger=ledger, wallets=wallets, projections=projections),
            keys=market.keys,
            environment=environment_wallets,
            clock=clock,
            publish=publish,
        ),
        reset_wallet=reset_wallet,
        unassign_wallet=unassign_wallet,
        encrypted_wallets=build_encrypted_wallets(
            wallet_keys,
            directory=directory,
            ledger=ledger,
            wallets=wallets,
            unassign=unassign_wallet,
            is_engine=is_engine,
            clock=clock,
            publish=publish,
        ),
        reconcile_own=reconciliation.own,
        orphans=reconciliation.orphans,
        reclaim_rent=reconciliation.rent,
        check_deposits=CheckDeposits(
            directory=directory, ledger=ledger, chain=market.rpc, sol_price=market.sol_price, clock=clock
        ),
        create_api_key=CreateApiKey(keys=keys, clock=clock, publish=publish),
        list_api_keys=ListApiKeys(keys=keys),
        delete_api_key=DeleteApiKey(keys=keys, forget=forget_key, publish=publish),
        socket_tickets=users.socket_tickets,
        web_links=WebLinks(
            store=users.web_links,
            users=users.accounts,
            sessions=sessions,
            clock=clock,
            from_anywhere=links_from_anywhere,
        ),
        audit_log=audit_log,
        audit_trail=audit_trail,
        metrics=metrics.exposition,
        servers=servers,
        health=health,
        values=ApiValues(
            jupiter_configured=settings.market.jupiter_api_key is not None,
            pyth_configured=True,
            production=settings.server.production,
            admin_email=(auth.admin_email or "").strip().lower(),
            metrics_token=auth.metrics_token,
            metrics_public=auth.metrics_public,
        ),
    )
