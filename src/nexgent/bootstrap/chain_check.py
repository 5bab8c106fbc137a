"""Compare the live wallets of an installation with the chain, without writing anything: `nexgent verify --chain`."""

from __future__ import annotations

from nexgent.bootstrap.chain_findings import AGREES, DIFFERS, NOT_COMPARED, WalletCheck
from nexgent.bootstrap.market import solana_nodes
from nexgent.bootstrap.storage import Storage
from nexgent.config.sections import MarketSettings
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.reconciliation.compare import busy_mints, compare
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.pool import COMMAND, opened_pool
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.reconciliation import PostgresReconciliation
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.solana.wallet_chain import SolanaWalletChain
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import NexgentError


async def check_live_wallets(settings: MarketSettings, storage: Storage) -> list[WalletCheck]:
    """Return what was found of every live wallet. Raises `UnavailableError` when the database cannot be read."""
    clock = SystemClock()
    journal = PostgresJournal(storage.database_url)
    try:
        async with opened_pool(storage.database_url, COMMAND) as pool, HttpClient() as http:
            rpc, witnesses = solana_nodes(settings, http, clock)
            chain = SolanaWalletChain(rpc, witnesses)
            agents = await PostgresAgentRepository(pool).list_all()
            wallets = [w for agent in agents for w in agent.wallets if w.mode is TradingMode.LIVE]
            store = PostgresReconciliation(pool)
            return [await _check(wallet, journal, chain, store, clock) for wallet in wallets]
    finally:
        await journal.close()


async def _check(
    wallet: Wallet,
    journal: PostgresJournal,
    chain: SolanaWalletChain,
    store: PostgresReconciliation,
    clock: SystemClock,
) -> WalletCheck:
    address, agent_id = wallet.address, str(wallet.agent_id)

    def not_compared(reason: str) -> WalletCheck:
        return WalletCheck(wallet_address=address, agent_id=agent_id, state=NOT_COMPARED, reason=reason)

    last = await store.find(address)
    before = await journal.load([address])
    try:
        snapshot = await chain.snapshot(address)
        (state,) = await journal.load([address])
        findings = compare(state, snapshot, ignored=last.ignored if last is not None else ())
        to_book = {finding.mint for finding in findings if finding.to_book}
        confirmed = not to_book or await chain.confirms(snapshot, to_book)
    except NexgentError as error:
        return not_compared(error.message)
    now = clock.now()
    if any(busy_mints(one, now) for one in (*before, state)):
        return not_compared("a trade is under way, or ended a moment ago")
    if last is not None and last.agent_id == wallet.agent_id and last.genesis != snapshot.genesis:
        return not_compared("the node serves another chain than before")
    if last is not None and snapshot.slot < last.slot:
        return not_compared(f"the node is at slot {snapshot.slot}, and was at {last.slot} before")
    if not confirmed:
        return not_compared("the node's lists of accounts and the accounts themselves differ")
    return WalletCheck(
        wallet_address=address,
        agent_id=agent_id,
        state=DIFFERS if to_book else AGREES,
        slot=snapshot.slot,
        findings=findings,
    )
