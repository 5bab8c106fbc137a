"""Tokens that no position accounts for: shown, adopted as a position, or ignored."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.positions.models import Position
from nexgent.domain.reconciliation.compare import SETTLING, busy_mints, compare, require_newer_block
from nexgent.domain.reconciliation.entries import book_adoption
from nexgent.domain.reconciliation.errors import (
    NoOrphanError,
    NoPriceError,
    PositionExistsError,
    WalletMovingError,
)
from nexgent.domain.reconciliation.live_wallet import agent_of_live_wallet
from nexgent.domain.reconciliation.models import FindingKind, Reconciled
from nexgent.domain.reconciliation.ports import ReconciliationStore, WalletChain
from nexgent.domain.reconciliation.worth import Worth
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.money import CONTEXT, from_raw, lamports
from nexgent.shared.types import TokenAddress, UserId, WalletAddress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A position that was made of an orphan."""

    position: Position
    cost_lamports: int


class Orphans:
    """For live wallets, by their owners."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        chain: WalletChain,
        store: ReconciliationStore,
        worth: Worth,
        clock: Clock,
        require_engine: RequireEngine = here,
    ) -> None:
        self._directory = directory
        self._require_engine = require_engine
        self._ledger = ledger
        self._chain = chain
        self._store = store
        self._worth = worth
        self._clock = clock

    async def show(self, address: WalletAddress, user_id: UserId) -> Reconciled | None:
        """Return how far a wallet is reconciled and what was found, None when nobody has looked yet.

        Raises as `agent_of_live_wallet` does, `UnavailableError`.
        """
        agent = agent_of_live_wallet(self._directory, address, user_id)
        found = await self._store.find(address)
        return found if found is not None and found.agent_id == agent.id else None

    async def ignore(
        self, address: WalletAddress, mint: TokenAddress, user_id: UserId, *, ignored: bool = True
    ) -> None:
        """Hear of an orphan no more, or again. Raises as `show` does, `NoOrphanError`."""
        agent_of_live_wallet(self._directory, address, user_id)
        if not await self._store.ignore(address, mint, ignored=ignored):
            raise NoOrphanError(mint)

    async def adopt(
        self,
        address: WalletAddress,
        mint: TokenAddress,
        user_id: UserId,
        *,
        cost_sol: Decimal | None = None,
        symbol: str | None = None,
    ) -> Adopted:
        """Make a position of what no position accounts for; from now on it is traded as if it had been bought.

        Without a cost it is what the tokens are worth now. Raises as `show` does, `NoOrphanError`, `PositionExistsError`,
        `NoPriceError`, `WalletMovingError` while trades move the wallet, `InconsistentNodeError` when the node is behind,
        `UpstreamError`, `UnavailableError`; `EngineElsewhereError` before anything has begun.
        """
        agent = agent_of_live_wallet(self._directory, address, user_id)
        self._require_engine(agent.id)
        before = await self._ledger.fresh(address)
        price = await self._worth.of(mint) if cost_sol is None else None
        snapshot = await self._chain.snapshot(address)
        block_time = await self._chain.block_time(snapshot.slot)
        state = await self._ledger.fresh(address)
        now = self._clock.now()
        if mint in busy_mints(before, now) | busy_mints(state, now, SETTLING):
            raise WalletMovingError(address)
        require_newer_block(state, block_time)
        position = state.position_of(mint)
        if position is not None:
            raise PositionExistsError(mint, position.id)
        found = next(
            (f for f in compare(state, snapshot) if f.mint == mint and f.kind is FindingKind.ORPHAN), None
        )
        if found is None:
            raise NoOrphanError(mint)
        if cost_sol is None:
            if price is None:
                raise NoPriceError(mint)
            cost_sol = CONTEXT.multiply(from_raw(found.orphaned_raw, found.decimals), price)
        booking = book_adoption(
            state, found, max(lamports(cost_sol), 1), agent.config, self._worth.now(), symbol=symbol
        )
        with self._ledger.lanes.enter([address]):
            entries = [self._ledger.stage(address, body, postings) for body, postings in booking.lines]
            await self._ledger.commit(*entries)
            settled = booking.settled
            if settled is None or settled.position is None:
                raise UnavailableError("The position was not booked; try again")
        log.info("orphan.adopted", wallet_address=address, token_address=mint)
        return Adopted(position=settled.position, cost_lamports=settled.position.invested_lamports)
