"""What a swap may leave of a wallet: each way of losing something has a refusal."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from nexgent.domain.trading.errors import UnsafeSwapError
from nexgent.infrastructure.external.jupiter.aftermath import AccountState, account_state, compare
from nexgent.infrastructure.external.jupiter.decoded import DecodedTransaction
from nexgent.infrastructure.external.jupiter.inspection import SYSTEM_PROGRAM, Accepted, Ordered, own_account
from nexgent.infrastructure.external.solana.rpc import TOKEN_PROGRAM
from nexgent.shared.money import SOL_MINT

WALLET, TOKEN, OTHER = (str(Pubkey.new_unique()) for _ in range(3))
HELD, MIDDLE = own_account(WALLET, TOKEN), own_account(WALLET, OTHER)
BUY = Ordered(
    wallet=WALLET, input_mint=SOL_MINT, output_mint=TOKEN, most_in_raw=1_000, out_raw=500, slippage_bps=100
)
SELL = replace(BUY, input_mint=TOKEN, output_mint=SOL_MINT)
FEE, TIP, RENT = 50, 7, 2_000
States = dict[str, AccountState | None]


def _purse(lamports: int) -> AccountState:
    return AccountState(lamports, SYSTEM_PROGRAM)


def _held(amount: int, mint: str = TOKEN) -> AccountState:
    return AccountState(RENT, TOKEN_PROGRAM, mint=mint, owner=WALLET, amount=amount)


def _code(order: Ordered, before: States, after: States, payer: str = WALLET) -> str | None:
    transaction = DecodedTransaction((payer,), (payer,), frozenset(), (), FEE)
    try:
        compare(transaction, order, Accepted(None, frozenset(), TIP), before, after)
    except UnsafeSwapError as error:
        return error.code
    return None


def test_a_purchase_may_cost_its_amount_fee_tip_and_the_rent_of_the_wallets_own_account() -> None:
    before: States = {WALLET: _purse(10_000), HELD: None}
    least = 10_000 - 1_000 - FEE - TIP - RENT

    assert _code(BUY, before, {WALLET: _purse(least), HELD: _held(494)}) is None
    assert _code(BUY, before, {WALLET: _purse(least - 1), HELD: _held(494)}) == "SIMULATION_MISMATCH"
    assert _code(BUY, before, {WALLET: _purse(least), HELD: _held(493)}) == "SIMULATION_MISMATCH"
    assert _code(BUY, before, {WALLET: _purse(least + RENT), HELD: None}) == "SIMULATION_MISMATCH"


def test_a_fee_somebody_else_pays_is_none_of_the_wallets() -> None:
    before: States = {WALLET: _purse(10_000), HELD: _held(0)}
    after: States = {WALLET: _purse(10_000 - 1_000 - FEE - TIP), HELD: _held(500)}

    assert _code(BUY, before, after) is None
    assert _code(BUY, before, after, payer=OTHER) == "SIMULATION_MISMATCH"


def test_a_sale_brings_the_least_that_was_promised_and_takes_no_more_than_was_ordered() -> None:
    before: States = {WALLET: _purse(10_000), HELD: _held(3_000)}
    least = 10_000 + 494 - FEE - TIP

    assert _code(SELL, before, {WALLET: _purse(least), HELD: _held(2_000)}) is None
    assert _code(SELL, before, {WALLET: _purse(least - 1), HELD: _held(2_000)}) == "SIMULATION_MISMATCH"
    assert _code(SELL, before, {WALLET: _purse(least), HELD: _held(1_999)}) == "SIMULATION_MISMATCH"


def test_tokens_on_the_way_are_not_lost() -> None:
    before: States = {WALLET: _purse(10_000), HELD: _held(3_000), MIDDLE: _held(40, OTHER)}
    after: States = {WALLET: _purse(10_494), HELD: _held(2_000), MIDDLE: _held(40, OTHER)}

    assert _code(SELL, before, after) is None
    assert _code(SELL, before, after | {MIDDLE: _held(39, OTHER)}) == "SIMULATION_MISMATCH"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({WALLET: AccountState(10_494, TOKEN_PROGRAM)}, "AUTHORITY_CHANGE"),
        ({HELD: replace(_held(2_000), owner=OTHER)}, "AUTHORITY_CHANGE"),
        ({HELD: replace(_held(2_000), closable=True)}, "AUTHORITY_CHANGE"),
        ({HELD: replace(_held(2_000), delegated=True)}, "DELEGATE"),
    ],
)
def test_nothing_changes_hands(change: States, code: str) -> None:
    before: States = {WALLET: _purse(10_000), HELD: _held(3_000)}
    after: States = {WALLET: _purse(10_494), HELD: _held(2_000)}

    assert _code(SELL, before, after) is None
    assert _code(SELL, before, after | change) == code


def test_an_account_is_read_out_of_its_bytes() -> None:
    keys = bytes(Pubkey.from_string(TOKEN)) + bytes(Pubkey.from_string(WALLET))
    delegate = (1).to_bytes(4, "little") + bytes(32)
    raw = keys + (77).to_bytes(8, "little") + delegate + b"\x01" + bytes(20) + delegate
    answer = {"lamports": 5, "owner": TOKEN_PROGRAM, "data": [base64.b64encode(raw).decode(), "base64"]}

    state = account_state(answer)

    assert state == AccountState(5, TOKEN_PROGRAM, TOKEN, WALLET, 77, delegated=True, closable=True)
    assert account_state(None) is None
