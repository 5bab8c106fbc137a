"""What people do to a live agent while it trades: nothing is lost, and the books say what the chain says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.live import FUNDS_SOL, ONE_SOL, START_PRICE, Trader, live_agent, live_trader, outcome
from tests.e2e.product import SOL_MINT, Product, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WALLETS = 8
PASSPHRASE = "a passphrase for tests"
FEE_BPS = 500
DCA = {
    "enabled": True,
    "mode": "custom",
    "maxDCACount": 1,
    "levels": [{"dropPercent": -20, "buyPercent": 100}],
    "cooldownSeconds": 10,
}


@pytest.fixture(scope="module")
def keys() -> list[Keypair]:
    """Keys of wallets nobody has used yet."""
    return [Keypair() for _ in range(WALLETS)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory, keys: list[Keypair]) -> AsyncIterator[Product]:
    """One product for all scenarios, with the keys of many wallets."""
    settings = {f"WALLET_{number}": str(key) for number, key in enumerate(keys, 1)}
    async with Product(tmp_path_factory.mktemp("live"), settings).running() as product:
        yield product


@pytest_asyncio.fixture(loop_scope="module")
async def control(live: Product) -> AsyncIterator[SandboxControl]:
    """The market, which behaves again afterwards."""
    async with SandboxControl(live.sandbox_url) as control:
        yield control
        await control.clear_faults()


@pytest_asyncio.fixture(loop_scope="module")
async def trader(live: Product, control: SandboxControl, keys: list[Keypair]) -> Trader:
    """A live agent of its own for each scenario."""
    return await live_trader(live, control, str(keys.pop().pubkey()), f"T{len(keys)}")


async def asked(control: SandboxControl, endpoint: str) -> int:
    """Return how often the product has asked for something."""
    return int((await control.requests(last=0))["counts"].get(endpoint, 0))


async def in_hand(control: SandboxControl, endpoint: str, before: int) -> None:
    """Wait until the product has asked for something once more."""

    async def more() -> bool:
        return await asked(control, endpoint) > before

    await until(more, f"{endpoint} is asked for")


async def test_a_mode_that_is_switched_in_the_middle_of_a_sale_takes_nothing_from_it(
    live: Product, control: SandboxControl, trader: Trader
) -> None:
    await trader.buy()
    await trader.opened()
    before = await asked(control, "execute")
    await control.fault("delay", "execute", seconds=4, after=True, times=1)
    await trader.fall()
    await in_hand(control, "execute", before)

    await live.call("PUT", f"/agents/{trader.agent['id']}", {"tradingMode": "simulation"})

    assert (await trader.flat())["closeReason"] == "stop_loss"
    await trader.check(swaps=2)


async def test_a_token_that_takes_a_fee_of_every_transfer_is_booked_as_the_chain_moved_it(
    live: Product, control: SandboxControl, keys: list[Keypair]
) -> None:
    wallet = str(keys.pop().pubkey())
    token = {
        "symbol": "TAXED",
        "priceSol": str(START_PRICE),
        "liquiditySol": "1000",
        "decimals": 6,
        "program": "Token-2022",
        "transferFeeBps": FEE_BPS,
    }
    mint = (await control.add_tokens([token]))[0]["mint"]
    config: dict[str, Any] = {
        "signals": {"tokenFilterMode": "whitelist", "tokenList": [mint]},
        "positionCalculator": {"randomization": {"enabled": False}},
        "dca": DCA,
        "stopLoss": {"enabled": True, "defaultPercentage": -60},
        "purchaseLimits": {"maxPriceImpact": 0.5},
    }
    agent = await live_agent(live, control, wallet, "Taxed", config)
    trader = Trader(live, control, agent, wallet, mint, START_PRICE)

    await trader.buy()
    await trader.opened()
    await trader.check(swaps=1)

    await control.set_price(mint, START_PRICE * Decimal("0.75"))

    async def averaged() -> bool:
        held = await trader.position()
        return held is not None and held["dca"]["count"] == 1

    await until(averaged, "it has bought once more")
    await trader.check(swaps=2)
    await control.set_price(mint, START_PRICE * Decimal("0.3"))
    await trader.flat()
    await trader.check(swaps=3)
    assert mint not in await trader.holdings()


async def test_a_wallet_that_is_locked_between_decision_and_signature(
    live: Product, control: SandboxControl
) -> None:
    key = Keypair()
    wallet = str(key.pubkey())
    await control.fund(wallet, lamports=FUNDS_SOL * ONE_SOL)
    token = {"symbol": "LOCK", "priceSol": str(START_PRICE), "liquiditySol": "1000", "decimals": 6}
    mint = (await control.add_tokens([token]))[0]["mint"]
    agent = await live.call("POST", "/agents", {"name": "Locked", "tradingMode": "live"}, expect=201)
    config = {
        "signals": {"tokenFilterMode": "whitelist", "tokenList": [mint]},
        "positionCalculator": {"randomization": {"enabled": False}},
    }
    await live.call("PATCH", f"/agents/{agent['id']}/config", {"config": config})
    body = {"agentId": agent["id"], "passphrase": PASSPHRASE, "privateKey": str(key)}
    await live.call("POST", "/wallets", body, expect=201)
    await live.call("POST", f"/wallets/{wallet}/check-deposits", {"agentId": agent["id"]})
    trader = Trader(live, control, agent, wallet, mint, START_PRICE)
    unlock = {"passphrase": PASSPHRASE}
    await live.call("POST", f"/wallets/{wallet}/unlock", unlock)

    before = await asked(control, "order")
    await control.fault("delay", "order", seconds=3, times=1)
    signal = await trader.buy()
    await in_hand(control, "order", before)
    await live.call("POST", f"/wallets/{wallet}/lock", {})

    told = await outcome(trader, signal)
    assert told == ("FAILED", "WALLET_LOCKED")
    await trader.check(swaps=0)

    await live.call("POST", f"/wallets/{wallet}/unlock", unlock)
    await trader.buy()
    await trader.opened()
    before = await asked(control, "order")
    await control.fault("delay", "order", seconds=3, times=1)
    await trader.fall()
    await in_hand(control, "order", before)
    await live.call("POST", f"/wallets/{wallet}/lock", {})

    async def failed() -> bool:
        return "exit.attempt_failed" in live.log("service")

    await until(failed, "the exit waits for the key")
    await trader.check(swaps=1)
    await live.call("POST", f"/wallets/{wallet}/unlock", unlock)
    await trader.flat()
    await trader.check(swaps=2)
    earned = (await trader.holdings())[SOL_MINT] - FUNDS_SOL * ONE_SOL
    (trade,) = await live.closed(agent["id"])
    assert Decimal(trade["profitLossSol"]).scaleb(9) == earned
