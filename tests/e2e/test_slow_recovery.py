"""A start with swaps that nobody can clear up: requests are served at once, and new trades are made beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until
from tests.e2e.test_trade import bought

HANGING = 4
FUNDS_LAMPORTS = 10 * 10**9


async def test_four_swaps_that_hang_hold_nobody_up(tmp_path: Path) -> None:
    keys = [Keypair() for _ in range(HANGING)]
    async with (
        Product(
            tmp_path, {f"WALLET_{number}": str(key) for number, key in enumerate(keys, 1)}
        ).running() as product,
        SandboxControl(product.sandbox_url) as control,
    ):
        await _four_swaps_that_hang(product, control, keys)


async def _four_swaps_that_hang(product: Product, control: SandboxControl, keys: list[Keypair]) -> None:
    mint = (
        await control.add_tokens(
            [{"symbol": "LIVE", "priceSol": "0.001", "liquiditySol": "1000", "decimals": 6}]
        )
    )[0]["mint"]
    agents = [await _live_agent(product, control, str(key.pubkey()), mint) for key in keys]
    await control.fault("timeout", "execute", seconds=600)
    await product.signal(mint)

    async def posted() -> bool:
        return bool((await control.requests())["counts"].get("execute", 0) >= HANGING)

    await until(posted, "all four are posted, and nobody answers")
    product.kill_service()

    await product.start_service()

    # It is ready while they hang, and says so.
    told: dict[str, Any] = {}

    async def says_so() -> bool:
        told.update((await product.http.get(f"{product.url}/api/v1/health/ready")).json()["engine"])
        return bool(told["unresolved"] == HANGING)

    await until(says_so, "ready tells what is left")
    assert told["role"] == "engine"
    shortened = sorted(f"{str(key.pubkey())[:4]}…{str(key.pubkey())[-4:]}" for key in keys)
    assert told["unresolvedWallets"] == shortened
    assert await product.positions(agents[0]["id"]) == []
    paper = await product.agent("Paper")
    await bought(product, paper, (await product.tokens())[0]["mint"])

    await control.clear_faults()

    async def nothing_left() -> bool:
        answer = (await product.http.get(f"{product.url}/api/v1/health/ready")).json()
        return bool(answer["engine"]["unresolved"] == 0)

    # Landed when they are posted again, or expired when the machine took too long for that.
    await until(nothing_left, "every one is resolved once somebody answers")
    accounts = (await control.state())["accounts"]
    for agent, key in zip(agents, keys, strict=True):
        held = [amount for amount in accounts[str(key.pubkey())]["tokens"].values() if int(amount)]
        assert len(await product.positions(agent["id"])) == len(held)
    code, report = await product.verify()
    assert code == 0, report


async def _live_agent(product: Product, control: SandboxControl, wallet: str, mint: str) -> dict[str, Any]:
    await control.fund(wallet, lamports=FUNDS_LAMPORTS)
    body: dict[str, Any] = {"name": f"Live {wallet[:4]}", "tradingMode": "live"}
    agent: dict[str, Any] = await product.call("POST", "/agents", body, expect=201)
    config = {
        "signals": {"tokenFilterMode": "whitelist", "tokenList": [mint]},
        "positionCalculator": {"randomization": {"enabled": False}},
    }
    await product.call("PATCH", f"/agents/{agent['id']}/config", {"config": config})
    body = {"agentId": agent["id"], "walletAddress": wallet, "walletType": "live"}
    await product.call("POST", "/wallets/assign", body, expect=201)
    await product.call("POST", f"/wallets/{wallet}/check-deposits", {"agentId": agent["id"]})
    return agent
