"""What people reach for before and while real money is at work, as they would: the commands, over the running service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

FUNDS_SOL = 20
ONE_SOL = 1_000_000_000
WALLETS = 6


@dataclass
class Outcome:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed as JSON."""
        assert self.out, self.err
        return json.loads(self.out)


class Place:
    """A product with keys of wallets nobody has used yet, and its market."""

    def __init__(self, product: Product, control: SandboxControl, keys: list[Keypair]) -> None:
        self.product = product
        self.control = control
        self._keys = keys
        self._tokens = 0
        self._signals = 0

    async def nexgent(self, *arguments: str) -> Outcome:
        """Run a command."""
        return Outcome(*await self.product.run(*arguments))

    async def token(self) -> str:
        """Return the mint of a new token."""
        self._tokens += 1
        token = {
            "symbol": f"G{self._tokens}",
            "priceSol": "0.001",
            "liquiditySol": "1000",
            "decimals": 6,
        }
        mint: str = (await self.control.add_tokens([token]))[0]["mint"]
        return mint

    async def signal(self, mint: str) -> int:
        """Post a signal that is no repetition of an earlier one."""
        self._signals += 1
        return await self.product.signal(mint, kind=f"TEST-{self._signals}")

    async def live_agent(self, name: str, mint: str, **config: object) -> dict[str, Any]:
        """Return a live agent that buys one token only, with a wallet of its own that holds some SOL on the chain."""
        product, wallet = self.product, str(self._keys.pop().pubkey())
        await self.control.fund(wallet, lamports=FUNDS_SOL * ONE_SOL)
        agent: dict[str, Any] = await product.call(
            "POST", "/agents", {"name": name, "tradingMode": "live"}, expect=201
        )
        await self.configure(agent, **self.only(mint), **config)
        body = {"agentId": agent["id"], "walletAddress": wallet, "walletType": "live"}
        await product.call("POST", "/wallets/assign", body, expect=201)
        await product.call("POST", f"/wallets/{wallet}/check-deposits", {"agentId": agent["id"]})
        return {**agent, "wallet": wallet}

    async def configure(self, agent: dict[str, Any], **config: object) -> None:
        """Change the configuration of an agent."""
        await self.product.call("PATCH", f"/agents/{agent['id']}/config", {"config": config})

    @staticmethod
    def only(mint: str) -> dict[str, Any]:
        """Return the configuration of an agent that buys one token only."""
        return {
            "signals": {"tokenFilterMode": "whitelist", "tokenList": [mint]},
            "positionCalculator": {"randomization": {"enabled": False}},
        }

    async def opened(self, agent: dict[str, Any]) -> dict[str, Any]:
        """Wait for the agent's first position."""

        async def first() -> dict[str, Any] | None:
            found = await self.product.positions(agent["id"])
            return found[0] if found else None

        position: dict[str, Any] = await until(first, "the position is open")
        return position

    async def closed(self, agent: dict[str, Any], trades: int = 1) -> list[dict[str, Any]]:
        """Wait until the agent is flat after so many closed trades."""

        async def flat() -> list[dict[str, Any]]:
            found = await self.product.closed(agent["id"])
            return found if len(found) >= trades and not await self.product.positions(agent["id"]) else []

        found: list[dict[str, Any]] = await until(flat, "everything is sold")
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    keys = [Keypair() for _ in range(WALLETS)]
    settings = {f"WALLET_{number}": str(key) for number, key in enumerate(keys, 1)}
    async with (
        Product(tmp_path_factory.mktemp("going-live"), settings).running() as product,
        SandboxControl(product.sandbox_url) as control,
    ):
        yield Place(product, control, keys)


