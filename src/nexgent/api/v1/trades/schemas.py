"""Shapes of trading by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, ValidatorFunctionWrapHandler, WithJsonSchema, WrapValidator

from nexgent.api.fields import shown
from nexgent.api.http.models import ApiModel, Body
from nexgent.api.http.problems import problem
from nexgent.api.http.types import (
    NUMBER_TEXT,
    AnAgentId,
    DecimalNumber,
    GivenNumber,
    GivenSignalId,
    GivenTradedMint,
    Trimmed,
)
from nexgent.domain.trading.orders.buy_by_hand import BoughtByHand, PurchaseForecast
from nexgent.shared.money import LAMPORTS_PER_SOL

_SIZE_LIMIT_SOL = 10**9


def _at_least_a_lamport(given: object, handler: ValidatorFunctionWrapHandler) -> object:
    size_sol: Decimal | None = handler(given)
    if size_sol is not None and size_sol * LAMPORTS_PER_SOL < 1:
        raise problem(f"it must be at least 0.000000001 SOL, received {shown(given)}")
    return size_sol


Size = Annotated[
    Decimal | None,
    GivenNumber(below=Decimal(_SIZE_LIMIT_SOL)),
    WrapValidator(_at_least_a_lamport),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": _SIZE_LIMIT_SOL},
                NUMBER_TEXT,
                {"type": "null"},
            ]
        }
    ),
]


class TradeIn(Body):
    """What to buy. Without a wallet that of the agent's mode buys; without a size it is calculated from the balance."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agentId": "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2",
                    "tokenAddress": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf",
                    "tokenSymbol": "EXM",
                    "positionSize": 0.5,
                }
            ]
        }
    )

    agent_id: AnAgentId
    token_address: GivenTradedMint
    wallet_address: Annotated[str | None, Field(max_length=255), Trimmed] = None
    token_symbol: Annotated[str | None, Field(max_length=20), Trimmed] = None
    signal_id: GivenSignalId = None
    position_size: Size = None


class TradePreviewOut(ApiModel):
    """What a purchase would be at the quote of this moment. Amounts in SOL and tokens, prices in SOL per token.

    `sizeSol` is what the swap takes, `protocolFeeSol` a part of it; `totalSol` is what leaves the wallet, with network fee and
    the deposit for the token account (`rentSol`), and `balanceAfterSol` what is available then. `priceSol` is the entry price
    of the position and `stopPriceSol` where its stop loss begins. A size is smaller than the one asked for where that would
    move the price by more than `maxPriceImpactPercent`.
    """

    wallet_address: str
    size_sol: DecimalNumber
    amount: DecimalNumber
    price_sol: DecimalNumber
    price_impact_percent: DecimalNumber
    max_price_impact_percent: DecimalNumber | None
    protocol_fee_sol: DecimalNumber | None
    network_fee_sol: DecimalNumber
    rent_sol: DecimalNumber
    total_sol: DecimalNumber
    balance_after_sol: DecimalNumber
    stop_loss_percentage: DecimalNumber | None
    stop_price_sol: DecimalNumber | None

    @classmethod
    def of(cls, forecast: PurchaseForecast) -> TradePreviewOut:
        """Return what a purchase would be."""
        return cls.showing(
            forecast,
            price_impact_percent=forecast.price_impact_pct,
            max_price_impact_percent=forecast.max_price_impact_pct,
            stop_loss_percentage=forecast.stop_loss_pct,
        )


class TradeOut(ApiModel):
    """What was bought. Amounts in SOL and tokens, the price in SOL per token; `inputAmount` holds the swap's own fee."""

    success: bool
    transaction_id: UUID
    position_id: UUID | None
    input_amount: DecimalNumber
    output_amount: DecimalNumber
    purchase_price: DecimalNumber
    transaction_hash: str | None
    stop_loss_initialized: bool
    stop_loss_percentage: DecimalNumber | None = None
    signal_id: int | None = None

    @classmethod
    def of(cls, bought: BoughtByHand) -> TradeOut:
        """Return what a purchase brought."""
        shown = cls.model_construct(
            success=True,
            transaction_id=bought.transaction_id,
            position_id=bought.position_id,
            input_amount=bought.input_amount,
            output_amount=bought.output_amount,
            purchase_price=bought.purchase_price,
            transaction_hash=bought.transaction_hash,
            stop_loss_initialized=bought.stop_loss_initialized,
        )
        if bought.stop_loss_pct is not None:
            shown.stop_loss_percentage = bought.stop_loss_pct
        if bought.signal_id is not None:
            shown.signal_id = bought.signal_id
        return shown
