"""Reconciliation put together: what looks at live wallets, and what their owners can do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from nexgent.bootstrap.engine import Engine
from nexgent.bootstrap.market import Market
from nexgent.config.sections import TradingSettings
from nexgent.domain.reconciliation.orphans import Orphans
from nexgent.domain.reconciliation.reclaim_rent import ReclaimRent
from nexgent.domain.reconciliation.reconcile_wallet import ReconcileOwn, ReconcileWallet
from nexgent.domain.reconciliation.reconciliation import Reconciliation
from nexgent.infrastructure.database.stores.reconciliation import PostgresReconciliation
from nexgent.infrastructure.external.solana.rent import SolanaRent
from nexgent.infrastructure.external.solana.wallet_chain import SolanaWalletChain
from nexgent.shared.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationParts:
    """Everything that holds live wallets against the chain."""

    own: ReconcileOwn
    loop: Reconciliation
    orphans: Orphans
    rent: ReclaimRent


def build_reconciliation(
    *,
    settings: TradingSettings,
    engine: Engine,
    market: Market,
    pool: asyncpg.Pool[asyncpg.Record],
    clock: Clock,
    publish: Callable[[object], None],
    may_send: Callable[[], Awaitable[None]],
) -> ReconciliationParts:
    """Return the parts; nothing runs by itself. `may_send` raises when nothing may leave this process."""
    chain = SolanaWalletChain(market.rpc, market.witnesses)
    store = PostgresReconciliation(pool)
    rent = ReclaimRent(
        directory=engine.directory,
        ledger=engine.ledger,
        chain=chain,
        rent=SolanaRent(market.rpc, chain, market.keys, may_send),
        keys=market.keys,
        in_flight=engine.in_flight,
        sol_price=market.sol_price,
        clock=clock,
        after_exits=settings.close_empty_token_accounts,
    )
    reconcile = ReconcileWallet(
        directory=engine.directory,
        ledger=engine.ledger,
        chain=chain,
        store=store,
        venues=market.venues,
        decimals=market.decimals,
        sol_price=market.sol_price,
        clock=clock,
    )
    return ReconciliationParts(
        own=ReconcileOwn(directory=engine.directory, reconcile=reconcile),
        loop=Reconciliation(
            directory=engine.directory,
            book=engine.book,
            reconcile=reconcile,
            interval_seconds=settings.reconcile_seconds,
            clock=clock,
            publish=publish,
            after=rent.after,
        ),
        rent=rent,
        orphans=Orphans(
            directory=engine.directory,
            ledger=engine.ledger,
            chain=chain,
            store=store,
            prices=market.price_feeds[0],
            sol_price=market.sol_price,
            clock=clock,
        ),
    )
