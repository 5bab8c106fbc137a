"""The chain as it is since autumn 2026: transactions of version 1, lower rent, nodes that are behind, answers that lie."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from solders.hash import Hash
from solders.message import MessageV1, TransactionConfig
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from nexgent.sandbox.clockwork import FIRST_SLOT, SlotClock
from nexgent.sandbox.constants import SIGNATURE_FEE_LAMPORTS
from tests.fakes.clock import FakeClock
from tests.unit.sandbox.market import ONE_SOL, Trader, a_market

CONFIRMED = {"commitment": "confirmed"}
PRIORITY_FEE = 77_000


async def test_an_order_of_version_1_is_signed_lands_and_is_read() -> None:
    async with a_market() as trader:
        await trader.control.chain(orderVersion=1)
        order = await trader.order("buy", ONE_SOL)
        raw = base64.b64decode(order["transaction"])
        assert raw[0] == 0x81
        assert isinstance(VersionedTransaction.from_bytes(raw).message, MessageV1)

        answer = (await trader.execute(order)).json()
        assert answer["status"] == "Success"

        landed = await _transaction(trader, answer["signature"], maxSupportedTransactionVersion=1)
        assert landed["result"]["version"] == 1
        # The priority fee of version 1 is a total in lamports.
        assert landed["result"]["meta"]["fee"] == SIGNATURE_FEE_LAMPORTS + int(
            order["prioritizationFeeLamports"]
        )


@pytest.mark.parametrize("most", [None, 0])
async def test_who_does_not_ask_for_version_1_is_refused_it(most: int | None) -> None:
    async with a_market() as trader:
        signature = await _foreign(trader)
        options = {} if most is None else {"maxSupportedTransactionVersion": most}

        refused = await _transaction(trader, signature, **options)

        assert refused["error"]["code"] == -32015
        assert "(1)" in refused["error"]["message"]


async def test_what_lands_is_never_of_a_slot_that_has_been_told() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        told = await trader.rpc("getBalance", trader.address, CONFIRMED)

        bought = (await trader.execute(order)).json()

        assert bought["status"] == "Success"
        assert int(bought["slot"]) > told["result"]["context"]["slot"]

        told = await trader.rpc(
            "getTokenAccountsByOwner",
            trader.address,
            {"mint": trader.mint},
            CONFIRMED | {"encoding": "jsonParsed"},
        )
        sold = (await trader.execute(await trader.order("sell", 1_000_000))).json()
        assert int(sold["slot"]) > told["result"]["context"]["slot"]


async def test_rent_is_a_term_of_the_chain() -> None:
    async with a_market() as trader:
        assert (await trader.rpc("getMinimumBalanceForRentExemption", 165))["result"] == 1_488_440
        await trader.control.chain(rentLamports=1_000_000)
        assert (await trader.rpc("getMinimumBalanceForRentExemption", 165))["result"] == 1_000_000

        before = await trader.lamports()
        order = await trader.order("buy", ONE_SOL)
        await trader.execute(order)

        assert order["rentFeeLamports"] == 1_000_000
        fees = SIGNATURE_FEE_LAMPORTS + int(order["prioritizationFeeLamports"])
        assert before - await trader.lamports() == ONE_SOL + fees + 1_000_000


async def test_a_blockhash_is_valid_until_its_height() -> None:
    async with a_market() as trader:
        value = (await trader.rpc("getLatestBlockhash", CONFIRMED))["result"]["value"]
        assert (await trader.rpc("isBlockhashValid", value["blockhash"], CONFIRMED))["result"][
            "value"
        ] is True
        await trader.control.advance_slots(150)
        assert (await trader.rpc("isBlockhashValid", value["blockhash"], CONFIRMED))["result"][
            "value"
        ] is True
        await trader.control.advance_slots(1)
        assert (await trader.rpc("isBlockhashValid", value["blockhash"], CONFIRMED))["result"][
            "value"
        ] is False


async def test_the_second_node_is_behind_and_says_so() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        signature = (await trader.execute(order)).json()["signature"]
        first = (await trader.rpc("getEpochInfo", CONFIRMED))["result"]

        second = await _second(trader, "getEpochInfo", CONFIRMED)
        assert first["absoluteSlot"] - second["result"]["absoluteSlot"] == 50
        statuses = await _second(
            trader, "getSignatureStatuses", [signature], {"searchTransactionHistory": True}
        )
        assert statuses["result"]["value"] == [None]
        refused = await _second(
            trader, "getSlot", {"commitment": "confirmed", "minContextSlot": first["absoluteSlot"]}
        )
        assert refused["error"]["code"] == -32016

        await trader.control.fault("behind", "rpc", slots=3, times=1)
        assert (await trader.rpc("getEpochInfo"))["result"]["absoluteSlot"] == first["absoluteSlot"] - 3
        assert (await trader.rpc("getEpochInfo"))["result"]["absoluteSlot"] == first["absoluteSlot"]


def test_slots_of_another_length_go_on_where_the_chain_was() -> None:
    clock = FakeClock()
    slots = SlotClock(clock, slot_seconds=0.5)
    clock.advance(10)
    slots.advance(100)
    assert slots.slot() == FIRST_SLOT + 120

    slots.pace(0)
    clock.advance(60)
    assert slots.slot() == FIRST_SLOT + 120

    slots.pace(2)
    clock.advance(10)
    assert slots.slot() == FIRST_SLOT + 125


async def test_the_clock_of_the_chain_can_be_stopped() -> None:
    async with a_market(slot_seconds=0.001) as trader:
        assert (await trader.control.chain(slotSeconds=0))["slotSeconds"] == 0
        stopped = (await trader.control.state())["slot"]
        assert [(await trader.control.state())["slot"] for _ in range(10)] == [stopped] * 10


async def test_an_order_may_understate_its_height_and_lands_all_the_same() -> None:
    async with a_market() as trader:
        honest = await trader.order("buy", ONE_SOL)
        await trader.control.chain(understatedBlocks=140)
        order = await trader.order("buy", ONE_SOL)
        assert int(honest["lastValidBlockHeight"]) - int(order["lastValidBlockHeight"]) == 140
        await trader.control.advance_slots(100)

        told = order["lastValidBlockHeight"]
        answer = (await trader.execute(order, lastValidBlockHeight=told)).json()

        assert answer["status"] == "Success"


async def test_the_fee_that_is_charged_is_more_than_jupiters_part() -> None:
    async with a_market() as trader:
        await trader.control.chain(platformFeePartBps=4)
        order = await trader.order("buy", ONE_SOL)

        assert (order["feeBps"], order["platformFee"]["feeBps"]) == (10, 4)
        answer = (await trader.execute(order)).json()
        assert int(answer["totalInputAmount"]) - int(answer["inputAmountResult"]) == ONE_SOL // 1_000


async def test_answers_that_are_not_what_happened() -> None:
    async with a_market() as trader:
        await trader.control.fault("wrong_amounts", "execute", times=1)
        order = await trader.order("buy", ONE_SOL)
        answer = (await trader.execute(order)).json()
        held = await trader.quantity()
        assert int(answer["totalOutputAmount"]) == 2 * held
        assert held > 0

        await trader.control.fault("false_success", "execute", times=1)
        answer = (await trader.execute(await trader.order("buy", ONE_SOL))).json()
        assert (answer["status"], answer["code"]) == ("Success", 0)
        assert await trader.quantity() == held

        await trader.control.fault("fail_execute", "execute", code=-2003, after=True, times=1)
        order = await trader.order("buy", ONE_SOL)
        answers = [(await trader.execute(order)).json() for _ in range(2)]
        assert [answer["code"] for answer in answers] == [-2003, -2003]
        assert await trader.quantity() > held


async def _foreign(trader: Trader) -> str:
    """Put a transaction of version 1 on the chain that only mentions the trader; return its signature."""
    value = (await trader.rpc("getLatestBlockhash", CONFIRMED))["result"]["value"]
    pay = transfer(TransferParams(from_pubkey=trader.key.pubkey(), to_pubkey=trader.key.pubkey(), lamports=1))
    message = MessageV1.try_compile(
        trader.key.pubkey(),
        [pay],
        Hash.from_string(value["blockhash"]),
        TransactionConfig(priority_fee=PRIORITY_FEE),
    )
    raw = base64.b64encode(bytes(VersionedTransaction(message, [trader.key]))).decode()
    sent = await trader.rpc("sendTransaction", raw, {"encoding": "base64", "skipPreflight": True})
    return str(sent["result"])


async def _transaction(trader: Trader, signature: str, **options: object) -> Any:
    return await trader.rpc("getTransaction", signature, {"encoding": "jsonParsed", **CONFIRMED, **options})


async def _second(trader: Trader, method: str, *params: object) -> Any:
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    return (await trader.http.post(trader.url + "/rpc/second", json=call)).json()
