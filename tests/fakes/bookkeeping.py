"""What was entered by hand, read from the journal in memory: the tables are those the projection makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from uuid import UUID

from nexgent.api.v1.balances.schemas import written
from nexgent.domain.bookkeeping.ports import ListedBalance, OwnedBalance, StreamExcerpt
from nexgent.domain.ledger.models import (
    ClosedTradeRecorded,
    Imported,
    Recorded,
    TradeSettled,
    TransactionEdited,
    TransactionRemoved,
    WalletReset,
)
from nexgent.domain.ledger.state import Balance
from nexgent.domain.signals.models import Signal, SignalChanges
from nexgent.domain.signals.queries import SignalRow
from nexgent.domain.transactions.queries import ClosedTradeRow, TransactionRow
from nexgent.infrastructure.database.projection.project import project
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import (
    AgentId,
    ClosedTradeId,
    SignalId,
    TokenAddress,
    TransactionId,
    UserId,
    WalletAddress,
)
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal


def journaled_transaction(journal: FakeJournal, transaction_id: TransactionId) -> TransactionRow | None:
    """Return the row that the tables would hold."""
    row = project(journal.entries).transactions.get(transaction_id)
    if row is None:
        return None
    return TransactionRow(
        id=TransactionId(row.id),
        agent_id=AgentId(row.agent_id),
        wallet_address=WalletAddress(row.wallet_address) if row.wallet_address is not None else None,
        type=row.transaction_type,
        value_usd=row.transaction_value_usd,
        time=row.transaction_time,
        destination_address=row.destination_address,
        signal_id=SignalId(row.signal_id) if row.signal_id is not None else None,
        fees=row.fees,
        routes_json=row.routes,
        input_mint=TokenAddress(row.input_mint) if row.input_mint is not None else None,
        input_symbol=row.input_symbol,
        input_amount=row.input_amount,
        input_price=row.input_price,
        output_mint=TokenAddress(row.output_mint) if row.output_mint is not None else None,
        output_symbol=row.output_symbol,
        output_amount=row.output_amount,
        output_price=row.output_price,
        slippage=row.slippage,
        price_impact=row.price_impact,
        is_dca=row.is_dca,
        is_take_profit=row.is_take_profit,
        transaction_hash=row.transaction_hash,
        protocol_fee_sol=row.protocol_fee_sol,
        network_fee_sol=row.network_fee_sol,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def journaled_closed_trade(journal: FakeJournal, closed_trade_id: ClosedTradeId) -> ClosedTradeRow | None:
    """Return the row that the tables would hold."""
    row = project(journal.entries).closed_trades.get(closed_trade_id)
    if row is None:
        return None
    return ClosedTradeRow(**{one.name: getattr(row, one.name) for one in fields(ClosedTradeRow)})


class FakeHandEntries:
    """Implements `HandEntries`. `behind` lets so many answers stop short of the stream's end."""

    def __init__(self, journal: FakeJournal) -> None:
        self._journal = journal
        self.behind = 0

    async def of_transaction(
        self, wallet: WalletAddress, agent_id: AgentId, transaction_id: TransactionId
    ) -> StreamExcerpt:
        stream = [entry for entry in self._journal.entries if entry.wallet_address == wallet]
        if self.behind:
            self.behind -= 1
            stream = stream[:-1]
        about = []
        for entry in (one for one in stream if one.agent_id == agent_id):
            match entry.body:
                case WalletReset():
                    about.append(entry)
                case Recorded(record) | TransactionEdited(record) | TradeSettled(transaction=record):
                    if record.id == transaction_id:
                        about.append(entry)
                case TransactionRemoved(removed) if removed == transaction_id:
                    about.append(entry)
                case _:
                    pass
        return StreamExcerpt(stream[-1].seq if stream else 0, about)

    async def is_recorded_by_hand(self, wallet: WalletAddress, closed_trade_id: ClosedTradeId) -> bool:
        return any(
            isinstance(entry.body, ClosedTradeRecorded | Imported)
            and entry.body.trade is not None
            and entry.body.trade.id == closed_trade_id
            and entry.wallet_address == wallet
            for entry in self._journal.entries
        )


class FakeEmptyBalances:
    """Implements `EmptyBalances`; `away` makes the tables unreachable."""

    def __init__(self, journal: FakeJournal) -> None:
        self._journal = journal
        self.away = False

    async def of_wallet(self, wallet: WalletAddress) -> Sequence[ListedBalance]:
        listed = [
            ListedBalance(owned.updated_at, owned.mint, written(owned, None))
            for owned in self._all()
            if owned.wallet_address == wallet
        ]
        return sorted(listed, reverse=True)

    async def find(self, wanted: UUID) -> OwnedBalance | None:
        return next((owned for owned in self._all() if owned.id == wanted), None)

    def _all(self) -> list[OwnedBalance]:
        if self.away:
            raise UnavailableError("The tables are not available at present; try again shortly")
        return [
            OwnedBalance(
                AgentId(row.agent_id),
                WalletAddress(row.wallet_address),
                Balance(
                    TokenAddress(row.token_address),
                    row.new_symbol or row.token_symbol,
                    row.decimals,
                    0,
                    row.last_updated,
                ),
            )
            for row in project(self._journal.entries).balances.values()
            if not row.delta_raw
        ]


class FakeSignalEdits:
    """Implements `SignalEdits` over rows in a dict."""

    def __init__(self, rows: dict[SignalId, SignalRow]) -> None:
        self._rows = rows
        self._clock = FakeClock()

    async def update(self, signal_id: SignalId, user_id: UserId, changes: SignalChanges) -> Signal | None:
        row = self._rows.get(signal_id)
        if row is None or row.user_id != user_id:
            return None
        row = replace(row, **changes, updated_at=self._clock.now())  # type: ignore[arg-type]  # Names were checked.
        self._rows[signal_id] = row
        return Signal(**{name: getattr(row, name) for name in Signal.__slots__})

    async def delete(self, signal_id: SignalId, user_id: UserId) -> bool:
        row = self._rows.get(signal_id)
        if row is None or row.user_id != user_id:
            return False
        del self._rows[signal_id]
        return True

    async def delete_all(self, user_id: UserId) -> int:
        own = [signal_id for signal_id, row in self._rows.items() if row.user_id == user_id]
        for signal_id in own:
            del self._rows[signal_id]
        return len(own)
