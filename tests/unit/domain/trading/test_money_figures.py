"""Profit and fees beyond what the vectors show."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.trading.rules.profit_loss import full_profit_loss, partial_profit_loss
from nexgent.infrastructure.external.jupiter.fees import SwapFees, extract_fees

SOL = "So11111111111111111111111111111111111111112"
AMOUNTS = st.integers(1, 2**64 - 1).map(lambda units: Decimal(units).scaleb(-9))


@given(AMOUNTS, st.lists(st.integers(1, 10**9), min_size=1, max_size=5), AMOUNTS)
def test_parts_sold_add_up_to_the_whole(invested: Decimal, parts: list[int], received: Decimal) -> None:
    whole = full_profit_loss(invested, received * len(parts), invested, Decimal(150))
    total = sum(parts)
    profits = [
        partial_profit_loss(
            invested_sol=invested,
            purchased_amount=Decimal(total),
            sold_amount=Decimal(part),
            net_received_sol=received,
            entry_price_sol=Decimal(1),
            sale_price_sol=Decimal(1),
            sol_price_usd=Decimal(150),
        ).profit_loss_sol
        for part in parts
    ]

    assert abs(sum(profits) - whole.profit_loss_sol) <= Decimal("1e-15") * max(invested, received)


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
