"""Paper fills: never better than their quote, and exactly it with the extras off."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.models import FIRST_VENUE
from nexgent.domain.trading.models import Fill, QuoteRequest
from nexgent.domain.trading.ports import fill_from_quote
from nexgent.domain.trading.rules.simulation_costs import (
    REFERENCE_COSTS,
    SimulationCosts,
    with_simulation_costs,
)
from nexgent.domain.trading.venues import Venue
from nexgent.shared.money import SOL_MINT
from tests.builders import TOKEN, a_fill, some_fees
from tests.fakes.market import FakeSwaps

FILL = a_fill(
    10**9,
    2_000_000_000,
    fees=some_fees(
        protocol_fee_lamports=2_000_000,
        protocol_fee_bps=10,
        network_fee_lamports=105_000,
        rent_lamports=2_039_280,
    ),
    price_impact_ratio=Decimal("-0.02"),
    slippage_bps=300,
    swap_usd_value=Decimal(150),
)
fills = st.builds(
    lambda out, impact, bps: replace(FILL, out_amount_raw=out, price_impact_ratio=impact, slippage_bps=bps),
    st.integers(1, 2**64 - 1),
    st.decimals(min_value=-2, max_value=2, places=6),
    st.integers(0, 10_000),
)


def test_half_the_impact_is_charged_on_a_buy_in_tokens() -> None:
    fill = with_simulation_costs(FILL, SimulationCosts(), buying=True)

    assert fill == replace(FILL, out_amount_raw=1_980_000_000)


def test_a_sale_pays_its_share_of_fee_on_what_it_brings() -> None:
    fill = with_simulation_costs(FILL, SimulationCosts(), buying=False)

    assert fill.out_amount_raw == 1_980_000_000
    assert fill.fees.protocol_fee_lamports == 1_980_000
    assert fill.fees.network_and_rent_lamports == FILL.fees.network_and_rent_lamports
    assert fill.swap_usd_value == Decimal("148.5")


def test_no_more_than_the_tolerance_is_charged() -> None:
    fill = with_simulation_costs(
        replace(FILL, price_impact_ratio=Decimal("-0.5")), SimulationCosts(), buying=True
    )

    assert fill.out_amount_raw == 1_940_000_000


@given(fills, st.booleans())
def test_the_extras_never_favour_the_trader_and_off_is_the_quote(fill: Fill, buying: bool) -> None:
    assert with_simulation_costs(fill, REFERENCE_COSTS, buying=buying) == fill
    charged = with_simulation_costs(fill, SimulationCosts(), buying=buying)
    assert 1 <= charged.out_amount_raw <= fill.out_amount_raw
    assert charged.in_amount_raw == fill.in_amount_raw


@pytest.mark.parametrize(
    ("bps", "left"), [(0, 1_800_000_000), (1, 1_999_800_000), (300, 1_940_000_000), (9_999, 1_800_000_000)]
)
def test_a_tolerance_of_zero_is_one_that_was_not_told(bps: int, left: int) -> None:
    fill = replace(FILL, price_impact_ratio=Decimal("0.2"), slippage_bps=bps)

    assert with_simulation_costs(fill, SimulationCosts(), buying=True).out_amount_raw == left


def test_an_impact_that_is_no_number_costs_nothing() -> None:
    fill = replace(FILL, price_impact_ratio=Decimal("NaN"))

    assert with_simulation_costs(fill, SimulationCosts(), buying=True) is fill


@pytest.mark.parametrize(("out", "left"), [(1, 1), (2, 1), (3, 2)])
def test_whoever_gets_anything_gets_at_least_one_unit(out: int, left: int) -> None:
    fill = replace(FILL, out_amount_raw=out)

    assert with_simulation_costs(fill, SimulationCosts(), buying=True).out_amount_raw == left


def test_a_share_of_a_fee_is_rounded_up() -> None:
    fees = replace(FILL.fees, protocol_fee_lamports=1)
    fill = with_simulation_costs(replace(FILL, fees=fees), SimulationCosts(), buying=False)
    unknown = replace(FILL, fees=replace(FILL.fees, protocol_fee_lamports=None), swap_usd_value=None)

    assert fill.fees.protocol_fee_lamports == 1
    bare = with_simulation_costs(unknown, SimulationCosts(), buying=False)
    assert (bare.fees.protocol_fee_lamports, bare.swap_usd_value) == (None, None)


def test_a_venue_expects_of_a_quote_what_its_paper_fill_would_be() -> None:
    swaps = FakeSwaps()
    swaps.impact = Decimal("-0.02")
    quote = asyncio.run(swaps.quote(QuoteRequest(input_mint=SOL_MINT, output_mint=TOKEN, amount_raw=10**9)))

    paper = Venue(FIRST_VENUE, TradingMode.SIMULATION, swaps, SimulationCosts()).expected(quote)
    assert paper == with_simulation_costs(fill_from_quote(quote), SimulationCosts(), buying=True)
    assert paper.out_amount_raw < quote.out_amount_raw
    assert Venue(FIRST_VENUE, TradingMode.LIVE, swaps).expected(quote) == fill_from_quote(quote)
