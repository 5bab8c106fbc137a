"""Orders that are not what they say: nothing is signed, nothing is posted, and the wallet keeps what it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from nexgent.domain.trading.errors import UnsafeSwapError
from nexgent.domain.trading.models import Landed, QuoteRequest
from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.jupiter import preflight
from nexgent.infrastructure.external.jupiter.preflight import SwapPreflight
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from tests.integration.external.conftest import START_LAMPORTS, Trader

HELD_RAW = 5_000_000_000
REFUSALS = {
    "extra_transfer": "FOREIGN_TRANSFER",
    "hidden_in_lookup": "FOREIGN_TRANSFER",
    "delegate": "DELEGATE",
    "set_authority": "AUTHORITY_CHANGE",
    "close_account": "ACCOUNT_CLOSED",
    "assign_wallet": "AUTHORITY_CHANGE",
    "other_accounts": "FOREIGN_ACCOUNT",
    "wrong_mint": "WRONG_MINT",
    "mint_swapped": "WRONG_MINT",
    "foreign_payer": "FOREIGN_PAYER",
    "foreign_payer_rfq": "FOREIGN_PAYER",
    "fee_100": "FEE_TOO_HIGH",
    "amount_10": "AMOUNT_TOO_HIGH",
    "no_minimum_out": "NO_MINIMUM_OUT",
    "any_slippage": "NO_MINIMUM_OUT",
    "half_minimum": "MINIMUM_OUT_TOO_LOW",
    "half_out": "SIMULATION_MISMATCH",
    "unknown_program": "UNKNOWN_PROGRAM",
    "other_blockhash": "STALE_BLOCKHASH",
}


async def _request(trader: Trader, direction: str) -> QuoteRequest:
    if direction == "buy":
        return trader.buy()
    await trader.control.fund(trader.wallet, mint=trader.mint, amount=HELD_RAW)
    return trader.sell(HELD_RAW)


async def _refused(trader: Trader, request: QuoteRequest) -> str:
    """Prepare an order that has to be refused, and return the code. Nothing may have happened by it."""
    tokens = await trader.held()
    quote = await trader.quoted(request)

    with pytest.raises(UnsafeSwapError) as refusal:
        await trader.gateway.prepare(quote, trader.wallet)

    assert "execute" not in (await trader.control.requests())["counts"]
    assert await trader.transactions() == []
    assert await trader.rpc.balance_lamports(trader.wallet) == START_LAMPORTS
    assert await trader.held() == tokens
    return refusal.value.code


@pytest.mark.parametrize("direction", ["buy", "sell"])
@pytest.mark.parametrize(("variant", "code"), REFUSALS.items(), ids=REFUSALS.keys())
async def test_nothing_is_signed_that_is_not_the_order(
    trader: Trader, variant: str, code: str, direction: str
) -> None:
    request = await _request(trader, direction)
    await trader.control.fault("hostile", "order", message=variant, times=1)

    assert await _refused(trader, request) == code
    assert trader.refusals == [code]

    # The next order is an honest one, and goes through.
    quote = await trader.quoted(request)
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert isinstance(await trader.gateway.execute(quote, submission), Landed)


@pytest.mark.parametrize("direction", ["buy", "sell"])
@pytest.mark.parametrize("version", [0, 1])
async def test_an_honest_order_of_either_version_is_signed(
    trader: Trader, version: int, direction: str
) -> None:
    request = await _request(trader, direction)
    await trader.control.chain(orderVersion=version)
    quote = await trader.quoted(request)

    submission = await trader.gateway.prepare(quote, trader.wallet)

    assert isinstance(await trader.gateway.execute(quote, submission), Landed)


@pytest.mark.parametrize("variant", ["extra_transfer", "delegate", "fee_100", "half_out"])
async def test_a_transaction_of_version_1_is_read_as_well(trader: Trader, variant: str) -> None:
    await trader.control.chain(orderVersion=1)
    await trader.control.fault("hostile", "order", message=variant)

    assert await _refused(trader, trader.buy()) == REFUSALS[variant]


async def test_an_honest_lookup_table_is_read_once(trader: Trader) -> None:
    await trader.control.fault("hostile", "order", message="lookup_table")
    for _ in range(2):
        quote = await trader.quoted()
        submission = await trader.gateway.prepare(quote, trader.wallet)
        assert isinstance(await trader.gateway.execute(quote, submission), Landed)

    counts = (await trader.control.requests())["counts"]
    # One for the table, and one for each of the two swaps.
    assert counts["rpc.getMultipleAccounts"] == 3
    assert counts["rpc.simulateTransaction"] == 2


async def test_a_lookup_table_that_has_grown_is_read_again(trader: Trader) -> None:
    await trader.control.fault("hostile", "order", message="lookup_table")
    quote = await trader.quoted()
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert isinstance(await trader.gateway.execute(quote, submission), Landed)

    # Another token has a pool and an account of its own, behind what the table held.
    (other,) = await trader.control.add_tokens([{"symbol": "MORE", "priceSol": "0.001", "decimals": 6}])
    for _ in range(2):
        quote = await trader.quoted(replace(trader.buy(), output_mint=other["mint"]))
        submission = await trader.gateway.prepare(quote, trader.wallet)
        assert isinstance(await trader.gateway.execute(quote, submission), Landed)

    counts = (await trader.control.requests())["counts"]
    assert counts["rpc.getMultipleAccounts"] == 2 + 3


class BentNode(SolanaRpc):
    """The sandbox's node, whose answers are bent where the test says so."""

    def __init__(self, node: SolanaRpc) -> None:
        vars(self).update(vars(node))
        self.owner: str | None = None
        self.tells = True

    async def raw_accounts(
        self,
        addresses: Sequence[str],
        *,
        min_context_slot: int | None = None,
        priority: Priority = Priority.ENTRY,
    ) -> list[Mapping[str, Any] | None]:
        accounts = await super().raw_accounts(addresses, min_context_slot=min_context_slot, priority=priority)
        return [{**one, "owner": self.owner} if one and self.owner else one for one in accounts]

    async def simulate(
        self, transaction: str, accounts: Sequence[str], *, priority: Priority = Priority.ENTRY
    ) -> Mapping[str, Any]:
        simulation = await super().simulate(transaction, accounts, priority=priority)
        return simulation if self.tells else {**simulation, "accounts": None}


