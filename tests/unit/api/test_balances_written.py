"""A list of balances is written without its shape, and is what the shape would say."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from nexgent.api.encoding import dumped, encode
from nexgent.api.v1.balances.schemas import BalanceOut, written
from nexgent.domain.bookkeeping.ports import OwnedBalance
from nexgent.domain.ledger.state import Balance
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress


@pytest.mark.parametrize("amount_raw", [0, 1, 1_500_000, 10**30])
@pytest.mark.parametrize("decimals", [0, 6, 18])
@pytest.mark.parametrize("price_sol", [None, Decimal(0), Decimal(1), Decimal("1E-11"), Decimal("0.10")])
@pytest.mark.parametrize(
    ("symbol", "at"),
    [
        ('"\\/ü\n', datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)),
        ("", datetime(1999, 12, 31, tzinfo=UTC)),
    ],
)
def test_what_is_written_is_what_the_shape_says(
    amount_raw: int, decimals: int, price_sol: Decimal | None, symbol: str, at: datetime
) -> None:
    balance = Balance(TokenAddress("T" * 44), symbol, decimals, amount_raw, at)
    owned = OwnedBalance(AgentId(new_id()), WalletAddress('a "wallet"'), balance)

    assert written(owned, price_sol) == encode(dumped(BalanceOut.of(owned, price_sol)))
