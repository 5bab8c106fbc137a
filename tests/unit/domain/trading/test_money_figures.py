"""Profit and fees beyond what the vectors show."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.trading.rules.profit_loss import cost_basis_of_part, full_profit_loss
from nexgent.infrastructure.external.jupiter.fees import SwapFees, extract_fees
from nexgent.shared.money import from_raw, lamports, sol

SOL = "So11111111111111111111111111111111111111112"
AMOUNTS = st.integers(1, 2**64 - 1).map(lambda units: Decimal(units).scaleb(-9))


@given(AMOUNTS, st.lists(st.integers(1, 10**9), min_size=1, max_size=5), AMOUNTS)
def test_parts_sold_add_up_to_the_whole(invested: Decimal, parts: list[int], received: Decimal) -> None:
    whole = full_profit_loss(invested, received * len(parts), invested, Decimal(150))
    total = sum(parts)
    profits = [received - cost_basis_of_part(invested, Decimal(total), Decimal(part)) for part in parts]

    assert abs(sum(profits) - whole.profit_loss_sol) <= Decimal("1e-15") * max(invested, received)


@given(st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1), st.data())
def test_the_basis_of_a_part_is_the_floor_of_the_integers(basis: int, held: int, data: st.DataObject) -> None:
    """The books are kept in lamports: no digit of a decimal may push one of them over the edge."""
    sold = data.draw(st.integers(0, held))

    part = cost_basis_of_part(sol(basis), from_raw(held, 6), from_raw(sold, 6))

    assert lamports(part) == basis * sold // held


@given(
    st.recursive(
        st.none() | st.text(max_size=4) | st.floats() | st.integers(), lambda x: st.lists(x, max_size=2)
    )
)
def test_any_value_of_a_provider_gives_fees(value: object) -> None:
    quote: dict[str, object] = {
        "inputMint": SOL,
        "inAmount": value,
        "platformFee": {"feeBps": 50, "feeMint": SOL},
        "signatureFeeLamports": value,
    }
    fees = extract_fees(quote)

    assert fees.network_fee_sol is not None
    assert fees.network_fee_sol >= 0
    assert fees.protocol_fee_sol is None or fees.protocol_fee_sol > 0


def test_a_fee_in_another_token_is_not_known_in_sol() -> None:
    assert extract_fees({"feeBps": 5, "feeMint": "x", "inputMint": SOL, "inAmount": "7"}) == SwapFees(
        None, Decimal(0)
    )
