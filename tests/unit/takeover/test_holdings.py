"""Balances and open positions of the reference, in base units and as positions of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.config import StopLossConfig
from nexgent.infrastructure.takeover.errors import NotTakenError
from nexgent.infrastructure.takeover.holdings import (
    MADE_UP_STOP,
    SHORT,
    BroughtPosition,
    balance_amount,
    in_base_units,
    position_of,
)
from nexgent.shared.money import MAX_RAW, from_raw

T0 = datetime(2025, 2, 10, tzinfo=UTC)
PURCHASE = {"signal_id": 11, "transaction_hash": None}


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": UUID(int=1),
        "agent_id": UUID(int=2),
        "wallet_address": "sim_x",
        "token_address": "TOKEN",
        "token_symbol": "TKN",
        "purchase_transaction_id": UUID(int=3),
        "purchase_price": Decimal("0.001"),
        "purchase_amount": Decimal(1000),
        "current_stop_loss_percentage": Decimal(-20),
        "peak_price": Decimal("0.002"),
        "last_stop_loss_update": None,
        "created_at": T0,
        "updated_at": T0,
        "dca_count": 0,
        "dca_transaction_ids": None,
        "last_dca_time": None,
        "lowest_price": Decimal("0.0009"),
        "total_invested_sol": Decimal("1.01"),
        "remaining_amount": None,
        "take_profit_levels_hit": 0,
        "take_profit_transaction_ids": [],
        "last_take_profit_time": None,
        "moon_bag_activated": False,
        "moon_bag_amount": None,
        "realized_profit_sol": Decimal(0),
        "tp_batch_start_level": 0,
        "total_take_profit_levels": None,
        **changes,
    }


def brought(
    balance_raw: int = 1_000_000_000, stop_loss: StopLossConfig | None = None, **changes: Any
) -> BroughtPosition:
    return position_of(row(**changes), 6, balance_raw, PURCHASE, stop_loss or StopLossConfig())


def test_a_whole_position_is_as_it_was() -> None:
    found = brought()
    position = found.position

    assert found.changes == ()
    assert (position.purchased_raw, position.quantity_raw) == (1_000_000_000, 1_000_000_000)
    assert (position.invested_lamports, position.cost_basis_lamports) == (1_010_000_000, 1_010_000_000)
    assert (position.received_lamports, position.realized_lamports, position.remaining) == (0, 0, None)
    assert (position.signal_id, position.version, position.operations) == (11, 1, 0)
    assert position.base_trail.stop_loss_pct == -20


@given(
    left=st.decimals("0.000001", "999", places=6),
    realized=st.decimals("-1", "100", places=8),
)
def test_what_was_sold_has_brought_what_it_cost_and_the_profit(left: Decimal, realized: Decimal) -> None:
    position = brought(remaining_amount=left, realized_profit_sol=realized).position
    cost_sold = position.invested_lamports - position.cost_basis_lamports

    assert 0 <= position.cost_basis_lamports <= position.invested_lamports
    assert position.received_lamports == max(cost_sold + position.realized_lamports, 0)
    assert position.remaining == left


def test_a_wallet_that_holds_less_keeps_its_share_of_the_cost() -> None:
    found = brought(balance_raw=250_000_000, moon_bag_amount=Decimal(500), moon_bag_activated=True)
    position = found.position

    assert found.changes == (SHORT,)
    assert (position.purchased_raw, position.quantity_raw) == (250_000_000, 250_000_000)
    assert (position.invested_lamports, position.cost_basis_lamports) == (252_500_000, 252_500_000)
    assert (position.received_lamports, position.moon_bag_raw) == (0, 250_000_000)


def test_a_stop_that_was_never_set_is_the_configuration_s() -> None:
    found = brought(current_stop_loss_percentage=None, peak_price=None, lowest_price=Decimal(0))

    assert found.changes == (MADE_UP_STOP,)
    trail = found.position.base_trail
    assert (trail.stop_loss_pct, trail.peak_price_sol, trail.lowest_price_sol) == (
        Decimal(-32),
        Decimal("0.001"),
        Decimal("0.001"),
    )
    off = brought(stop_loss=StopLossConfig(enabled=False), current_stop_loss_percentage=None)
    assert (off.changes, off.position.base_trail.stop_loss_pct) == ((), None)


def test_ids_that_are_none_are_dropped() -> None:
    position = brought(dca_transaction_ids=[str(UUID(int=7)), "x", None]).position

    assert position.dca_transaction_ids == (UUID(int=7),)


def test_an_old_position_without_its_cost_has_what_its_tokens_cost() -> None:
    assert brought(total_invested_sol=Decimal(0)).position.invested_lamports == 1_000_000_000


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"purchase_price": Decimal(0)}, "purchase_price"),
        ({"purchase_price": Decimal("NaN")}, "purchase_price"),
        ({"purchase_amount": Decimal(-1)}, "purchase_amount"),
        ({"remaining_amount": Decimal(0)}, "nothing is left"),
        ({"remaining_amount": Decimal(-5)}, "nothing is left"),
        ({"remaining_amount": Decimal("NaN")}, "remaining_amount"),
        ({"total_invested_sol": Decimal("Infinity")}, "total_invested_sol"),
        ({"purchase_amount": Decimal(10) ** 14}, "more than there can be"),
        ({"balance_raw": 0}, "holds nothing"),
    ],
)
def test_positions_that_cannot_be(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(NotTakenError, match=word):
        brought(**changes)


@pytest.mark.parametrize(
    ("text", "amount"), [("0", 0), (" 1.50 ", Decimal("1.5")), ("1e-9", Decimal("1e-9")), ("-0", 0)]
)
def test_balances_are_texts(text: str, amount: Decimal) -> None:
    assert balance_amount(text) == amount


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "-1", "1,5", "9" * 101])
def test_balances_that_are_none(text: str) -> None:
    with pytest.raises(NotTakenError):
        balance_amount(text)


@given(raw=st.integers(0, MAX_RAW), decimals=st.integers(0, 18))
def test_base_units_come_back(raw: int, decimals: int) -> None:
    assert in_base_units(from_raw(raw, decimals), decimals) == raw


def test_the_noise_of_floating_point_numbers_is_rounded_away() -> None:
    assert in_base_units(Decimal("0.30000000000000004"), 9) == 300_000_000
    assert in_base_units(Decimal("99.99999999999999"), 6) == 100_000_000
    with pytest.raises(NotTakenError, match="more than"):
        in_base_units(Decimal(MAX_RAW), 1)
