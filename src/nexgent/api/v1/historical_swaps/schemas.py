"""Shapes of closed trades."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from nexgent.api.fields import shown
from nexgent.api.http.models import ApiModel, Body, left_out
from nexgent.api.http.problems import problem
from nexgent.api.http.queries import ExportQuery, PageQuery, PeriodQuery, not_after, not_before
from nexgent.api.http.types import (
    EXAMPLE_MINT,
    AgentIdInQuery,
    AnAgentId,
    DecimalText,
    GivenMint,
    GivenNumber,
    GivenSignalId,
    GivenTime,
    GivenTransactionId,
    Instant,
    NotBlank,
    NumberInQuery,
    OptionalText,
    OptionalTime,
    OptionalTransactionId,
    SignalInQuery,
    Trimmed,
    WalletInQuery,
)
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.transactions.models import ClosedTradeRecord
from nexgent.domain.transactions.queries import ClosedTradeExportRow, ClosedTradeFilter, ClosedTradeRow
from nexgent.shared.types import SignalId, TokenAddress, WalletAddress

CLOSE_REASONS = (*(reason.value for reason in CloseReason), "signal_replace")
_LIMIT = Decimal(10) ** 32
_PERCENT_LIMIT = Decimal(10) ** 20
_PERCENT_STORED = Decimal("1e-4")
_SOL_PRICE_LIMIT_USD = Decimal(10) ** 12
_ZERO = Decimal(0)


def _close_reason(given: object) -> object:
    if given is not None and given not in CLOSE_REASONS:
        raise problem(f"one of {', '.join(CLOSE_REASONS)} is required, received {shown(given)}")
    return given


def _percent(value: Decimal) -> Decimal:
    return value.quantize(_PERCENT_STORED)


def _sol_price(value: Decimal | None) -> Decimal | None:
    if value is not None and not 0 < value < _SOL_PRICE_LIMIT_USD:
        raise problem(f"USD per SOL must be more than 0 and less than {_SOL_PRICE_LIMIT_USD:f}")
    return value


Symbol = Annotated[str, Field(max_length=20), NotBlank]
Amount = Annotated[Decimal, GivenNumber(below=_LIMIT, least=_ZERO)]
Price = Annotated[Decimal, GivenNumber(below=_LIMIT, least=_ZERO, more_than=_ZERO)]
Profit = Annotated[Decimal, GivenNumber(below=_LIMIT)]
Percent = Annotated[Decimal, GivenNumber(below=_PERCENT_LIMIT), AfterValidator(_percent)]
Reason = Annotated[
    str | None,
    BeforeValidator(_close_reason),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": list(CLOSE_REASONS)}, {"type": "null"}]}),
]


class TradesQuery(PeriodQuery):
    """Which closed trades of an agent."""

    agent_id: AgentIdInQuery = Field(description="The agent")
    wallet_address: WalletInQuery = None
    token_address: OptionalText = Field(default=None, description="Only this token", examples=[EXAMPLE_MINT])
    token_symbol: OptionalText = Field(default=None, description="Only this symbol", examples=["EXM"])
    start_purchase_time: OptionalTime = Field(default=None, description="Bought not before")
    end_purchase_time: OptionalTime = Field(default=None, description="Bought not after")
    start_sale_time: OptionalTime = Field(default=None, description="Sold not before")
    end_sale_time: OptionalTime = Field(default=None, description="Sold not after")
    from_: OptionalTime = not_before("startSaleTime")
    to: OptionalTime = not_after("endSaleTime")
    signal_id: SignalInQuery = Field(default=None, description="Only of this signal")
    purchase_transaction_id: OptionalTransactionId = Field(default=None, description="Only this purchase")
    sale_transaction_id: OptionalTransactionId = Field(default=None, description="Only this sale")
    min_profit_loss_usd: Annotated[NumberInQuery, WithJsonSchema({"type": "number", "examples": [-5]})] = (
        Field(default=None, description="At least so much profit")
    )
    max_profit_loss_usd: Annotated[NumberInQuery, WithJsonSchema({"type": "number", "examples": [100]})] = (
        Field(default=None, description="At most so much profit")
    )

    def wanted(self) -> ClosedTradeFilter:
        """Return the filter. Raises `InvalidInputError`."""
        start_sale, end_sale = self.bounds("start_sale_time", "end_sale_time")
        return ClosedTradeFilter(
            agent_id=self.agent_id,
            wallet_address=WalletAddress(self.wallet_address) if self.wallet_address is not None else None,
            token_address=TokenAddress(self.token_address) if self.token_address is not None else None,
            token_symbol=self.token_symbol,
            start_purchase_time=self.start_purchase_time,
            end_purchase_time=self.end_purchase_time,
            start_sale_time=start_sale,
            end_sale_time=end_sale,
            signal_id=self.signal_id,
            purchase_transaction_id=self.purchase_transaction_id,
            sale_transaction_id=self.sale_transaction_id,
            min_profit_loss_usd=self.min_profit_loss_usd,
            max_profit_loss_usd=self.max_profit_loss_usd,
        )


class TradesPageQuery(TradesQuery, PageQuery):
    """Which page of an agent's closed trades."""