async def test_panic_sells_everything_live_and_on_paper_and_the_agents_can_go_on(place: Place) -> None:
    product, mint = place.product, await place.token()
    paper = await product.agent("Paper", config=place.only(mint))
    live = await place.live_agent("Live", mint)
    await place.signal(mint)
    await place.opened(paper)
    await place.opened(live)

    stopped = await place.nexgent("panic", "--json", "--reason", "News")
    assert stopped.code == 0, stopped.err
    state = stopped.document
    assert (state["engaged"], state["flatten"], state["recorded"], state["remainingCount"]) == (
        True,
        False,
        True,
        2,
    )
    held = await place.nexgent("panic", "--status")
    assert held.code == 0
    assert "News" in held.out
    assert "Positions open: 2" in held.out
    assert "panic --resume" in held.out

    # Nobody sells at first: what remains is shown, and waiting for it ends with another code.
    await place.control.fault(kind="status", endpoint="order", status=503, times=1_000)
    waited = await place.nexgent("panic", "--flatten", "--timeout", "1")
    assert waited.code == 1
    assert "2 open: " in waited.out
    assert "leaving (panic)" in waited.out
    started = await place.nexgent("panic", "--flatten", "--no-wait", "--json")
    assert (started.code, started.document["flat"]) == (0, False)
    assert {one["exitReason"] for one in started.document["remaining"]} == {"panic"}
    await place.control.clear_faults()
    flat = await place.nexgent("panic", "--flatten", "--json")
    assert (flat.code, flat.document["flat"]) == (0, True)

    for agent in (paper, live):
        (trade,) = await place.closed(agent)
        assert trade["closeReason"] == "panic"
    signal_id = await place.signal(mint)

    async def decided() -> list[str]:
        codes = [str(one["code"]) for one in await product.decisions(signal_id)]
        return codes if len(codes) == 2 else []

    assert await until(decided, "the signal is decided") == ["KILL_SWITCH", "KILL_SWITCH"]
    resumed = await place.nexgent("panic", "--resume")
    assert resumed.code == 0
    assert "are not stopped" in resumed.out
    await place.signal(mint)
    await place.opened(paper)
    await place.opened(live)
    everybody = await place.nexgent("panic", "--flatten", "--all", "--json")
    assert (everybody.code, everybody.document["scope"]) == (0, "system")
    await place.closed(live, trades=2)
    assert (await place.nexgent("panic", "--all", "--resume")).code == 0
    code, report = await product.verify()
    assert code == 0, report


async def test_panic_outlives_a_killed_service_and_works_while_postgres_is_away(place: Place) -> None:
    product, mint = place.product, await place.token()
    agent = await product.agent("Paper 2", config=place.only(mint))
    await place.signal(mint)
    await place.opened(agent)
    await place.control.fault(kind="status", endpoint="order", status=503, times=1_000)
    assert (await place.nexgent("panic", "--flatten", "--no-wait")).code == 0
    product.kill_service()
    await place.control.clear_faults()
    await product.start_service()
    await place.closed(agent)
    assert (await place.nexgent("panic", "--resume")).code == 0

    await place.signal(mint)
    await place.opened(agent)
    postgres = product.postgres()
    postgres.suspend()
    try:
        # The whole family: a frozen postmaster alone takes no new connection, and its children go on.
        family = postgres.children(recursive=True)
        for process in family:
            process.suspend()
        away = await place.nexgent("panic", "--flatten", "--no-wait", "--json")
        assert away.code == 0, away.err
        assert (away.document["engaged"], away.document["recorded"]) == (True, False)
    finally:
        for process in family:
            process.resume()
        postgres.resume()

    async def recorded() -> bool:
        return bool((await product.call("GET", "/protections/panic"))["recorded"])

    await until(recorded, "the switch is recorded")
    await place.closed(agent, trades=2)
    assert (await place.nexgent("panic", "--resume")).code == 0


async def test_panic_says_what_does_not_go_together(place: Place) -> None:
    for arguments in (
        ("--no-wait",),
        ("--timeout", "5"),
        ("--flatten", "--status"),
        ("--timeout", "0", "--flatten"),
    ):
        outcome = await place.nexgent("panic", *arguments)
        assert outcome.code == 2, arguments
        assert "--" in outcome.err


SAFE = {
    "protections": {"maxDailyLossSol": 1, "maxExposurePercent": 50},
    "stopLoss": {"enabled": True, "defaultPercentage": -20},
}


