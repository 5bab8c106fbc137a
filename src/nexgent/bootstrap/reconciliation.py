"""Reconciliation put together: what looks at live wallets, and what their owners can do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from nexgent.api.deps import ReconciliationParts
from nexgent.bootstrap.engine import Engine
from nexgent.bootstrap.market import Market
from nexgent.config.sections import TradingSettings
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.prices.ports import SolPriceFeed, TokenPriceFeed
from nexgent.domain.reconciliation.booking import ReconciliationBooking
from nexgent.domain.reconciliation.orphans import Orphans
from nexgent.domain.reconciliation.ports import ReconciliationStore, RentChain, WalletChain
from nexgent.domain.reconciliation.reclaim_rent import ReclaimRent
from nexgent.domain.reconciliation.reconcile_wallet import ReconcileOwn, ReconcileWallet
from nexgent.domain.reconciliation.reconciliation import Reconciliation
from nexgent.domain.reconciliation.rent_report import RentReports
from nexgent.domain.reconciliation.rent_transactions import RentTransactions
from nexgent.domain.reconciliation.wallet_history import WalletHistory
from nexgent.domain.reconciliation.wallet_look import WalletLook
from nexgent.domain.reconciliation.worth import Worth
from nexgent.domain.trading.ports import TokenDecimals, WalletKeys
from nexgent.domain.trading.venues import SwapVenues
from nexgent.infrastructure.database.stores.reconciliation import PostgresReconciliation
from nexgent.infrastructure.external.solana.rent import SolanaRent
from nexgent.infrastructure.external.solana.wallet_chain import SolanaWalletChain
from nexgent.shared.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationPorts:
    """Everything reconciliation needs from outside."""

    chain: WalletChain
    rent: RentChain
    store: ReconciliationStore
    venues: SwapVenues
    decimals: TokenDecimals
    keys: WalletKeys
    prices: TokenPriceFeed
    sol_price: SolPriceFeed
    clock: Clock
    publish: Callable[[object], None]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling(ReconciliationParts):
    """Everything that holds live wallets against the chain."""

    reconcile: ReconcileWallet
    loop: Reconciliation
    rent_transactions: RentTransactions


def reconciliation_ports(
    market: Market,
    *,
    pool: asyncpg.Pool[asyncpg.Record],
    clock: Clock,
    publish: Callable[[object], None],
    may_send: Callable[[], Awaitable[None]],
) -> ReconciliationPorts:
    """Return the real ones. `may_send` raises when nothing may leave this process."""
    chain = SolanaWalletChain(market.rpc, market.witnesses)
    return ReconciliationPorts(
        chain=chain,
        rent=SolanaRent(market.rpc, chain, market.keys, may_send),
        store=PostgresReconciliation(pool),
        venues=market.venues,
        decimals=market.decimals,
        keys=market.keys,
        prices=market.price_feeds[0],
        sol_price=market.sol_price,
        clock=clock,
        publish=publish,
    )


def build_reconciliation(
    ports: ReconciliationPorts,
    *,
    engine: Engine,
    settings: TradingSettings,
    require_engine: RequireEngine = here,
) -> Reconciling:
    """Return the parts; nothing runs by itself."""
    directory, ledger = engine.directory, engine.ledger
    chain, store, sol_price, clock = ports.chain, ports.store, ports.sol_price, ports.clock
    transactions = RentTransactions(
        ledger=ledger,
        rent=ports.rent,
        in_flight=engine.in_flight,
        sol_price=sol_price,
        clock=clock,
        pause=ports.pause,
    )
    rent = ReclaimRent(
        directory=directory,
        keys=ports.keys,
        reports=RentReports(ledger=ledger, chain=chain, rent=ports.rent),
        transactions=transactions,
        after_exits=settings.close_empty_token_accounts,
        require_engine=require_engine,
    )
    reconcile = ReconcileWallet(
        ledger=ledger,
        store=store,
        look=WalletLook(ledger=ledger, chain=chain, clock=clock),
        history=WalletHistory(
            chain=chain, store=store, venues=ports.venues, decimals=ports.decimals, clock=clock
        ),
        booking=ReconciliationBooking(ledger=ledger, directory=directory, sol_price=sol_price, clock=clock),
        clock=clock,
        pause=ports.pause,
    )
    return Reconciling(
        reconcile=reconcile,
        own=ReconcileOwn(directory=directory, reconcile=reconcile, require_engine=require_engine),
        loop=Reconciliation(
            directory=directory,
            book=engine.book,
            reconcile=reconcile,
            interval_seconds=settings.reconcile_seconds,
            clock=clock,
            publish=ports.publish,
            after=rent.after,
        ),
        rent=rent,
        rent_transactions=transactions,
        orphans=Orphans(
            directory=directory,
            ledger=ledger,
            chain=chain,
            store=store,
            worth=Worth(prices=ports.prices, sol_price=sol_price, clock=clock),
            clock=clock,
            require_engine=require_engine,
        ),
    )
