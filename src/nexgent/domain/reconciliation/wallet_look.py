"""One wallet as the chain and the books have it at the same moment."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.reconciliation.compare import (
    BLOCK_CLOCK_MARGIN,
    SETTLED_AT_LEAST,
    SETTLING,
    busy_mints,
    require_newer_block,
)
from nexgent.domain.reconciliation.errors import InconsistentNodeError, WalletMovingError
from nexgent.domain.reconciliation.models import ChainSnapshot, Reconciled
from nexgent.domain.reconciliation.ports import WalletChain
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress, WalletAddress


class WalletLook:
    """Looks only at what can be compared: a wallet that no trade moves, and a node that contradicts neither itself nor us."""

    def __init__(
        self, *, ledger: Ledger, chain: WalletChain, clock: Clock, settling: timedelta = SETTLING
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._clock = clock
        self._settling = settling

    async def at(
        self, wallet: WalletAddress, last: Reconciled | None, min_slot: int, *, overdue: bool = False
    ) -> tuple[ChainSnapshot, WalletState]:
        """Return what a node says of the wallet, and the state it can be compared with.

        One that is `overdue` need not have been quiet for as long as others.

        Raises `WalletMovingError`, `InconsistentNodeError`, `UnavailableError`, `UpstreamError`.
        """
        settling = min(self._settling, SETTLED_AT_LEAST) if overdue else self._settling
        before = await self._ledger.fresh(wallet)
        if busy_mints(before, self._clock.now(), settling):
            raise WalletMovingError(wallet)
        snapshot = await self._chain.snapshot(wallet, min_slot=min_slot)
        state = await self._ledger.fresh(wallet)
        if busy_mints(state, self._clock.now(), settling) or state.seq != before.seq:
            raise WalletMovingError(wallet)
        if snapshot.slot < min_slot:
            raise InconsistentNodeError("The node's slot went back: it is behind, or another chain")
        if last is not None and last.genesis != snapshot.genesis:
            raise InconsistentNodeError("The node serves another chain than before (its genesis differs)")
        return snapshot, state

    async def confirm(
        self,
        state: WalletState,
        snapshot: ChainSnapshot,
        mints: Collection[TokenAddress],
        *,
        overdue: bool = False,
    ) -> None:
        """Have a look confirmed account by account. Raises `InconsistentNodeError`, `UnavailableError`, `UpstreamError`."""
        if not await self._chain.confirms(snapshot, mints):
            raise InconsistentNodeError("The node's lists of accounts and the accounts themselves differ")
        # The cursor's slot is no proof: a node may be stuck between it and the wallet's last trade.
        margin = BLOCK_CLOCK_MARGIN if overdue else timedelta(0)
        require_newer_block(state, await self._chain.block_time(snapshot.slot), margin)