async def test_a_live_check_looks_at_everything_and_signs_nothing(place: Place) -> None:
    mint = await place.token()
    agent = await place.live_agent("Careful", mint, **SAFE)
    before = (await place.control.requests())["counts"]

    checked = await place.nexgent("live", "check", "Careful", "--cap", "25", "--json")

    assert checked.code == 0, checked.out
    found = {one["name"]: one for one in checked.document["findings"]}
    # The sandbox is not mainnet, and tells no time.
    assert {name for name, one in found.items() if one["verdict"] == "warn"} == {"chain", "clock"}
    assert agent["wallet"] in found["wallet key"]["found"]
    assert found["balance"]["found"].startswith(f"{FUNDS_SOL} SOL")
    assert found["order"]["found"] == "built, decoded and simulated; neither signed nor sent"
    assert "slot" in found["slot"]["found"]
    after = (await place.control.requests())["counts"]
    assert after["order"] == before.get("order", 0) + 1
    assert after.get("execute", 0) == before.get("execute", 0)
    assert after.get("simulateTransaction", after.get("rpc", 1)) >= 1

    shown = await place.nexgent("live", "check", agent["id"])
    assert shown.code == 0
    assert "0 failed, 3 to look at. Nothing was signed, nothing was sent." in shown.out
    assert "no cap was named" in shown.out


async def test_a_live_check_fails_with_what_to_do(place: Place) -> None:
    mint = await place.token()
    agent = await place.live_agent("Careless", mint, stopLoss={"enabled": False})
    await place.control.fault(
        kind="hostile", endpoint="order", message="hidden_in_lookup", mint=mint, times=1_000
    )
    await place.control.fund(agent["wallet"], lamports=5 * ONE_SOL)

    checked = await place.nexgent("live", "check", "Careless", "--cap", "10", "--json")
    await place.control.clear_faults()

    assert checked.code == 1
    found = {one["name"]: one for one in checked.document["findings"] if one["verdict"] == "fail"}
    assert {"cap", "books", "stop loss", "daily loss", "exposure", "order"} <= set(found)
    assert "FOREIGN_TRANSFER" in found["order"]["found"]
    assert all(one["advice"] for one in found.values())
    for arguments in (("live", "check"), ("live",), ("live", "check", "Careless", "--cap", "-1")):
        assert (await place.nexgent(*arguments)).code == 2
    assert (await place.nexgent("live", "check", "Nobody")).code == 3


async def test_a_shadow_shows_how_far_real_fills_are_from_simulated_ones(place: Place) -> None:
    mint = await place.token()
    agent = await place.live_agent("Shadowed", mint)
    off = await place.nexgent("shadow", "Shadowed")
    assert off.code == 0
    assert "shadow is off, 0 fills" in off.out
    on = await place.nexgent("shadow", "Shadowed", "--on")
    assert "No live fill has landed yet" in on.out
    await place.signal(mint)
    await place.opened(agent)
    await place.control.set_price(mint, Decimal("0.0005"))
    (trade,) = await place.closed(agent)
    assert trade["closeReason"] == "stop_loss"

    async def recorded() -> Any:
        report = await place.product.call("GET", f"/agents/{agent['id']}/shadow")
        return report if report["total"]["fills"] == 2 else None

    report = await until(recorded, "both fills are recorded")
    total = report["total"]
    assert (report["enabled"], report["hasLiveWallet"], total["buys"], total["sales"]) == (True, True, 1, 1)
    assert [one["tokenAddress"] for one in report["tokens"]] == [mint]
    transactions = await place.product.call("GET", f"/agent-transactions?agentId={agent['id']}&limit=10")
    swaps = [row for row in transactions if row["transactionType"] == "SWAP"]
    paid = sum(Decimal(total[name]["realSol"]) for name in ("networkFee", "priorityFee"))
    # What the contract calls network fee holds the rent as well.
    assert 0 < paid <= sum(Decimal(row["networkFeeSol"]) for row in swaps)
    assert all(total[name]["fills"] == 2 for name in ("networkFee", "priorityFee", "platformFee"))
    assert Decimal(total["orderToLandingMs"]["median"]) > 0
    assert abs(Decimal(total["priceGapPercent"]["worst"])) < 20

    shown = await place.nexgent("shadow", agent["id"])
    assert "2 fills in the last 30 days (1 buys, 1 sales)" in shown.out
    assert "price gap % mean" in shown.out
    assert "From trigger to landing" in shown.out
    assert (await place.nexgent("shadow", "Shadowed", "--off", "--json")).document["enabled"] is False
    assert (await place.nexgent("shadow", "Shadowed", "--days", "0")).code == 2
