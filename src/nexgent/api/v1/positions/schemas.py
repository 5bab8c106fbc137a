"""Shapes of open positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from nexgent.api.fields import shown
from nexgent.api.http.models import ApiModel, Body, Query
from nexgent.api.http.problems import problem
from nexgent.api.http.types import DecimalNumber, GivenNumber, Instant, OptionalText
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.wallets.close_by_hand import ClosedTradeResult, PartSold, SaleForecast


class PositionsQuery(Query):
    """Which positions of an agent."""

    wallet_address: OptionalText = Field(default=None, description="Only positions of this wallet")


class PurchaseTransactionOut(ApiModel):
    """The first purchase."""

    id: UUID
    hash: str | None
    time: Instant


class PurchaseOut(ApiModel):
    """What was bought, at the average price."""

    price_native: DecimalNumber
    price_usd: DecimalNumber
    amount: DecimalNumber
    transaction: PurchaseTransactionOut


class CurrentOut(ApiModel):
    """What is held now and what it is worth."""

    price_native: DecimalNumber
    price_usd: DecimalNumber
    value_native: DecimalNumber
    value_usd: DecimalNumber


class ProfitLossOut(ApiModel):
    """Profit of everything invested, partial sales and fees included."""

    native: DecimalNumber
    usd: DecimalNumber
    percent: DecimalNumber
    price_change_percent: DecimalNumber


class StopLossOut(ApiModel):
    """The present stop, in percent from the entry price."""

    percentage: DecimalNumber
    peak_price: DecimalNumber


class TakeProfitOut(ApiModel):
    """Partial sales so far."""

    levels_hit: int
    total_levels: int | None
    tp_batch_start_level: int
    remaining_amount: DecimalNumber
    original_amount: DecimalNumber
    sold_percent: DecimalNumber
    moon_bag_activated: bool
    moon_bag_amount: DecimalNumber | None
    last_take_profit_time: Instant | None
    transaction_ids: list[UUID]


class DcaOut(ApiModel):
    """Purchases after the first one."""

    count: int
    total_invested_sol: DecimalNumber
    last_dca_time: Instant | None


class PositionOut(ApiModel):
    """An open position."""

    id: UUID
    agent_id: UUID
    wallet_address: str
    token_address: str
    token_symbol: str
    purchase: PurchaseOut
    current: CurrentOut
    profit_loss: ProfitLossOut
    stop_loss: StopLossOut
    take_profit: TakeProfitOut
    dca: DcaOut
    created_at: Instant
    updated_at: Instant


_REASONS = {"manual": CloseReason.MANUAL, "stop_loss": CloseReason.STOP_LOSS}


def _reason(given: object) -> object:
    if given is None or given == "":
        return CloseReason.MANUAL
    reason = _REASONS.get(given) if isinstance(given, str) else None
    if reason is None:
        raise problem(f"manual or stop_loss is allowed, received {shown(given)}")
    return reason


class CloseIn(Body):
    """Why the position is closed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "manual"}]})

    reason: Annotated[
        CloseReason,
        BeforeValidator(_reason),
        WithJsonSchema({"enum": [*_REASONS, "", None], "default": "manual"}),
    ] = CloseReason.MANUAL


class ClosedOut(ApiModel):
    """What the sale brought."""

    success: bool
    transaction_id: UUID
    historical_swap_id: UUID
    position_id: UUID
    input_amount: DecimalNumber
    output_amount: DecimalNumber
    sale_price: DecimalNumber
    profit_loss_sol: DecimalNumber
    profit_loss_usd: DecimalNumber
    change_percent: DecimalNumber
    transaction_hash: str | None

    @classmethod
    def of(cls, done: ClosedTradeResult) -> ClosedOut:
        """Return what a sale brought."""
        return cls.showing(done, success=True, historical_swap_id=done.closed_trade_id)


class SellPartIn(Body):
    """How much is sold, in percent of what the position holds now: above 0 and below 100."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"percent": 25}]})

    percent: Annotated[Decimal, GivenNumber(below=Decimal(100), more_than=Decimal(0))]


class SoldPartOut(ApiModel):
    """What the sale of a part brought; `remainingAmount` is what the position still holds, in tokens."""

    success: bool
    transaction_id: UUID
    position_id: UUID
    input_amount: DecimalNumber
    output_amount: DecimalNumber
    remaining_amount: DecimalNumber
    transaction_hash: str | None

    @classmethod
    def of(cls, done: PartSold) -> SoldPartOut:
        """Return what a sale brought."""
        return cls.showing(done, success=True)


class SalePreviewIn(Body):
    """How much would be sold, in percent of what the position holds now: above 0, up to 100, which closes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"percent": 25}]})

    percent: Annotated[Decimal, GivenNumber(below=Decimal(100), or_equal=True, more_than=Decimal(0))] = (
        Decimal(100)
    )


class SalePreviewOut(ApiModel):
    """What a sale would bring at the quote of this moment. Amounts in SOL and tokens, the price in SOL per token.

    `receivedSol` is what reaches the wallet: what the swap gives, less `protocolFeeSol`, `networkFeeSol` and `rentSol` (negative
    where a deposit comes back). `profitLossSol` is that less `costSol`, what the part that is sold had cost with its fees, and
    `profitLossPercent` in percent of it. `source` is the swap provider, `ageMs` how long ago it gave the quote.
    """

    amount: DecimalNumber
    remaining_amount: DecimalNumber
    received_sol: DecimalNumber
    price_sol: DecimalNumber
    price_impact_percent: DecimalNumber
    protocol_fee_sol: DecimalNumber | None
    network_fee_sol: DecimalNumber
    rent_sol: DecimalNumber
    cost_sol: DecimalNumber
    profit_loss_sol: DecimalNumber
    profit_loss_percent: DecimalNumber
    source: str
    age_ms: int

    @classmethod
    def of(cls, forecast: SaleForecast) -> SalePreviewOut:
        """Return what a sale would bring."""
        return cls.showing(
            forecast,
            price_impact_percent=forecast.price_impact_pct,
            profit_loss_percent=forecast.profit_loss_pct,
            age_ms=round(forecast.age_seconds * 1000),
        )
