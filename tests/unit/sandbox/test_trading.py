"""An order is signed, executed and found on chain; it lands once, or not at all."""

from __future__ import annotations

import base64

import httpx
import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from nexgent.sandbox.constants import TOKEN_ACCOUNT_RENT_LAMPORTS
from tests.unit.sandbox.market import ONE_SOL, SOL, a_market

NETWORK_FEE = 105_000


async def test_a_buy_moves_what_the_order_promised() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        answer = (await trader.execute(order, lastValidBlockHeight=order["lastValidBlockHeight"])).json()

        assert answer["status"] == "Success"
        assert answer["code"] == 0
        assert answer["totalInputAmount"] == str(ONE_SOL)
        assert answer["inputAmountResult"] == "999000000"
        assert answer["totalOutputAmount"] == order["outAmount"]
        assert await trader.quantity() == int(order["outAmount"])
        assert await trader.lamports() == 9 * ONE_SOL - NETWORK_FEE - TOKEN_ACCOUNT_RENT_LAMPORTS


async def test_a_sell_pays_the_fee_from_what_it_yields() -> None:
    async with a_market() as trader:
        await trader.control.fund(trader.address, mint=trader.mint, amount=10_000_000_000)
        order = await trader.order("sell", 10_000_000_000)
        answer = (await trader.execute(order)).json()

        # 10 000 tokens at 0.0001 are 1 SOL; 1000 · 1 / 1001 leaves the pool, rounded down.
        gross = 1000 * ONE_SOL * ONE_SOL // (1001 * ONE_SOL)
        assert answer["outputAmountResult"] == str(gross)
        assert answer["totalOutputAmount"] == str(gross - gross * 10 // 10_000)
        assert await trader.lamports() == 10 * ONE_SOL + gross - gross * 10 // 10_000 - NETWORK_FEE
        assert await trader.quantity() == 0


async def test_the_chain_tells_the_same_amounts() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        signature = (await trader.execute(order)).json()["signature"]
        status = await trader.status(signature)
        options = {"encoding": "jsonParsed", "commitment": "confirmed", "maxSupportedTransactionVersion": 0}
        landed = (await trader.rpc("getTransaction", signature, options))["result"]

        assert (status["err"], status["confirmationStatus"]) == (None, "confirmed")
        keys = landed["transaction"]["message"]["accountKeys"]
        assert keys[0] == {
            "pubkey": trader.address,
            "signer": True,
            "source": "transaction",
            "writable": True,
        }
        meta = landed["meta"]
        assert meta["fee"] == NETWORK_FEE
        spent = meta["preBalances"][0] - meta["postBalances"][0]
        assert spent == ONE_SOL + NETWORK_FEE + TOKEN_ACCOUNT_RENT_LAMPORTS
        assert meta["preTokenBalances"] == []
        assert meta["postTokenBalances"][0]["uiTokenAmount"]["amount"] == order["outAmount"]
        listed = await trader.rpc("getSignaturesForAddress", trader.address, {"commitment": "confirmed"})
        assert [item["signature"] for item in listed["result"]] == [signature]


async def test_a_transaction_needs_the_version_to_be_asked_for() -> None:
    async with a_market() as trader:
        signature = (await trader.execute(await trader.order("buy", ONE_SOL))).json()["signature"]

        refused = await trader.rpc("getTransaction", signature, {"commitment": "confirmed"})

        assert refused["error"]["code"] == -32015


async def test_the_same_post_again_changes_nothing() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        signed = trader.sign(order)
        first = (await trader.execute(order, signed)).json()
        left = await trader.lamports()

        assert (await trader.execute(order, signed)).json() == first
        sent = await trader.rpc("sendTransaction", signed, {"encoding": "base64", "skipPreflight": True})
        assert sent["result"] == first["signature"]
        assert await trader.lamports() == left


async def test_an_expired_blockhash_never_lands() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        await trader.control.advance_slots(151)
        answer = (await trader.execute(order)).json()

        assert (answer["status"], answer["code"]) == ("Failed", -1000)
        height = (await trader.rpc("getBlockHeight"))["result"]
        assert height > int(order["lastValidBlockHeight"])
        assert await trader.status(answer["signature"]) is None
        assert await trader.lamports() == 10 * ONE_SOL


async def test_the_last_valid_height_still_lands() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        await trader.control.advance_slots(150)

        assert (await trader.execute(order)).json()["status"] == "Success"


async def test_a_price_beyond_slippage_reverts_and_costs_the_fee() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        await trader.control.set_price(trader.mint, "0.000102")
        answer = (await trader.execute(order)).json()

        assert (answer["status"], answer["code"]) == ("Failed", 6001)
        assert (await trader.status(answer["signature"]))["err"] == {
            "InstructionError": [4, {"Custom": 6001}]
        }
        assert await trader.lamports() == 10 * ONE_SOL - NETWORK_FEE
        assert await trader.quantity() == 0


async def test_posts_that_are_no_signed_order_are_refused() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        other = await trader.order("buy", ONE_SOL // 2)

        async def code(response: httpx.Response) -> tuple[int, int]:
            return response.status_code, response.json()["code"]

        assert await code(await trader.execute(order, "bm90IGE=")) == (400, -2)
        assert await code(await trader.execute({**order, "requestId": "unknown"}, trader.sign(order))) == (
            400,
            -1,
        )
        assert await code(await trader.execute(order, trader.sign(other))) == (400, -3)
        assert await code(await trader.execute(order, order["transaction"])) == (200, -1003)
        assert await code(await trader.execute(order, lastValidBlockHeight="5")) == (200, -1004)
        assert await trader.lamports() == 10 * ONE_SOL


async def test_a_forged_signature_is_refused() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        unsigned = VersionedTransaction.from_bytes(base64.b64decode(order["transaction"]))
        forged = VersionedTransaction.populate(unsigned.message, [Keypair().sign_message(b"something else")])
        encoded = base64.b64encode(bytes(forged)).decode()

        assert (await trader.execute(order, encoded)).json()["code"] == -1002
        sent = await trader.rpc("sendTransaction", encoded, {"encoding": "base64"})
        assert sent["error"]["code"] == -32003


async def test_orders_nobody_can_pay_come_without_a_transaction() -> None:
    async with a_market() as trader:
        too_much = await trader.order("buy", 11 * ONE_SOL)
        no_gas = await trader.order("buy", 10 * ONE_SOL)
        no_tokens = await trader.order("sell", 1_000_000)

        assert [o["transaction"] for o in (too_much, no_gas, no_tokens)] == ["", "", ""]
        assert [o["errorCode"] for o in (too_much, no_gas, no_tokens)] == [1, 2, 1]


async def test_a_quote_without_a_taker_has_no_transaction_and_no_rent() -> None:
    async with a_market() as trader:
        quote = await trader.order("buy", ONE_SOL, taker=False)

        assert quote["transaction"] is None
        assert quote["rentFeeLamports"] == 0
        assert quote["platformFee"] == {"amount": "1000000", "feeBps": 10, "feeMint": SOL}


async def test_a_second_buy_pays_no_rent() -> None:
    async with a_market() as trader:
        await trader.execute(await trader.order("buy", ONE_SOL))

        assert (await trader.order("buy", ONE_SOL))["rentFeeLamports"] == 0


async def test_the_impact_grows_with_the_size() -> None:
    async with a_market() as trader:
        sizes = [ONE_SOL // 10, ONE_SOL, 10 * ONE_SOL, 100 * ONE_SOL, 1000 * ONE_SOL]
        quotes = [await trader.order("buy", size, taker=False) for size in sizes]

        impacts = [quote["priceImpact"] for quote in quotes]
        assert impacts == sorted(impacts, reverse=True)
        assert len(set(impacts)) == len(impacts)
        assert impacts[-1] == pytest.approx(-50, abs=0.1)
        for quote in quotes:
            assert float(quote["priceImpactPct"]) == pytest.approx(quote["priceImpact"] / 100)


async def test_a_scripted_quote_is_answered_and_filled_to_the_unit() -> None:
    async with a_market() as trader:
        script: dict[str, object] = {
            "outAmount": 5_000_000,
            "fillOutAmount": 4_990_000,
            "feeBps": 50,
            "rentFeeLamports": 7,
        }
        script |= {"signatureFeeLamports": 5_000, "prioritizationFeeLamports": 20_000, "swapUsdValue": "12.5"}
        await trader.control.script_quote(trader.mint, "buy", **script, priceImpactPct="-0.25")
        order = await trader.order("buy", ONE_SOL)
        answer = (await trader.execute(order)).json()

        assert (order["outAmount"], order["feeBps"], order["swapUsdValue"]) == ("5000000", 50, 12.5)
        assert order["priceImpactPct"] == "-0.25"
        assert (order["prioritizationFeeLamports"], order["rentFeeLamports"]) == (20_000, 7)
        assert (answer["totalOutputAmount"], answer["inputAmountResult"]) == ("4990000", "995000000")
        assert await trader.lamports() == 9 * ONE_SOL - 25_000 - 7
        assert (await trader.order("buy", ONE_SOL))["feeBps"] == 10


async def test_a_transfer_of_sol_lands() -> None:
    async with a_market() as trader:
        blockhash = (await trader.rpc("getLatestBlockhash"))["result"]["value"]["blockhash"]
        receiver = Keypair().pubkey()
        pay = transfer(TransferParams(from_pubkey=trader.key.pubkey(), to_pubkey=receiver, lamports=ONE_SOL))
        message = MessageV0.try_compile(trader.key.pubkey(), [pay], [], Hash.from_string(blockhash))
        raw = base64.b64encode(bytes(VersionedTransaction(message, [trader.key]))).decode()
        signature = (await trader.rpc("sendTransaction", raw, {"encoding": "base64"}))["result"]

        assert (await trader.status(signature))["err"] is None
        assert (await trader.rpc("getBalance", str(receiver)))["result"]["value"] == ONE_SOL
        assert await trader.lamports() == 9 * ONE_SOL - 5_000


async def test_a_token_with_transfer_fee_delivers_less() -> None:
    async with a_market() as trader:
        plain = int((await trader.order("buy", ONE_SOL, taker=False))["outAmount"])
        token = {"symbol": "TAX", "priceSol": "0.0001", "liquiditySol": "1000"}
        tax = {**token, "program": "Token-2022", "transferFeeBps": 100}
        trader.mint = (await trader.control.add_tokens([tax]))[0]["mint"]
        order = await trader.order("buy", ONE_SOL)
        await trader.execute(order)
        info = await trader.rpc("getAccountInfo", trader.mint, {"encoding": "jsonParsed"})

        assert int(order["outAmount"]) == plain - plain // 100
        assert await trader.quantity() == int(order["outAmount"])
        extensions = info["result"]["value"]["data"]["parsed"]["info"]["extensions"]
        assert extensions[0]["state"]["newerTransferFee"]["transferFeeBasisPoints"] == 100
