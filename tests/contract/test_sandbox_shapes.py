"""The sandbox answers with the documented fields and types; the fixtures hold the documented examples."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.unit.sandbox.market import FEED, ONE_SOL, SOL, Trader, a_market

FIXTURES = Path(__file__).parent / "fixtures"
NUMBER = (int, float)


def fixture(name: str) -> Any:
    return orjson.loads((FIXTURES / f"{name}.json").read_bytes())


def assert_same_shape(actual: Any, documented: Any, where: str = "$") -> None:
    """Compare fields and types, not values; elements of a list look like its first, null says nothing of a type."""
    if isinstance(documented, dict):
        assert isinstance(actual, dict), where
        assert set(actual) == set(documented), f"{where}: {sorted(set(actual) ^ set(documented))}"
        for name, value in documented.items():
            assert_same_shape(actual[name], value, f"{where}.{name}")
    elif isinstance(documented, list):
        assert isinstance(actual, list), where
        assert bool(actual) == bool(documented), f"{where}: one of them is empty"
        for index, item in enumerate(actual):
            assert_same_shape(item, documented[0], f"{where}[{index}]")
    elif isinstance(documented, bool) or isinstance(actual, bool):
        assert type(actual) is type(documented), where
    elif isinstance(documented, NUMBER):
        assert isinstance(actual, NUMBER), f"{where}: {actual!r}"
    elif documented is None:
        assert actual is None, f"{where}: {actual!r}"
    else:
        assert isinstance(actual, str), f"{where}: {actual!r}"
        if documented.lstrip("-").isdigit():
            int(actual)
        elif documented.replace(".", "", 1).lstrip("-").isdigit():
            assert Decimal(actual).is_finite(), where


@pytest_asyncio.fixture
async def trader() -> AsyncIterator[Trader]:
    async with a_market() as started:
        yield started


async def test_dexscreener(trader: Trader) -> None:
    pairs = (await trader.get(f"/tokens/v1/solana/{trader.mint},unknown")).json()
    assert_same_shape(pairs, fixture("dexscreener_tokens_v1"))
    assert (pairs[0]["baseToken"]["address"], pairs[0]["quoteToken"]["address"]) == (trader.mint, SOL)
    assert_same_shape((await trader.get(f"/token-pairs/v1/solana/{trader.mint}")).json(), pairs)
    latest = (await trader.get(f"/latest/dex/tokens/{trader.mint}")).json()
    assert_same_shape(latest, fixture("dexscreener_latest_tokens"))


async def test_jupiter_data(trader: Trader) -> None:
    documented = fixture("jupiter_price_v3")
    prices = (await trader.get("/price/v3", ids=f"{SOL},{trader.mint}")).json()
    assert_same_shape(prices[SOL], documented[SOL])
    assert_same_shape(prices[trader.mint], documented[SOL])
    found = await trader.get("/tokens/v2/search", query=trader.mint)
    assert_same_shape(found.json(), fixture("jupiter_tokens_v2_search"))
    assert "x-api-gateway-request-id" in found.headers


async def test_jupiter_orders(trader: Trader) -> None:
    documented = fixture("jupiter_order")
    order = await trader.order("buy", ONE_SOL)
    assert_same_shape(order, documented)
    assert order["priceImpact"] < 0
    quote = await trader.order("buy", ONE_SOL, taker=False)
    payers = ("transaction", "taker", "signatureFeePayer", "prioritizationFeePayer", "rentFeePayer")
    without_taker = {**documented, **dict.fromkeys(payers)}
    del without_taker["lastValidBlockHeight"]
    assert_same_shape(quote, without_taker)
    params = {"inputMint": SOL, "outputMint": trader.mint, "amount": "1000000", "taker": trader.address}
    del documented["lastValidBlockHeight"]
    assert_same_shape((await trader.get("/ultra/v1/order", **params)).json(), documented)


async def test_jupiter_execution(trader: Trader) -> None:
    success = (await trader.execute(await trader.order("buy", ONE_SOL))).json()
    assert_same_shape(success, fixture("jupiter_execute_success"))
    await trader.control.fault("fail_execute", "execute", code=6001)
    failed = (await trader.execute(await trader.order("buy", ONE_SOL))).json()
    assert_same_shape(failed, fixture("jupiter_execute_failed"))
    await trader.control.fault("rate_limit", "price")
    assert (await trader.get("/price/v3", ids=SOL)).json() == fixture("jupiter_error_429")


async def test_pyth(trader: Trader) -> None:
    params = {"ids[]": "0x" + FEED.upper(), "encoding": "base64"}
    latest = (await trader.get("/v2/updates/price/latest", **params)).json()
    assert_same_shape(latest, fixture("pyth_latest"))
    assert latest["parsed"][0]["id"] == FEED
    assert "parsed" not in (await trader.get("/v2/updates/price/latest", **params, parsed="false")).json()


async def test_solana_accounts(trader: Trader) -> None:
    await trader.control.fund(trader.address, mint=trader.mint, amount=8_112_400_000)
    confirmed = {"encoding": "jsonParsed", "commitment": "confirmed"}
    assert_same_shape(await trader.rpc("getBalance", trader.address), fixture("rpc_getBalance"))
    program = {"programId": "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"}
    for wanted in ({"mint": trader.mint}, program):
        held = await trader.rpc("getTokenAccountsByOwner", trader.address, wanted, confirmed)
        assert_same_shape(held, fixture("rpc_getTokenAccountsByOwner"))
    parsed_amount = held["result"]["value"][0]["account"]["data"]["parsed"]["info"]["tokenAmount"]
    assert parsed_amount["uiAmountString"] == "8112.4"
    mint = await trader.rpc("getAccountInfo", trader.mint, confirmed)
    assert_same_shape(mint, fixture("rpc_getAccountInfo_mint"))
    assert (await trader.rpc("getAccountInfo", SOL, confirmed))["result"]["value"] is None


@pytest.mark.parametrize(("program", "fee", "size"), [("Token", 0, 82), ("Token-2022", 25, 278)])
async def test_solana_mints_in_bytes(trader: Trader, program: str, fee: int, size: int) -> None:
    token = {"symbol": "BYT", "priceSol": "1", "decimals": 9, "supply": 1000, "program": program}
    made = await trader.control.add_tokens([{**token, "transferFeeBps": fee}])
    answer = await trader.rpc("getAccountInfo", made[0]["mint"], {"encoding": "base64"})
    raw = base64.b64decode(answer["result"]["value"]["data"][0])
    assert (len(raw), raw[44], raw[45]) == (size, 9, 1)
    assert int.from_bytes(raw[36:44], "little") == 1000 * 10**9
    if fee:
        # Account type, extension 1 of 108 bytes, and the newer fee's basis points at its very end.
        assert (raw[165], raw[166:170]) == (1, b"\x01\x00\x6c\x00")
        assert int.from_bytes(raw[-2:], "little") == fee


async def test_solana_transactions(trader: Trader) -> None:
    confirmed = {"commitment": "confirmed"}
    assert_same_shape(await trader.rpc("getLatestBlockhash", confirmed), fixture("rpc_getLatestBlockhash"))
    order = await trader.order("buy", ONE_SOL)
    signed = trader.sign(order)
    options = {"encoding": "base64", "sigVerify": False, "replaceRecentBlockhash": True, **confirmed}
    simulated = await trader.rpc("simulateTransaction", signed, options)
    assert_same_shape(simulated, fixture("rpc_simulateTransaction"))
    await trader.control.set_price(trader.mint, "0.0002")
    refused = await trader.rpc("sendTransaction", signed, {"encoding": "base64", "skipPreflight": False})
    documented = fixture("rpc_sendTransaction_preflight_error")
    # The error of an instruction is a pair of unlike things: which one it was, which depends on the order, and what was wrong.
    (number, wrong), (_, documented_wrong) = (
        one["error"]["data"].pop("err")["InstructionError"] for one in (refused, documented)
    )
    assert isinstance(number, int)
    assert wrong == documented_wrong
    assert_same_shape(refused, documented)
    await trader.control.set_price(trader.mint, "0.0001")
    sent = await trader.rpc("sendTransaction", signed, {"encoding": "base64", "maxRetries": 0})
    statuses = await trader.rpc("getSignatureStatuses", [sent["result"]], {"searchTransactionHistory": True})
    assert_same_shape(statuses, fixture("rpc_getSignatureStatuses"))
