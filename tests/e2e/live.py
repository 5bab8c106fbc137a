"""A live agent of the product whose books are held against the sandbox's chain."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import SOL_MINT, Product, until

ONE_SOL = 10**9
FUNDS_SOL = 10
START_PRICE = Decimal("0.001")
# Far beyond the 150 blocks for which a transaction stays valid.
PAST_EXPIRY_SLOTS = 400


@dataclass
class Trader:
    """A live agent that buys one token only, with a wallet of its own that holds some SOL on the chain."""

    product: Product
    control: SandboxControl
    agent: dict[str, Any]
    wallet: str
    mint: str
    price: Decimal
    signals: int = 0

    async def holdings(self) -> dict[str, int]:
        """Return what the chain says the wallet holds, in base units."""
        account = (await self.control.state())["accounts"][self.wallet]
        held = {SOL_MINT: int(account["lamports"]), **{m: int(n) for m, n in account["tokens"].items()}}
        return {mint: amount for mint, amount in held.items() if amount}

    async def booked(self) -> dict[str, int]:
        """Return the same as the product has it."""
        decimals = {token["mint"]: token["decimals"] for token in await self.product.tokens()} | {SOL_MINT: 9}
        rows = await self.product.call("GET", f"/agent-balances?agentId={self.agent['id']}")
        held = {
            row["tokenAddress"]: int(Decimal(row["balance"]).scaleb(decimals[row["tokenAddress"]]))
            for row in rows
            if row["walletAddress"] == self.wallet
        }
        return {mint: amount for mint, amount in held.items() if amount}

    async def landed(self) -> list[str]:
        """Return the signatures of the wallet's successful swaps on the chain."""
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "getSignaturesForAddress",
            "params": [self.wallet, {"commitment": "confirmed"}],
        }
        answer = (await self.product.http.post(f"{self.product.sandbox_url}/rpc", json=call)).json()
        return sorted(one["signature"] for one in answer["result"] if one["err"] is None)

    async def swaps(self) -> list[str]:
        """Return the signatures of the swaps that are booked, each as often as it is."""
        rows = await self.product.call("GET", f"/agent-transactions?agentId={self.agent['id']}&limit=1000")
        return sorted(row["transactionHash"] for row in rows if row["transactionType"] == "SWAP")

    async def position(self) -> dict[str, Any] | None:
        """Return the open position."""
        found = await self.product.positions(self.agent["id"])
        return found[0] if found else None

    async def buy(self) -> int:
        """Post a signal only this agent follows."""
        self.signals += 1
        return await self.product.signal(self.mint, kind=f"TEST-{self.signals}")

    async def fall(self) -> None:
        """Let the price fall through the stop."""
        await self.control.set_price(self.mint, self.price / 2)

    async def opened(self) -> dict[str, Any]:
        """Wait for the position."""
        position: dict[str, Any] = await until(self.position, "the position is open")
        return position

    async def flat(self) -> dict[str, Any]:
        """Wait for the closed trade."""

        async def closed() -> dict[str, Any] | None:
            trades = await self.product.closed(self.agent["id"])
            return trades[0] if trades and await self.position() is None else None

        try:
            trade: dict[str, Any] = await until(closed, "the position is sold")
        except AssertionError as error:
            raise AssertionError(f"{error}; held: {await self.position()}") from None
        return trade

    async def check(self, swaps: int) -> None:
        """Hold the ledger against the chain: the same balances, each landed swap booked once, and clean books."""

        async def agreed() -> bool:
            return await self.booked() == await self.holdings() and await self.swaps() == await self.landed()

        try:
            await until(agreed, "ledger and chain agree")
        except AssertionError:
            assert await self.booked() == await self.holdings()
            assert await self.swaps() == await self.landed()
        assert len(await self.landed()) == swaps
        code, report = await self.product.verify()
        assert code == 0, report


async def only_token(
    control: SandboxControl, symbol: str, config: dict[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return a token of its own, and the configuration of an agent that buys nothing else; `config` is added to it."""
    token = {"symbol": symbol, "priceSol": str(START_PRICE), "liquiditySol": "1000", "decimals": 6}
    mint = (await control.add_tokens([token]))[0]["mint"]
    return mint, {
        "signals": {"tokenFilterMode": "whitelist", "tokenList": [mint]},
        "positionCalculator": {"randomization": {"enabled": False}},
        **(config or {}),
    }


async def live_agent(
    product: Product,
    control: SandboxControl,
    wallet: str,
    name: str,
    config: dict[str, Any],
    funds_sol: int = FUNDS_SOL,
) -> dict[str, Any]:
    """Return a live agent with a wallet that holds some SOL on the chain; the key has to be loaded."""
    await control.fund(wallet, lamports=funds_sol * ONE_SOL)
    agent: dict[str, Any] = await product.call(
        "POST", "/agents", {"name": name, "tradingMode": "live"}, expect=201
    )
    await product.call("PATCH", f"/agents/{agent['id']}/config", {"config": config})
    body = {"agentId": agent["id"], "walletAddress": wallet, "walletType": "live"}
    await product.call("POST", "/wallets/assign", body, expect=201)
    await product.call("POST", f"/wallets/{wallet}/check-deposits", {"agentId": agent["id"]})
    return agent


async def live_trader(
    product: Product, control: SandboxControl, wallet: str, symbol: str, config: dict[str, Any] | None = None
) -> Trader:
    """Return a live agent with a token and a funded wallet of its own; the key has to be loaded. `config` is added to its own."""
    mint, settings = await only_token(control, symbol, config)
    agent = await live_agent(product, control, wallet, f"Live {symbol}", settings)
    trader = Trader(product, control, agent, wallet, mint, START_PRICE)
    assert await trader.booked() == {SOL_MINT: FUNDS_SOL * ONE_SOL}
    return trader


async def outcome(trader: Trader, signal_id: int) -> tuple[str, str | None]:
    """Return what became of a signal for the agent, when it is decided: outcome and code."""

    async def decided() -> dict[str, Any] | None:
        decisions = await trader.product.decisions(signal_id)
        own = [one for one in decisions if one["agentId"] == trader.agent["id"]]
        return own[0] if own and own[0]["outcome"] != "PENDING" else None

    decision = await until(decided, "the signal is decided")
    return decision["outcome"], decision["code"]
