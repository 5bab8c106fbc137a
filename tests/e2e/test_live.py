"""Live trading with everything that goes wrong between a signed swap and its answer: the ledger says what the chain says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.live import FUNDS_SOL, ONE_SOL, PAST_EXPIRY_SLOTS, Trader, live_trader, outcome
from tests.e2e.product import SOL_MINT, Product, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WALLETS = 24


@pytest.fixture(scope="module")
def keys() -> list[Keypair]:
    """Keys of wallets nobody has used yet."""
    return [Keypair() for _ in range(WALLETS)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live_product(
    tmp_path_factory: pytest.TempPathFactory, keys: list[Keypair]
) -> AsyncIterator[Product]:
    """One product for all scenarios, with the keys of many wallets."""
    settings = {f"WALLET_{number}": str(key) for number, key in enumerate(keys, 1)}
    async with Product(tmp_path_factory.mktemp("live"), settings).running() as product:
        yield product


@pytest_asyncio.fixture(loop_scope="module")
async def trader(live_product: Product, keys: list[Keypair]) -> AsyncIterator[Trader]:
    """A live agent of its own for each scenario; afterwards it trades no longer, and the market behaves again."""
    wallet = str(keys.pop().pubkey())
    async with SandboxControl(live_product.sandbox_url) as control:
        trader = await live_trader(live_product, control, wallet, f"T{len(keys)}")
        yield trader
        await control.clear_faults()


async def test_a_signal_is_bought_and_a_fall_is_sold_on_the_chain(trader: Trader) -> None:
    signal_id = await trader.buy()
    position = await trader.opened()
    assert position["walletAddress"] == trader.wallet
    await trader.check(swaps=1)
    assert await outcome(trader, signal_id) == ("EXECUTED", None)

    await trader.fall()
    trade = await trader.flat()

    assert trade["closeReason"] == "stop_loss"
    await trader.check(swaps=2)
    earned = (await trader.holdings())[SOL_MINT] - FUNDS_SOL * ONE_SOL
    assert Decimal(trade["profitLossSol"]).scaleb(9) == earned


UNCLEAR = {
    "the connection drops after it landed": {"kind": "drop_after"},
    "an error after it landed": {"kind": "status", "status": 500, "after": True},
    "a page of HTML after it landed": {"kind": "html_error", "after": True},
    "it lands late": {"kind": "land_later", "slots": 4},
    "nobody knows, and it did not land": {"kind": "fail_execute", "code": -1001},
    "the connection drops before it arrived": {"kind": "drop_before"},
}


@pytest.mark.parametrize("rule", UNCLEAR.values(), ids=UNCLEAR.keys())
async def test_an_unclear_answer_is_cleared_up(trader: Trader, rule: dict[str, Any]) -> None:
    fault = {"endpoint": "execute", "times": 1, **rule}
    never_lands = rule["kind"] == "fail_execute"
    await trader.control.fault(**fault)
    signal_id = await trader.buy()
    if never_lands:
        await expires(trader, signal_id)
        signal_id = await trader.buy()
    await trader.opened()
    await trader.check(swaps=1)
    assert (await outcome(trader, signal_id))[0] == "EXECUTED"

    await trader.control.fault(**fault)
    await trader.fall()
    if never_lands:
        await posted(trader, 2)
        await trader.control.advance_slots(PAST_EXPIRY_SLOTS)
    await trader.flat()
    await trader.check(swaps=2)


@pytest.mark.parametrize(
    ("variant", "code"), [("hidden_in_lookup", "FOREIGN_TRANSFER"), ("half_out", "SIMULATION_MISMATCH")]
)
async def test_an_order_that_steals_is_not_signed_and_an_exit_asks_for_another(
    trader: Trader, variant: str, code: str
) -> None:
    steals: dict[str, Any] = {"kind": "hostile", "endpoint": "order", "message": variant, "mint": trader.mint}
    await trader.control.fault(**steals, times=1)
    assert await outcome(trader, await trader.buy()) == ("FAILED", code)
    await trader.check(swaps=0)
    assert await trader.booked() == {SOL_MINT: FUNDS_SOL * ONE_SOL}

    await trader.buy()
    await trader.opened()
    await trader.control.fault(**steals, times=2)
    await trader.fall()
    await trader.flat()

    await trader.check(swaps=2)
    product = trader.product
    token = product.token()
    metrics = await product.http.get(
        f"{product.url}/api/v1/metrics", headers={"Authorization": f"Bearer {token}"}
    )
    assert f'swap_not_signed_total{{code="{code}"}} ' in metrics.text


async def posted(trader: Trader, times: int) -> None:
    """Wait until the sandbox was sent that many transactions more than now."""
    before = (await trader.control.requests())["counts"].get("execute", 0)

    async def more() -> bool:
        return bool((await trader.control.requests())["counts"].get("execute", 0) >= before + times)

    await until(more, "the swap is posted")


async def expires(trader: Trader, signal_id: int) -> None:
    """Let a purchase nobody knows expire; its funds are free again."""
    await posted(trader, 1)
    assert await trader.position() is None
    await trader.control.advance_slots(PAST_EXPIRY_SLOTS)

    async def failed() -> bool:
        return await outcome(trader, signal_id) == ("FAILED", "SWAP_EXPIRED")

    await until(failed, "the purchase has expired")
    assert await trader.booked() == {SOL_MINT: FUNDS_SOL * ONE_SOL}


async def test_what_vanishes_expires_and_frees_the_funds(trader: Trader) -> None:
    await trader.control.fault("vanish", "execute", times=1)
    await expires(trader, await trader.buy())
    await trader.check(swaps=0)

    await trader.buy()
    await trader.opened()
    await trader.check(swaps=1)
    await trader.control.fault("vanish", "execute", times=1)
    await trader.fall()
    await posted(trader, 1)
    assert await trader.position() is not None
    await trader.control.advance_slots(PAST_EXPIRY_SLOTS)
    await trader.flat()
    await trader.check(swaps=2)


@pytest.mark.parametrize("code", [6001, -1002, -2003])
async def test_a_refused_execution_books_its_fee_and_nothing_else(trader: Trader, code: int) -> None:
    fault: dict[str, Any] = {"kind": "fail_execute", "endpoint": "execute", "code": code}
    await trader.control.fault(**fault, times=1)
    signal_id = await trader.buy()
    if code < 0:
        # Nobody is believed that nothing was sent: the chain has to say so.
        await expires(trader, signal_id)

    assert (await outcome(trader, signal_id))[0] == "FAILED"
    await trader.check(swaps=0)
    paid = FUNDS_SOL * ONE_SOL - (await trader.booked())[SOL_MINT]
    assert (paid > 0) == (code > 0)
    await trader.buy()
    await trader.opened()
    await trader.control.fault(**fault, times=1)
    await trader.fall()
    if code < 0:
        await posted(trader, 1)
        await trader.control.advance_slots(PAST_EXPIRY_SLOTS)
    await trader.flat()
    await trader.check(swaps=2)


LIES = {
    "doubled amounts": {"kind": "wrong_amounts"},
    "slippage, although it landed": {"kind": "fail_execute", "code": 6001, "after": True},
    "the quote expired, although it landed": {"kind": "fail_execute", "code": -2003, "after": True},
    "invalid, although it landed": {"kind": "fail_execute", "code": -1002, "after": True},
}


@pytest.mark.parametrize("rule", LIES.values(), ids=LIES.keys())
async def test_an_answer_that_lies_changes_nothing_in_the_books(trader: Trader, rule: dict[str, Any]) -> None:
    await trader.control.chain(orderVersion=1)
    await trader.control.fault(endpoint="execute", times=1, **rule)
    signal_id = await trader.buy()
    await trader.opened()
    await trader.check(swaps=1)
    assert (await outcome(trader, signal_id))[0] == "EXECUTED"

    await trader.control.fault(endpoint="execute", times=1, **rule)
    await trader.fall()
    await trader.flat()
    await trader.check(swaps=2)
    await trader.control.chain(orderVersion=0)


async def test_a_success_with_nothing_landed_is_not_booked(trader: Trader) -> None:
    await trader.control.fault("false_success", "execute", times=1)
    await expires(trader, await trader.buy())
    await trader.check(swaps=0)


@pytest.mark.parametrize("after", [True, False], ids=["it has landed", "it has not arrived"])
async def test_killed_between_sending_and_the_answer(trader: Trader, after: bool) -> None:
    hangs: dict[str, Any] = {
        "kind": "delay",
        "endpoint": "execute",
        "seconds": 60,
        "after": after,
        "times": 1,
    }
    await trader.control.fault(**hangs)
    signal_id = await trader.buy()
    await restarted(trader, landed=1 if after else 0)
    await trader.opened()
    await trader.check(swaps=1)
    assert (await outcome(trader, signal_id))[0] == "EXECUTED"

    await trader.control.fault(**hangs)
    await trader.fall()
    await restarted(trader, landed=2 if after else 1)
    await trader.flat()
    await trader.check(swaps=2)


async def restarted(trader: Trader, landed: int) -> None:
    """Kill the service as soon as a swap was posted and has landed (or hangs before that); start it again."""

    async def struck() -> bool:
        faults = await trader.product.http.get(f"{trader.product.sandbox_url}/control/faults")
        rules = faults.json()["rules"]
        return bool(rules and rules[-1]["struck"]) and len(await trader.landed()) == landed

    await until(struck, "the swap is posted")
    trader.product.kill_service()
    # However long the machine takes to start it, the swap can still land.
    slot_seconds = (await trader.control.chain())["slotSeconds"]
    await trader.control.chain(slotSeconds=0)
    await trader.control.clear_faults()
    await trader.product.start_service()
    await trader.control.chain(slotSeconds=slot_seconds)
