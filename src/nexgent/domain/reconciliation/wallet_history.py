"""What happened to a wallet since ledger and chain last agreed: transactions the books do not have, swaps called expired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.reconciliation.models import ChainSnapshot, ExpiredSwap, Movement, Reconciled
from nexgent.domain.reconciliation.ports import ReconciliationStore, WalletChain
from nexgent.domain.trading.errors import UnknownVenueError
from nexgent.domain.trading.models import Fill, Landed, QuoteRequest
from nexgent.domain.trading.orders.purchases import DEFAULT_SYMBOL
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.domain.trading.venues import SwapVenues
from nexgent.shared.clock import Clock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress

LATE_WITHIN = timedelta(days=1)
"""So long after it was called expired a swap is still looked for."""
DOUBTFUL_FOR = timedelta(minutes=15)
"""So long after a swap was called expired a difference that nothing explains may be the swap after all."""


@dataclass(frozen=True, slots=True)
class LateSwap:
    """A swap that was called expired and landed after all."""

    swap: ExpiredSwap
    movement: Movement
    fill: Fill
    token: Balance


class WalletHistory:
    """Asks the chain and the books. All methods raise `UnavailableError` or `UpstreamError`."""

    def __init__(
        self,
        *,
        chain: WalletChain,
        store: ReconciliationStore,
        venues: SwapVenues,
        decimals: TokenDecimals,
        clock: Clock,
    ) -> None:
        self._chain = chain
        self._store = store
        self._venues = venues
        self._decimals = decimals
        self._clock = clock

    async def unbooked(self, state: WalletState, last: Reconciled | None) -> list[Movement]:
        """Return the transactions since the last time that the books do not have, oldest first."""
        if last is None:
            return []
        found = await self._chain.movements(state.wallet_address, after_slot=last.slot)
        signatures = {signature for one in found for signature in one.signatures}
        known = await self._store.known(state.wallet_address, state.agent_id, signatures)
        return [one for one in found if not known.intersection(one.signatures)]

    async def late(
        self, state: WalletState, snapshot: ChainSnapshot, since: list[Movement]
    ) -> tuple[list[LateSwap], bool]:
        """Return the swaps called expired that landed after all, and whether others may still turn out to have.

        What is found that the list of transactions lacks is added to it.
        """
        now = self._clock.now()
        expired = await self._store.expired(state.wallet_address, state.agent_id, now - LATE_WITHIN)
        late: list[LateSwap] = []
        doubtful = False
        for swap in expired:
            signature = swap.submission.signature
            movement = next((one for one in since if signature in one.signatures), None)
            if movement is None:
                movement = await self._chain.movement(state.wallet_address, signature)
                if movement is None or not _fits(movement, state, snapshot):
                    doubtful |= now - swap.expired_at < DOUBTFUL_FOR
                    continue
                since.append(movement)
                since.sort(key=lambda one: one.slot)
            fill = await self._fill(swap, state)
            if fill is not None:
                token = await self._token(state, swap.intent.token_address, swap.intent.token_symbol)
                late.append(LateSwap(swap, movement, fill, token))
        return late, doubtful

    async def tokens(self, state: WalletState, movements: Sequence[Movement]) -> dict[TokenAddress, Balance]:
        """Return what is known of the tokens that transactions brought."""
        brought = {
            mint
            for one in movements
            for mint, change in one.changes.items()
            if change > 0 and mint != SOL_MINT
        }
        return {mint: await self._token(state, mint) for mint in sorted(brought)}

    async def _fill(self, swap: ExpiredSwap, state: WalletState) -> Fill | None:
        try:
            gateway = self._venues.of(swap.submission).gateway
        except UnknownVenueError:
            # Nobody can tell what the swap was to be; what it moved is booked all the same.
            return None
        request = QuoteRequest.of_intent(swap.intent)
        outcome = await gateway.resolve(swap.submission, state.wallet_address, request)
        return outcome.fill if isinstance(outcome, Landed) else None

    async def _token(self, state: WalletState, mint: TokenAddress, symbol: str = DEFAULT_SYMBOL) -> Balance:
        held = state.balances.get(mint)
        if held is not None:
            return held
        return Balance(mint, symbol, await self._decimals.decimals(mint), 0, self._clock.now())


def _fits(movement: Movement, state: WalletState, snapshot: ChainSnapshot) -> bool:
    """Tell whether the chain has more or less of a token than the ledger by at least what a transaction moved."""
    for mint, change in movement.changes.items():
        difference = snapshot.held_raw(mint) - state.balance_raw(mint)
        if mint != SOL_MINT and (difference < change if change > 0 else difference > change):
            return False
    return True
