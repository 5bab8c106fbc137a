"""Positions as clients see them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.positions import views
from nexgent.domain.positions.views import (
    REMEMBERED_DOCUMENTS,
    enriched_position_view,
    iso_time,
    open_position_json,
    open_position_view,
)
from nexgent.shared.ids import new_id
from nexgent.shared.json_text import encode_json
from nexgent.shared.types import AgentId, PositionId, TransactionId, WalletAddress
from tests.builders import a_position, a_trail


def _words(text: str) -> list[str]:
    return text.split()


KEYS = _words(
    "id agentId walletAddress tokenAddress tokenSymbol purchaseTransactionId purchasePrice purchaseAmount totalInvestedSol "
    "dcaCount lastDcaTime lowestPrice dcaTransactionIds currentStopLossPercentage peakPrice lastStopLossUpdate "
    "remainingAmount takeProfitLevelsHit takeProfitTransactionIds lastTakeProfitTime moonBagActivated moonBagAmount "
    "realizedProfitSol tpBatchStartLevel totalTakeProfitLevels createdAt updatedAt"
)
ENRICHED = _words(
    "currentPrice currentPriceUsd purchasePriceUsd positionValueUsd positionValueSol profitLossUsd profitLossSol "
    "profitLossPercent priceChangePercent"
)


def test_an_open_position_has_the_keys_of_the_contract_in_order() -> None:
    moment = datetime(2026, 1, 1, 12, 0, 0, 7_900, tzinfo=UTC)
    trail = a_trail(stop_updated_at=moment + timedelta(seconds=1))
    position = a_position(opened_at=moment, updated_at=moment, base_trail=trail)

    view = open_position_view(position, position.base_trail)

    assert list(view) == KEYS
    assert view["tokenAddress"] == "MintInMixedCase"
    assert view["purchaseAmount"] == Decimal(1000)
    assert view["totalInvestedSol"] == Decimal("1.01")
    assert view["remainingAmount"] is None
    assert view["moonBagAmount"] is None
    assert view["createdAt"] == "2026-01-01T12:00:00.007Z"
    assert view["updatedAt"] == view["lastStopLossUpdate"] == "2026-01-01T12:00:01.007Z"


def test_what_is_shown_is_made_once_for_a_position_and_its_trail() -> None:
    position = a_position()
    later = replace(position, version=2)
    raised = replace(position.base_trail, peak_price_sol=Decimal(2))

    shown = open_position_json(position, position.base_trail)

    assert shown == encode_json(open_position_view(position, position.base_trail))
    assert open_position_json(position, position.base_trail) is shown
    assert open_position_json(later, position.base_trail) is not shown
    assert open_position_json(position, raised) == encode_json(open_position_view(position, raised)) != shown


def test_only_what_was_shown_last_is_remembered() -> None:
    for _ in range(REMEMBERED_DOCUMENTS + 3):
        position = a_position()
        open_position_json(position, position.base_trail)

    assert len(views._documents) == REMEMBERED_DOCUMENTS


def test_a_partly_sold_position_says_what_remains() -> None:
    ids = (TransactionId(new_id()), TransactionId(new_id()))
    position = a_position(
        partially_sold=True,
        quantity_raw=250_000_000,
        realized_lamports=-5,
        take_profit_transaction_ids=ids,
        moon_bag_activated=True,
        moon_bag_raw=100_000_000,
    )

    view = open_position_view(position, position.base_trail)

    assert view["remainingAmount"] == Decimal(250)
    assert view["moonBagAmount"] == Decimal(100)
    assert view["realizedProfitSol"] == Decimal("-5E-9")
    assert view["takeProfitTransactionIds"] == ids


def test_an_enriched_position_compares_what_is_held_with_what_it_cost() -> None:
    position = a_position(
        partially_sold=True,
        quantity_raw=500_000_000,
        cost_basis_lamports=505_000_000,
        realized_lamports=95_000_000,
    )

    view = enriched_position_view(
        position, position.base_trail, Decimal("0.002"), Decimal("0.4"), Decimal(200)
    )

    assert list(view) == KEYS + ENRICHED
    assert view["currentPrice"] == Decimal("0.002")
    assert view["positionValueSol"] == Decimal(1)
    assert view["positionValueUsd"] == Decimal(200)
    assert view["purchasePriceUsd"] == Decimal("0.2")
    assert view["profitLossSol"] == Decimal("0.59")
    assert view["profitLossUsd"] == Decimal(118)
    assert view["profitLossPercent"] == Decimal("58.415841584158416")
    assert view["priceChangePercent"] == Decimal(100)


def test_without_a_price_the_entry_price_stands_in() -> None:
    position = a_position()

    view = enriched_position_view(position, position.base_trail, None, Decimal(99), Decimal(200))

    assert view["currentPrice"] == Decimal("0.001")
    assert view["currentPriceUsd"] == Decimal("0.2")
    assert view["priceChangePercent"] == 0
    assert view["profitLossSol"] == Decimal("-0.01")


def test_without_a_usd_price_the_sol_price_is_converted() -> None:
    position = a_position()

    view = enriched_position_view(position, position.base_trail, Decimal("0.002"), None, Decimal(200))

    assert view["currentPriceUsd"] == Decimal("0.4")


def test_nothing_invested_is_no_division_by_zero() -> None:
    position = a_position(invested_lamports=0, cost_basis_lamports=0, entry_price_sol=Decimal(0))

    view = enriched_position_view(position, position.base_trail, Decimal(1), None, Decimal(200))

    assert (view["profitLossPercent"], view["priceChangePercent"]) == (0, 0)


@given(
    price=st.decimals(min_value="1e-18", max_value="1e6", places=18),
    invested=st.integers(1, 10**15),
    received=st.integers(0, 10**15),
    quantity=st.integers(0, 10**18),
    data=st.data(),
)
def test_profit_is_what_came_in_plus_what_it_is_worth_minus_what_was_spent(
    price: Decimal, invested: int, received: int, quantity: int, data: st.DataObject
) -> None:
    basis = data.draw(st.integers(0, invested))
    position = a_position(
        quantity_raw=quantity,
        purchased_raw=10**18,
        invested_lamports=invested,
        cost_basis_lamports=basis,
        received_lamports=received,
        realized_lamports=received - (invested - basis),
    )

    view = enriched_position_view(position, position.base_trail, price, None, Decimal(150))

    exact = Fraction(received - invested, 10**9) + Fraction(quantity, 10**6) * Fraction(price)
    profit = view["profitLossSol"]
    assert isinstance(profit, Decimal)
    assert abs(Fraction(profit) - exact) <= abs(exact) / 10**16


@given(
    price=st.decimals(min_value="1e-18", max_value="1e9", places=18),
    sol_usd=st.decimals("0.01", "100000", places=8),
)
def test_every_number_is_a_json_number_that_survives_a_client(price: Decimal, sol_usd: Decimal) -> None:
    position = a_position()
    view = enriched_position_view(position, position.base_trail, price, None, sol_usd)

    decoded = msgspec.json.decode(msgspec.json.Encoder(decimal_format="number").encode(view))

    for key in (*ENRICHED, "purchasePrice", "peakPrice"):
        number = view[key]
        assert isinstance(number, Decimal)
        assert float(number) == float(decoded[key])


def test_times_are_utc_with_milliseconds() -> None:
    plus_two = datetime(2026, 1, 1, 14, 30, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))

    assert iso_time(plus_two) == "2026-01-01T12:30:05.999Z"
    assert iso_time(None) is None


@given(
    symbol=st.sampled_from(["TKN", '"', "\\", '"purchaseTransactionId":"x"', "\u00e9\n"]),
    wallet=st.sampled_from(["sim_W", 'a "wallet"', "\u00e9"]),
    price=st.decimals(min_value="1e-11", max_value="1e3", places=20),
    changes=st.fixed_dictionaries(
        {}, optional={"dca_count": st.just(1), "purchased_raw": st.just(5), "token_symbol": st.just("other")}
    ),
    moved=st.booleans(),
)
def test_what_was_bought_alike_is_shown_as_if_it_were_the_only_one(
    symbol: str, wallet: str, price: Decimal, changes: dict[str, Any], moved: bool
) -> None:
    first = a_position(token_symbol=symbol, entry_price_sol=price)
    open_position_json(first, first.base_trail)
    ids = PositionId(new_id()), AgentId(new_id()), WalletAddress(wallet), TransactionId(new_id())
    alike = replace(first.of_another(*ids), **changes)
    trail = replace(alike.base_trail, peak_price_sol=Decimal(9)) if moved else alike.base_trail

    for position in (alike, replace(alike, id=PositionId(new_id()))):
        assert open_position_json(position, trail) == encode_json(open_position_view(position, trail))
