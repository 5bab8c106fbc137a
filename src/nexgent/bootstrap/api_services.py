"""What stands behind the HTTP interface, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexgent.api.deps import ApiServices, ApiValues
from nexgent.domain.agents.create_agent import CreateAgent
from nexgent.domain.agents.delete_agent import DeleteAgent
from nexgent.domain.agents.update_agent import UpdateAgent
from nexgent.domain.agents.update_config import UpdateConfig
from nexgent.domain.performance.agent_performance import AgentPerformance
from nexgent.domain.performance.balance_history import BalanceHistory
from nexgent.domain.protections.describe_protections import DescribeProtections
from nexgent.domain.protections.kill_switch import SetKillSwitch
from nexgent.domain.protections.reset_protections import ResetProtections
from nexgent.domain.users.api_keys import CreateApiKey, DeleteApiKey, ListApiKeys
from nexgent.domain.users.sessions import Sessions
from nexgent.domain.wallets.assign_wallet import AssignWallet
from nexgent.domain.wallets.check_deposits import CheckDeposits
from nexgent.domain.wallets.close_by_hand import CloseByHand
from nexgent.domain.wallets.list_wallets import ListWallets
from nexgent.domain.wallets.record_transaction import RecordTransaction
from nexgent.domain.wallets.reset_wallet import ResetWallet
from nexgent.domain.wallets.unassign_wallet import UnassignWallet
from nexgent.infrastructure.database.api_keys import PostgresApiKeyRepository
from nexgent.infrastructure.database.performance import PostgresPerformance
from nexgent.infrastructure.database.queries import (
    PostgresClosedTradeQueries,
    PostgresSignalQueries,
    PostgresTransactionQueries,
)
from nexgent.infrastructure.database.wallets import PostgresWalletRepository

if TYPE_CHECKING:
    from nexgent.bootstrap.app import Service


def build_api_services(service: Service) -> ApiServices:
    """Return what the routers need of a service."""
    engine, market, pool, clock = service.engine, service.market, service.pool, service.clock
    publish, directory, ledger = service.bus.publish, service.engine.directory, service.engine.ledger
    auth = service.settings.auth
    wallets = PostgresWalletRepository(pool)
    keys = PostgresApiKeyRepository(pool)
    figures = PostgresPerformance(pool)
    reset_wallet = ResetWallet(
        directory=directory,
        ledger=ledger,
        wallets=wallets,
        projections=service.caught_up,
        clock=clock,
        publish=publish,
    )
    return ApiServices(
        clock=clock,
        authenticator=service.authenticator,
        sessions=Sessions(
            users=service.users,
            passwords=service.passwords,
            tokens=service.tokens,
            store=service.sessions_store,
            revoked=service.revoked,
            clock=clock,
        ),
        directory=directory,
        ledger=ledger,
        book=engine.book,
        board=engine.board,
        sol_price=market.sol_price,
        create_agent=CreateAgent(agents=service.agents, clock=clock, publish=publish),
        update_agent=UpdateAgent(agents=service.agents, directory=directory, clock=clock, publish=publish),
        delete_agent=DeleteAgent(agents=service.agents, directory=directory, ledger=ledger, publish=publish),
        update_config=UpdateConfig(agents=service.agents, directory=directory, clock=clock, publish=publish),
        close_position=CloseByHand(directory=directory, book=engine.book, sale=engine.sales),
        record_transaction=RecordTransaction(ledger=ledger, decimals=market.decimals),
        create_signal=engine.create_signal,
        signals=PostgresSignalQueries(pool),
        transactions=PostgresTransactionQueries(pool),
        closed_trades=PostgresClosedTradeQueries(pool),
        projections=service.caught_up,
        protections=service.protections,
        describe_protections=DescribeProtections(
            directory=directory, ledger=ledger, board=service.protections, clock=clock
        ),
        reset_protections=ResetProtections(
            store=service.protection_store, directory=directory, clock=clock, publish=publish
        ),
        set_kill_switch=SetKillSwitch(
            store=service.protection_store, clock=clock, publish=publish, admin_email=auth.admin_email or ""
        ),
        agent_performance=AgentPerformance(
            directory=directory, ledger=ledger, board=engine.board, queries=figures, clock=clock
        ),
        balance_history=BalanceHistory(directory=directory, queries=figures, clock=clock),
        list_wallets=ListWallets(directory=directory, keys=market.keys),
        assign_wallet=AssignWallet(
            directory=directory,
            ledger=ledger,
            wallets=wallets,
            keys=market.keys,
            projections=service.caught_up,
            clock=clock,
            publish=publish,
        ),
        reset_wallet=reset_wallet,
        unassign_wallet=UnassignWallet(
            directory=directory,
            ledger=ledger,
            reset=reset_wallet,
            wallets=wallets,
            clock=clock,
            publish=publish,
        ),
        check_deposits=CheckDeposits(
            directory=directory, ledger=ledger, chain=market.rpc, sol_price=market.sol_price, clock=clock
        ),
        create_api_key=CreateApiKey(keys=keys, clock=clock),
        list_api_keys=ListApiKeys(keys=keys),
        delete_api_key=DeleteApiKey(keys=keys, forget=service.authenticator.forget_key),
        metrics=service.metrics,
        health=service.health,
        values=ApiValues(
            jupiter_configured=service.settings.market.jupiter_api_key is not None,
            pyth_configured=True,
            metrics_token=auth.metrics_token,
            metrics_public=auth.metrics_public,
        ),
    )
