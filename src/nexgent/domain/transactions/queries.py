"""Reading recorded transactions and closed trades: filters, rows and the protocols that answer them.

Rows come straight from the read tables, without passing through domain objects. The caller has checked before that the
agent belongs to the user; a query never checks ownership.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from nexgent.domain.transactions.models import ClosedTradeRecord, TransactionType
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import AgentId, ClosedTradeId, SignalId, TokenAddress, TransactionId, WalletAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFilter:
    """Which transactions are wanted. Nothing set but the agent means all of them; times are inclusive."""

    agent_id: AgentId
    wallet_address: WalletAddress | None = None
    type: TransactionType | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    signal_id: SignalId | None = None
    is_dca: bool | None = None
    is_take_profit: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow:
    """One transaction as it is listed. Amounts in tokens, prices and fees in SOL, slippage and impact in percent."""

    id: TransactionId
    agent_id: AgentId
    wallet_address: WalletAddress | None
    type: str
    """DEPOSIT, SWAP or BURN; the stored text, because imported rows may say WITHDRAWAL."""
    value_usd: Decimal
    time: datetime
    destination_address: str | None
    signal_id: SignalId | None
    fees: Decimal | None
    routes_json: str | None
    """The stored JSON document as text, to be passed on as it is; the JSON value null is the text `null`."""
    input_mint: TokenAddress | None
    input_symbol: str | None
    input_amount: Decimal | None
    input_price: Decimal | None
    output_mint: TokenAddress | None
    output_symbol: str | None
    output_amount: Decimal | None
    output_price: Decimal | None
    slippage: Decimal | None
    price_impact: Decimal | None
    is_dca: bool
    is_take_profit: bool
    transaction_hash: str | None
    protocol_fee_sol: Decimal | None
    network_fee_sol: Decimal | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTradeFilter:
    """Which closed trades are wanted. Nothing set but the agent means all of them; bounds are inclusive."""

    agent_id: AgentId
    wallet_address: WalletAddress | None = None
    token_address: TokenAddress | None = None
    token_symbol: str | None = None
    start_purchase_time: datetime | None = None
    end_purchase_time: datetime | None = None
    start_sale_time: datetime | None = None
    end_sale_time: datetime | None = None
    signal_id: SignalId | None = None
    purchase_transaction_id: TransactionId | None = None
    sale_transaction_id: TransactionId | None = None
    min_profit_loss_usd: Decimal | None = None
    max_profit_loss_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTradeRow(ClosedTradeRecord):
    """One closed trade as it is listed. `close_reason` is the stored text: it may be one that this engine does not know."""

    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTradeExportRow:
    """A closed trade together with what its signal said."""

    trade: ClosedTradeRow
    signal_type: str | None
    activation_reason: str | None


class TransactionQueries(Protocol):
    """Recorded transactions. All methods raise `UnavailableError` when the database cannot be read."""

    async def list(
        self,
        wanted: TransactionFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[TransactionId] | None = None,
    ) -> Sequence[TransactionRow]:
        """Return matching transactions, newest `time` first; equal times by id, so pages never overlap.

        With `after`, only those behind that `time` and id.
        """

    async def get(self, transaction_id: TransactionId) -> TransactionRow | None:
        """Return one transaction, whoever owns it."""


class ClosedTradeQueries(Protocol):
    """Closed trades. All methods raise `UnavailableError` when the database cannot be read."""

    async def list(
        self,
        wanted: ClosedTradeFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[ClosedTradeId] | None = None,
    ) -> Sequence[ClosedTradeRow]:
        """Return matching trades, newest `sale_time` first; equal times by id, so pages never overlap.

        With `after`, only those behind that `sale_time` and id.
        """

    async def get(self, closed_trade_id: ClosedTradeId) -> ClosedTradeRow | None:
        """Return one closed trade, whoever owns it."""

    async def export(
        self, wanted: ClosedTradeFilter, *, after: ClosedTradeId | None = None, limit: int = 1000
    ) -> Sequence[ClosedTradeExportRow]:
        """Return the next rows by id ascending; pass the last id of a batch as `after` until a batch is empty."""
