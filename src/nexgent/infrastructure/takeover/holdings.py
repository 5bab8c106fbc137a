"""Balances and open positions of the reference to base units, and to positions of ours. Pure."""

from __future__ import annotations

import decimal
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from uuid import UUID

from nexgent.domain.agents.config import StopLossConfig
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.rules.stop_loss import initial_stop_pct
from nexgent.infrastructure.takeover.errors import NotTakenError
from nexgent.infrastructure.takeover.history import Row
from nexgent.shared.money import CONTEXT, MAX_RAW, SOL_DECIMALS, from_raw
from nexgent.shared.types import (
    AgentId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    WalletAddress,
)

_LONGEST = 100
ROUNDED = "it was kept finer than the token's smallest unit, and is rounded to the nearest one"
SHORT = "the wallet holds less of the token than the position; the position is what the wallet holds"
UNCOVERED = (
    "the wallet holds nothing of the token; for a live wallet, `nexgent adopt` finds what the chain has"
)
MADE_UP_STOP = "it had no stop yet; the one of the agent's configuration is used"


@dataclass(frozen=True, slots=True)
class BroughtPosition:
    """A position, and what had to be done to it."""

    position: Position
    changes: tuple[str, ...]


def balance_amount(text: str) -> Decimal:
    """Return a balance, in tokens. Raises `NotTakenError` for what is no amount, or one that cannot be held."""
    try:
        amount = Decimal(text.strip()) if len(text) <= _LONGEST else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise NotTakenError("it is no number")
    if amount < 0:
        raise NotTakenError("it is negative: nothing of the token is held here")
    return amount


def in_base_units(amount: Decimal, decimals: int) -> int:
    """Return the nearest number of base units: amounts went through floating-point numbers. Raises `NotTakenError`."""
    scaled = CONTEXT.scaleb(amount, decimals).to_integral_value(rounding=decimal.ROUND_HALF_EVEN)
    if not 0 <= scaled <= MAX_RAW:
        raise NotTakenError("it is more than there can be of a token")
    return int(scaled)


def is_exact(amount: Decimal, raw: int, decimals: int) -> bool:
    """Tell whether nothing was rounded."""
    return from_raw(raw, decimals) == amount


def position_of(
    row: Row,
    decimals: int,
    balance_raw: int,
    purchase: Row,
    stop_loss: StopLossConfig,
    taken_numbers: Iterable[int] = (),
) -> BroughtPosition:
    """Return an open position with its trail as it stands; `purchase` is the row of the transaction that opened it.

    What had been bought and sold is in its figures: cost, proceeds and levels go on from there. Raises `NotTakenError`.
    """
    changes: list[str] = []
    price = _positive(row, "purchase_price")
    purchased_raw = in_base_units(_positive(row, "purchase_amount"), decimals)
    remaining = row["remaining_amount"]
    if remaining is not None and not remaining.is_finite():
        raise NotTakenError("its remaining_amount is no amount")
    quantity_raw = purchased_raw if remaining is None else in_base_units(max(remaining, _ZERO), decimals)
    if quantity_raw == 0:
        raise NotTakenError("nothing is left of it")
    if balance_raw == 0:
        raise NotTakenError(UNCOVERED)
    purchased_raw = max(purchased_raw, quantity_raw)
    invested = _lamports(_finite(row, "total_invested_sol"))
    if invested <= 0:
        invested = _lamports(CONTEXT.multiply(price, from_raw(purchased_raw, decimals)))
    cost_basis = invested * quantity_raw // purchased_raw
    realized = _lamports(_finite(row, "realized_profit_sol"))
    # What partial sales have realised is what they brought less what that part had cost.
    received = max(realized + invested - cost_basis, 0) if quantity_raw < purchased_raw else 0
    if quantity_raw > balance_raw:
        # As with tokens that left the wallet by themselves: they go at what they cost, as if they had never been bought.
        missing_raw = quantity_raw - balance_raw
        missing_basis = cost_basis * missing_raw // quantity_raw
        quantity_raw, purchased_raw = balance_raw, purchased_raw - missing_raw
        invested, cost_basis = invested - missing_basis, cost_basis - missing_basis
        changes.append(SHORT)
    stop_pct = row["current_stop_loss_percentage"]
    if stop_pct is not None and not stop_pct.is_finite():
        stop_pct = None
    if stop_pct is None and stop_loss.enabled:
        stop_pct = initial_stop_pct(stop_loss)
        changes.append(MADE_UP_STOP)
    moon_bag = row["moon_bag_amount"]
    number = purchase["signal_id"]
    position_id = PositionId(row["id"])
    position = Position(
        id=position_id,
        agent_id=AgentId(row["agent_id"]),
        wallet_address=WalletAddress(row["wallet_address"]),
        token_address=TokenAddress(row["token_address"]),
        token_symbol=row["token_symbol"],
        decimals=decimals,
        version=1,
        purchase_transaction_id=TransactionId(row["purchase_transaction_id"]),
        signal_id=SignalId(number) if number is not None and number not in set(taken_numbers) else None,
        entry_price_sol=price,
        purchased_raw=purchased_raw,
        quantity_raw=quantity_raw,
        invested_lamports=invested,
        cost_basis_lamports=cost_basis,
        received_lamports=received,
        realized_lamports=realized,
        dca_count=row["dca_count"],
        dca_transaction_ids=_ids(row["dca_transaction_ids"]),
        last_dca_at=row["last_dca_time"],
        partially_sold=remaining is not None,
        take_profit_levels_hit=row["take_profit_levels_hit"],
        take_profit_transaction_ids=_ids(row["take_profit_transaction_ids"]),
        last_take_profit_at=row["last_take_profit_time"],
        moon_bag_activated=row["moon_bag_activated"],
        moon_bag_raw=min(in_base_units(moon_bag, decimals), quantity_raw)
        if moon_bag is not None and moon_bag.is_finite() and moon_bag >= 0
        else None,
        take_profit_batch_start=row["tp_batch_start_level"],
        take_profit_levels_total=row["total_take_profit_levels"],
        opened_at=row["created_at"],
        updated_at=row["updated_at"],
        base_trail=PositionTrail(
            position_id=position_id,
            position_version=1,
            peak_price_sol=_price_or(row["peak_price"], price),
            lowest_price_sol=_price_or(row["lowest_price"], price),
            stop_loss_pct=stop_pct,
            stop_updated_at=row["last_stop_loss_update"],
        ),
        purchase_hash=purchase["transaction_hash"],
    )
    return BroughtPosition(position, tuple(changes))


_ZERO = Decimal(0)


def _finite(row: Row, name: str) -> Decimal:
    value: Decimal = row[name]
    if not value.is_finite():
        raise NotTakenError(f"its {name} is no amount")
    return value


def _positive(row: Row, name: str) -> Decimal:
    value = _finite(row, name)
    if value <= 0:
        raise NotTakenError(f"its {name} is not above zero")
    return value


def _lamports(amount_sol: Decimal) -> int:
    scaled = CONTEXT.scaleb(amount_sol, SOL_DECIMALS)
    return int(scaled.to_integral_value(rounding=decimal.ROUND_HALF_EVEN))


def _price_or(price: Decimal | None, otherwise: Decimal) -> Decimal:
    # Migrations there filled in zeros where nobody knew.
    return price if price is not None and price.is_finite() and price > 0 else otherwise


def _ids(texts: Iterable[str | None] | None) -> tuple[TransactionId, ...]:
    found: list[TransactionId] = []
    for text in texts or ():
        try:
            found.append(TransactionId(UUID(text or "")))
        except ValueError:
            continue
    return tuple(found)
