"""From what was found to entries in line: swaps of ours, other transactions, then what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nexgent.domain.agents.config import DEFAULT_CONFIG, TradingConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.prices.ports import SolPriceFeed, newest_sol_usd
from nexgent.domain.reconciliation.compare import compare
from nexgent.domain.reconciliation.entries import (
    Booking,
    Prices,
    book_difference,
    book_late,
    book_movement,
    book_purchase_elsewhere,
)
from nexgent.domain.reconciliation.models import ChainSnapshot, Movement
from nexgent.domain.reconciliation.wallet_history import LateSwap
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress, WalletAddress


class ReconciliationBooking:
    """Stages entries on the head of a ledger; it waits for nothing, so no other decision of this process comes between."""

    def __init__(
        self, *, ledger: Ledger, directory: AgentDirectory, sol_price: SolPriceFeed, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._sol_price = sol_price
        self._clock = clock

    def stage_all(
        self,
        wallet: WalletAddress,
        snapshot: ChainSnapshot,
        since: Sequence[Movement],
        late: Sequence[LateSwap],
        tokens: Mapping[TokenAddress, Balance],
    ) -> list[Entry]:
        """Put everything in line: swaps of ours, other transactions, then what is left."""
        entries: list[Entry] = []
        prices = self._prices()

        def stage(some: Sequence[Booking]) -> None:
            for booking in some:
                entries.extend(self._ledger.stage(wallet, body, postings) for body, postings in booking.lines)

        ours = {one.movement.signature: one for one in late}
        for movement in since:
            state = self._ledger.head(wallet)
            mine = ours.get(movement.signature)
            booked = (
                book_late(state, mine.swap, mine.fill, mine.token, self._config(state), prices)
                if mine is not None
                else None
            )
            if booked is None:
                came = next((tokens[m] for m in movement.changes if m in tokens), None)
                if came is not None:
                    booked = book_purchase_elsewhere(state, movement, came, prices)
            stage([booked] if booked is not None else book_movement(state, movement, prices))
        for finding in compare(self._ledger.head(wallet), snapshot):
            if finding.to_book:
                stage(book_difference(self._ledger.head(wallet), finding, prices))
        return entries

    def _prices(self) -> Prices:
        now = self._clock.now()
        return Prices(now=now, sol_usd=newest_sol_usd(self._sol_price, now))

    def _config(self, state: WalletState) -> TradingConfig:
        agent = self._directory.find(state.agent_id)
        return agent.config if agent is not None else DEFAULT_CONFIG