class TradesExportQuery(TradesQuery, ExportQuery):
    """Which closed trades of an agent make a file, and in which currency."""

    currency: OptionalText = Field(
        default=None, description="SOL for amounts in SOL; anything else is USD", examples=["SOL"]
    )
    sol_price: Annotated[
        NumberInQuery,
        AfterValidator(_sol_price),
        WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "examples": [150.25]}),
    ] = Field(default=None, description="USD per SOL, to show prices in USD (default 100)")


class HistoricalSwapIn(Body):
    """A closed trade to record. Numbers may be JSON numbers or texts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agentId": "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2",
                    "tokenAddress": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf",
                    "tokenSymbol": "EXM",
                    "amount": "1000",
                    "purchasePrice": "0.00001",
                    "salePrice": "0.000012",
                    "changePercent": "20",
                    "profitLossUsd": "0.3",
                    "profitLossSol": "0.002",
                    "purchaseTime": "2026-01-01T12:00:00.000Z",
                    "saleTime": "2026-01-01T13:00:00.000Z",
                    "closeReason": "manual",
                }
            ]
        }
    )

    agent_id: AnAgentId
    wallet_address: Annotated[str | None, Field(max_length=44), Trimmed] = None
    token_address: GivenMint
    token_symbol: Symbol
    amount: Amount
    purchase_price: Price
    sale_price: Price
    change_percent: Percent
    profit_loss_usd: Profit
    profit_loss_sol: Profit
    purchase_time: GivenTime
    sale_time: GivenTime
    purchase_transaction_id: GivenTransactionId = None
    sale_transaction_id: GivenTransactionId = None
    signal_id: GivenSignalId = None
    close_reason: Reason = None

    def facts(self) -> dict[str, Any]:
        """Return what is said of the trade, by the record's names."""
        return {name: getattr(self, name) for name in HistoricalSwapChangesIn.model_fields}


class HistoricalSwapChangesIn(Body):
    """What is to be changed of a closed trade; what is left out stays. Numbers may be JSON numbers or texts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"closeReason": "manual", "signalId": None}]})

    token_address: GivenMint = left_out()
    token_symbol: Symbol = left_out()
    amount: Amount = left_out()
    purchase_price: Price = left_out()
    sale_price: Price = left_out()
    change_percent: Percent = left_out()
    profit_loss_usd: Profit = left_out()
    profit_loss_sol: Profit = left_out()
    purchase_time: GivenTime = left_out()
    sale_time: GivenTime = left_out()
    purchase_transaction_id: GivenTransactionId = None
    sale_transaction_id: GivenTransactionId = None
    signal_id: GivenSignalId = None
    close_reason: Reason = None

    def changes(self) -> dict[str, Any]:
        """Return what is there, be it as null, by the record's names."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class HistoricalSwapOut(ApiModel):
    """A position from its first purchase to its last sale; amounts are exact texts."""

    id: UUID
    agent_id: UUID
    wallet_address: str | None
    token_address: str
    token_symbol: str
    amount: DecimalText
    purchase_price: DecimalText
    sale_price: DecimalText
    change_percent: DecimalText
    profit_loss_usd: DecimalText
    profit_loss_sol: DecimalText
    purchase_time: Instant
    sale_time: Instant
    purchase_transaction_id: UUID | None
    sale_transaction_id: UUID | None
    signal_id: str | None
    close_reason: str | None
    created_at: Instant

    @classmethod
    def of(cls, row: ClosedTradeRow) -> HistoricalSwapOut:
        """Return a listed closed trade."""
        return cls.recorded(row, row.created_at)

    @classmethod
    def recorded(cls, trade: ClosedTradeRecord, created_at: datetime) -> HistoricalSwapOut:
        """Return a closed trade that may not be in the tables yet."""
        return cls.showing(trade, signal_id=_text(trade.signal_id), created_at=created_at)


class ExportedSwapOut(HistoricalSwapOut):
    """A closed trade together with what its signal said."""

    signal_type: str | None
    activation_reason: str | None

    @classmethod
    def exported(cls, row: ClosedTradeExportRow) -> ExportedSwapOut:
        """Return an exported closed trade."""
        return cls.showing(
            row.trade,
            signal_id=_text(row.trade.signal_id),
            signal_type=row.signal_type,
            activation_reason=row.activation_reason,
        )


def _text(signal_id: SignalId | None) -> str | None:
    return str(signal_id) if signal_id is not None else None
