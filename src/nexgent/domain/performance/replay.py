"""What a wallet was worth at past hours, out of its journal. Pure: entries in, snapshots out.

Balances and positions are exact, because they are folded from the entries. Prices are only what the wallet's own trades have
seen: the price a decision was taken on, or the one it was executed at. An hour with a position whose last known price
is too old gets no snapshot, nor does one before the wallet came along from another installation; an invented value would look
like a real one for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from nexgent.domain.ledger.models import Entry, Imported, TradeIntended, TradeSettled
from nexgent.domain.ledger.state import WalletState, apply
from nexgent.domain.performance.models import Snapshot, position_figures
from nexgent.domain.performance.summary import (
    ClosedTradeTotals,
    OpenPositionFigures,
    summarise_totals,
)
from nexgent.domain.transactions.models import TransactionRecord
from nexgent.shared.money import CONTEXT, SOL_MINT, sol
from nexgent.shared.types import TokenAddress


class WalletReplay:
    """Feed it the entries of a wallet in order; it stops at every hour that is asked for."""

    def __init__(
        self,
        start: WalletState,
        hours: Sequence[datetime],
        *,
        oldest_price: timedelta,
    ) -> None:
        """`start` is what it was before the first entry; `hours` are exact hours, ascending; `oldest_price` is how old a price
        may be at its hour."""
        self._state = start
        self._hours = list(hours)
        self._oldest_price = oldest_price
        self._prices: dict[TokenAddress, tuple[Decimal, datetime]] = {}
        self._next = 0
        self.snapshots: list[Snapshot] = []
        self.skipped: list[datetime] = []

    @property
    def done(self) -> bool:
        """Tell whether all hours are behind us."""
        return self._next >= len(self._hours)

    def feed(self, entry: Entry) -> None:
        """Take the next entry. Raises `LedgerInvariantError` when it does not follow."""
        while not self.done and self._hours[self._next] <= entry.at:
            if isinstance(entry.body, Imported):
                # What it held until then is in the books of the installation it came from.
                self.skipped.append(self._hours[self._next])
                self._next += 1
            else:
                self._stop()
        if entry.agent_id == self._state.agent_id:
            self._state = apply(self._state, entry)
            self._see(entry)
        else:
            # An earlier life of the address, with another owner: it only counts as a place in the stream.
            self._state = replace(self._state, seq=entry.seq)

    def finish(self) -> None:
        """Take the remaining hours: nothing has happened since the last entry."""
        while not self.done:
            self._stop()

    def _stop(self) -> None:
        hour = self._hours[self._next]
        self._next += 1
        snapshot = self._snapshot(hour)
        if snapshot is None:
            self.skipped.append(hour)
        else:
            self.snapshots.append(snapshot)

    def _snapshot(self, hour: datetime) -> Snapshot | None:
        figures: list[OpenPositionFigures] = []
        for position in self._state.positions.values():
            price_sol, seen_at = self._prices.get(position.token_address, (None, None))
            if seen_at is None or hour - seen_at > self._oldest_price:
                return None
            figures.append(position_figures(position, price_sol))
        return snapshot_of(self._state, figures, hour)

    def _see(self, entry: Entry) -> None:
        match entry.body:
            case TradeIntended(intent) if intent.evidence is not None and intent.evidence.price_sol > 0:
                seen_at = intent.created_at - timedelta(milliseconds=intent.evidence.age_ms)
                self._prices[intent.token_address] = (intent.evidence.price_sol, seen_at)
            case TradeSettled(transaction=transaction):
                if (found := _executed_price(transaction)) is not None:
                    self._prices[found[0]] = (found[1], entry.at)
            case _:
                pass


def snapshot_of(state: WalletState, figures: Sequence[OpenPositionFigures], hour: datetime) -> Snapshot:
    """Return a wallet's state and the figures of its positions as the snapshot of an hour."""
    summary = summarise_totals(sol(state.balance_raw(SOL_MINT)), ClosedTradeTotals(), figures)
    return Snapshot(
        agent_id=state.agent_id,
        wallet_address=state.wallet_address,
        hour=hour,
        portfolio_balance_sol=summary.portfolio_balance_sol,
        sol_balance=summary.sol_balance,
        positions_value_sol=summary.positions_value_sol,
        unrealized_pnl_sol=summary.unrealized_profit_loss_sol,
    )


def _executed_price(record: TransactionRecord) -> tuple[TokenAddress, Decimal] | None:
    """Return the token and the SOL per token of a swap against SOL."""
    given, taken = record.input_amount, record.output_amount
    if not given or not taken or record.input_mint is None or record.output_mint is None:
        return None
    if record.input_mint == SOL_MINT:
        return record.output_mint, CONTEXT.divide(given, taken)
    if record.output_mint == SOL_MINT:
        return record.input_mint, CONTEXT.divide(taken, given)
    return None
