"""Rows of the reference's history become records, or it is said why not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from nexgent.domain.transactions.models import TransactionType
from nexgent.infrastructure.takeover.errors import NotTakenError
from nexgent.infrastructure.takeover.history import transaction_of
from nexgent.infrastructure.takeover.tables import TABLES
from nexgent.shared.types import WalletAddress

T0 = datetime(2025, 2, 10, tzinfo=UTC)
WALLET = WalletAddress("sim_x")


def row(**changes: Any) -> dict[str, Any]:
    columns = TABLES["agent_transactions"]
    empty = dict.fromkeys([*columns.needed, *columns.late])
    return {
        **empty,
        "id": UUID(int=1),
        "agent_id": UUID(int=2),
        "transaction_type": "SWAP",
        "transaction_value_usd": Decimal(1),
        "transaction_time": T0,
        "created_at": T0,
        "updated_at": T0,
        "is_dca": False,
        "is_take_profit": False,
        "hash_is_repeated": False,
        **changes,
    }


def test_a_withdrawal_is_a_burn() -> None:
    assert transaction_of(row(transaction_type="WITHDRAWAL"), WALLET).type is TransactionType.BURN


def test_amounts_keep_every_digit() -> None:
    amount = Decimal("123456789012.123456789012345678")

    assert transaction_of(row(input_amount=amount), WALLET).input_amount == amount


def test_a_number_that_is_another_signal_here_is_dropped() -> None:
    assert transaction_of(row(signal_id=11), WALLET).signal_id == 11
    assert transaction_of(row(signal_id=11), WALLET, {11}).signal_id is None


def test_a_hash_that_is_repeated_is_dropped() -> None:
    assert transaction_of(row(transaction_hash="h"), WALLET).transaction_hash == "h"
    assert transaction_of(row(transaction_hash="h", hash_is_repeated=True), WALLET).transaction_hash is None


@pytest.mark.parametrize("name", ["input_amount", "transaction_value_usd", "slippage"])
@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal(10) ** 40])
def test_numbers_that_are_none(name: str, value: Decimal) -> None:
    with pytest.raises(NotTakenError, match=name):
        transaction_of(row(**{name: value}), WALLET)


def test_a_kind_of_a_fork() -> None:
    with pytest.raises(NotTakenError, match="AIRDROP"):
        transaction_of(row(transaction_type="AIRDROP"), WALLET)