async def test_what_the_node_says_has_to_make_sense(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    await trader.control.fault("hostile", "order", message="lookup_table")
    quote = await trader.quoted()

    async def refused(node: BentNode) -> str:
        with pytest.raises(UnsafeSwapError) as refusal:
            await SwapPreflight(node).check(quote, trader.wallet)
        return f"{refusal.value.code}: {refusal.value.message}"

    node = BentNode(trader.rpc)
    await SwapPreflight(node).check(quote, trader.wallet)
    node.owner = trader.wallet
    assert await refused(node) == "UNRESOLVED_LOOKUP: The transaction names a lookup table that is none"
    node.owner, node.tells = None, False
    assert await refused(node) == "SIMULATION_FAILED: The node does not tell what the swap would change"
    node.tells = True
    monkeypatch.setattr(preflight, "_MOST_ACCOUNTS", 2)
    assert (await refused(node)).startswith("TOO_MANY_ACCOUNTS")


async def test_a_lookup_table_that_cannot_be_read_refuses(trader: Trader) -> None:
    await trader.control.fault("hostile", "order", message="lookup_table")
    await trader.control.fault("status", "rpc", method="getMultipleAccounts", status=400, times=1)

    assert await _refused(trader, trader.buy()) == "UNRESOLVED_LOOKUP"


async def test_without_a_simulation_nothing_is_bought(trader: Trader) -> None:
    await trader.control.fault("rpc_error", "rpc", method="simulateTransaction", code=-32601)

    assert await _refused(trader, trader.buy()) == "SIMULATION_UNAVAILABLE"


async def test_without_a_simulation_an_exit_that_is_fully_read_goes(trader: Trader) -> None:
    request = await _request(trader, "sell")
    await trader.control.fault("rpc_error", "rpc", method="simulateTransaction", code=-32601)
    quote = await trader.quoted(request)

    submission = await trader.gateway.prepare(quote, trader.wallet)

    assert isinstance(await trader.gateway.execute(quote, submission), Landed)


async def test_without_a_simulation_a_hostile_exit_is_still_refused(trader: Trader) -> None:
    request = await _request(trader, "sell")
    await trader.control.fault("rpc_error", "rpc", method="simulateTransaction", code=-32601)
    await trader.control.fault("hostile", "order", message="other_accounts")

    assert await _refused(trader, request) == "FOREIGN_ACCOUNT"


async def test_a_price_that_ran_away_is_refused_before_a_fee_is_paid(trader: Trader) -> None:
    quote = await trader.quoted()
    await trader.control.set_price(trader.mint, "0.00002")

    with pytest.raises(UnsafeSwapError, match="6001") as refusal:
        await trader.gateway.prepare(quote, trader.wallet)

    assert refusal.value.code == "SIMULATION_FAILED"
    assert await trader.rpc.balance_lamports(trader.wallet) == START_LAMPORTS
