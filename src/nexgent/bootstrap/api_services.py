"""What stands behind the HTTP interface, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from nexgent.api.deps import ApiServices, ApiValues
from nexgent.api.idempotency import IdempotentRequests
from nexgent.api.rate_limits import RateLimits
from nexgent.bootstrap.wallet_keys import build_encrypted_wallets
from nexgent.config.settings import Settings
from nexgent.domain.agents.create_agent import CreateAgent
from nexgent.domain.agents.delete_agent import DeleteAgent
from nexgent.domain.agents.update_agent import UpdateAgent
from nexgent.domain.agents.update_config import UpdateConfig
from nexgent.domain.bookkeeping.record_transaction import RecordTransaction
from nexgent.domain.bookkeeping.use_cases import bookkeeping
from nexgent.domain.performance.agent_performance import AgentPerformance
from nexgent.domain.performance.balance_history import BalanceHistory
from nexgent.domain.protections.describe_protections import DescribeProtections
from nexgent.domain.protections.kill_switch import SetKillSwitch
from nexgent.domain.protections.reset_protections import ResetProtections
from nexgent.domain.signals.edit_signals import EditSignals
from nexgent.domain.signals.webhooks.manage import SignalWebhooks
from nexgent.domain.signals.webhooks.receive_alert import ReceiveAlert
from nexgent.domain.users.api_keys import CreateApiKey, DeleteApiKey, ListApiKeys
from nexgent.domain.users.change_password import ChangePassword
from nexgent.domain.users.login_guard import LoginGuard
from nexgent.domain.users.register import Register
from nexgent.domain.users.sessions import Sessions
from nexgent.domain.wallets.assign_wallet import AssignWallet
from nexgent.domain.wallets.check_deposits import CheckDeposits
from nexgent.domain.wallets.list_wallets import ListWallets
from nexgent.domain.wallets.reset_wallet import ResetWallet
from nexgent.domain.wallets.unassign_wallet import UnassignWallet
from nexgent.infrastructure.cache.admin import RedisCopies
from nexgent.infrastructure.cache.rate_counters import RedisCounters
from nexgent.infrastructure.database.journal.single_records import PostgresHandEntries
from nexgent.infrastructure.database.stores.api_keys import PostgresApiKeyRepository
from nexgent.infrastructure.database.stores.login_attempts import PostgresLoginAttempts
from nexgent.infrastructure.database.stores.performance import PostgresPerformance
from nexgent.infrastructure.database.stores.queries import (
    PostgresClosedTradeQueries,
    PostgresSignalQueries,
    PostgresTransactionQueries,
)
from nexgent.infrastructure.database.stores.signal_edits import PostgresSignalEdits
from nexgent.infrastructure.database.stores.wallets import PostgresWalletRepository
from nexgent.infrastructure.database.stores.webhooks import PostgresWebhooks
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.clock import Clock

if TYPE_CHECKING:
    from nexgent.bootstrap.service import Service
    from nexgent.infrastructure.cache.impatient import ImpatientRedis


def build_rate_limits(settings: Settings, redis: ImpatientRedis, clock: Clock) -> RateLimits:
    """Return the counters of requests; whoever runs the loops calls `share` again and again."""
    return RateLimits(
        clock=clock,
        counters=RedisCounters(redis, settings.storage.redis_key_prefix, clock),
        per_user=settings.limits.per_user,
        per_address=settings.limits.per_address,
        enabled=settings.limits.enabled,
    )


def build_api_services(service: Service) -> ApiServices:
    """Return what the routers need of a service."""
    engine, market, pool, clock = service.engine, service.market, service.pool, service.clock
    publish, directory, ledger = service.bus.publish, service.engine.directory, service.engine.ledger
    auth = service.settings.auth
    wallets = PostgresWalletRepository(pool)
    keys = PostgresApiKeyRepository(pool)
    figures = PostgresPerformance(pool)
    webhooks = PostgresWebhooks(pool, Sealer(service.jwt_secret, "signal-webhook"))
    reset_wallet = ResetWallet(
        directory=directory,
        ledger=ledger,
        wallets=wallets,
        projections=service.caught_up,
        clock=clock,
        publish=publish,
    )
    unassign_wallet = UnassignWallet(
        directory=directory,
        ledger=ledger,
        reset=reset_wallet,
        wallets=wallets,
        keys=market.keys,
        environment=service.environment_wallets,
        clock=clock,
        publish=publish,
    )

    def forget_key(key_id: UUID) -> None:
        service.authenticator.forget_key(key_id)
        service.hub.on_key_deleted(key_id)

    guard = LoginGuard(attempts=PostgresLoginAttempts(pool), clock=clock, publish=publish)
    sessions = Sessions(
        users=service.users,
        passwords=service.passwords,
        tokens=service.tokens,
        store=service.sessions_store,
        revoked=service.revoked,
        guard=guard,
        records=service.session_records,
        clock=clock,
        publish=publish,
    )
    return ApiServices(
        clock=clock,
        authenticator=service.authenticator,
        rate_limits=service.rate_limits,
        idempotency=IdempotentRequests(service.answers),
        sessions=sessions,
        change_password=ChangePassword(
            users=service.users,
            passwords=service.passwords,
            guard=guard,
            sessions=sessions,
            clock=clock,
            publish=publish,
        ),
        register=Register(
            allowed=auth.allow_registration,
            users=service.users,
            passwords=service.passwords,
            sessions=sessions,
            clock=clock,
        ),
        cache_copies=RedisCopies(service.request_redis, service.keys, clock),
        directory=directory,
        ledger=ledger,
        book=engine.book,
        latest_prices=engine.latest_prices,
        sol_price=market.sol_price,
        create_agent=CreateAgent(agents=service.agents, clock=clock, publish=publish),
        update_agent=UpdateAgent(agents=service.agents, directory=directory, clock=clock, publish=publish),
        delete_agent=DeleteAgent(
            agents=service.agents,
            directory=directory,
            ledger=ledger,
            projections=service.caught_up,
            publish=publish,
        ),
        update_config=UpdateConfig(agents=service.agents, directory=directory, clock=clock, publish=publish),
        buy_by_hand=service.buy_by_hand,
        close_position=service.close_by_hand,
        record_transaction=RecordTransaction(ledger=ledger, decimals=market.decimals),
        bookkeeping=bookkeeping(
            directory=directory,
            ledger=ledger,
            decimals=market.decimals,
            entries=PostgresHandEntries(pool),
            transactions=PostgresTransactionQueries(pool),
            closed_trades=PostgresClosedTradeQueries(pool),
            projections=service.caught_up,
        ),
        create_signal=engine.create_signal,
        preview_signal=engine.process_signal,
        signal_webhooks=SignalWebhooks(webhooks=webhooks, clock=clock),
        receive_alert=ReceiveAlert(webhooks=webhooks, create_signal=engine.create_signal, clock=clock),
        edit_signals=EditSignals(store=PostgresSignalEdits(pool)),
        signals=PostgresSignalQueries(pool),
        transactions=PostgresTransactionQueries(pool),
        closed_trades=PostgresClosedTradeQueries(pool),
        projections=service.caught_up,
        protections=service.protections,
        describe_protections=DescribeProtections(
            directory=directory, ledger=ledger, protections=service.protections, clock=clock
        ),
        reset_protections=ResetProtections(
            store=service.protection_store, directory=directory, clock=clock, publish=publish
        ),
        set_kill_switch=SetKillSwitch(
            store=service.protection_store, clock=clock, publish=publish, admin_email=auth.admin_email or ""
        ),
        agent_performance=AgentPerformance(
            directory=directory,
            ledger=ledger,
            latest_prices=engine.latest_prices,
            queries=figures,
            clock=clock,
        ),
        balance_history=BalanceHistory(directory=directory, queries=figures, clock=clock),
        list_wallets=ListWallets(
            directory=directory, keys=market.keys, environment=service.environment_wallets
        ),
        assign_wallet=AssignWallet(
            directory=directory,
            ledger=ledger,
            wallets=wallets,
            keys=market.keys,
            environment=service.environment_wallets,
            projections=service.caught_up,
            clock=clock,
            publish=publish,
        ),
        reset_wallet=reset_wallet,
        unassign_wallet=unassign_wallet,
        encrypted_wallets=build_encrypted_wallets(service, unassign_wallet),
        check_deposits=CheckDeposits(
            directory=directory, ledger=ledger, chain=market.rpc, sol_price=market.sol_price, clock=clock
        ),
        create_api_key=CreateApiKey(keys=keys, clock=clock, publish=publish),
        list_api_keys=ListApiKeys(keys=keys),
        delete_api_key=DeleteApiKey(keys=keys, forget=forget_key, publish=publish),
        socket_tickets=service.socket_tickets,
        audit_log=service.audit_log,
        audit_trail=service.audit_trail,
        metrics=service.metrics,
        health=service.health,
        values=ApiValues(
            jupiter_configured=service.settings.market.jupiter_api_key is not None,
            pyth_configured=True,
            production=service.settings.server.production,
            admin_email=(auth.admin_email or "").strip().lower(),
            metrics_token=auth.metrics_token,
            metrics_public=auth.metrics_public,
        ),
    )
