"""What a transaction entered by hand does to balances: never negative, never from what is no number."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.bookkeeping.effects import TOLERANCE, Funds, Leg, effect_of, legs_of, to_wallet
from nexgent.domain.ledger.errors import InsufficientBalanceError
from nexgent.domain.ledger.state import Balance, WalletState, check_postings
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT, sol
from nexgent.shared.types import AgentId, TransactionId, WalletAddress

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGENT, WALLET = AgentId(new_id()), WalletAddress("sim_1")
UNITS = st.integers(1, 2**64 - 1)


def a_wallet(lamports: int) -> WalletState:
    return WalletState(WALLET, AGENT, balances={SOL_MINT: Balance(SOL_MINT, "SOL", 9, lamports, NOW)})


@given(UNITS, UNITS | st.integers(-20, 20))
def test_a_balance_never_becomes_negative(balance: int, debit: int) -> None:
    # Mostly close to the balance, where a tolerance decides.
    debit = max(1, balance + debit) if abs(debit) <= 20 else debit
    leg, funds = Leg(SOL_MINT, "SOL", sol(debit)), Funds(a_wallet(balance))

    if sol(debit) - sol(balance) > TOLERANCE:
        with pytest.raises(InsufficientBalanceError) as refused:
            effect_of(TransactionType.BURN, leg, None, {SOL_MINT: 9}, funds)
        assert Decimal(str(refused.value.details["currentBalance"])) == sol(balance)
        return
    postings = effect_of(TransactionType.BURN, leg, None, {SOL_MINT: 9}, funds)
    check_postings(postings)
    assert to_wallet(postings) == {SOL_MINT: -min(debit, balance)}


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-1"])
def test_amounts_that_are_no_numbers_are_refused(amount: str) -> None:
    record = TransactionRecord(
        id=TransactionId(new_id()),
        agent_id=AGENT,
        wallet_address=WALLET,
        type=TransactionType.DEPOSIT,
        value_usd=Decimal(0),
        time=NOW,
        input_mint=SOL_MINT,
        input_symbol="SOL",
        input_amount=Decimal(amount),
    )

    with pytest.raises(InvalidInputError, match="greater than 0"):
        legs_of(record)
