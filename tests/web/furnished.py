"""A service in which every page of the dashboard has something to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until

PASSPHRASE = "seven green lamps at noon"


@dataclass(frozen=True)
class Furnished:
    """What stands in the addresses of pages."""

    agent_id: str
    live_agent_id: str
    signal_id: int
    mint: str
    symbol: str

    def paths(self) -> dict[str, str]:
        """Return the address of every page by its name."""
        agent = f"/agents/{self.agent_id}"
        return {
            "overview": "/",
            "agents": "/agents",
            **{f"agent-{tab}": f"{agent}/{tab}" for tab in _AGENT_TABS},
            "live-agent": f"/agents/{self.live_agent_id}",
            "live-agent-wallet": f"/agents/{self.live_agent_id}/wallet",
            "tokens": "/tokens",
            "token": f"/tokens/{self.mint}?symbol={self.symbol}",
            "signals": "/signals",
            "signal": f"/signals/{self.signal_id}",
            "webhooks": "/signals/webhooks",
            "history": "/history",
            "history-transactions": "/history/transactions",
            "wallets": "/access/wallets",
            "keys": "/access/keys",
            "notifications": "/access/notifications",
            "sessions": "/access/sessions",
            "users": "/access/users",
            "system": "/system",
            "unknown": "/nowhere",
            "unknown-agent": "/agents/7d5b210e-51a4-4d2c-956b-f89f771b9181",
        }


_AGENT_TABS = ("positions", "trades", "performance", "wallet", "configuration", "protections", "settings")
_LIMITED = {
    "positionCalculator": {"randomization": {"enabled": False}},
    "protections": {"maxTradesPerHour": 50},
}

_OTHERS = ("Momentum", "Breakouts", "Patient", "Careful", "Night shift", "New listings", "Dips", "Long haul")


async def furnish(product: Product) -> Furnished:
    """Let an agent buy, sell and be limited, and make one of everything else."""
    held, sold = await two_tokens(product)
    agent = await product.agent("Scout", "10", _LIMITED)
    position = await buy(product, agent["id"], sold)
    where = f"/agents/{agent['id']}/positions/{position['id']}"
    await product.call("POST", f"{where}/sell-part", {"percent": "40"})
    await product.call("POST", f"{where}/close", {"reason": "manual"})
    # Enough of them that a signal's columns do not fit on any screen.
    for name in _OTHERS:
        await product.call("POST", "/agents", {"name": name}, expect=201)
    signal_id = await product.signal(held["mint"], held["symbol"], kind="BREAKOUT")
    await until(lambda: product.positions(agent["id"]), "the signal is followed")
    await until(lambda: product.closed(agent["id"]), "the closed trade is listed")

    live = await product.call("POST", "/agents", {"name": "Real", "tradingMode": "live"}, expect=201)
    wallet: dict[str, Any] = {"agentId": live["id"], "passphrase": PASSPHRASE}
    await product.call("POST", "/wallets", wallet, expect=201)
    webhook = {"name": "Alerts", "template": {"tokenAddress": "{{ticker}}", "signalType": "Breakout"}}
    await product.call("POST", "/signal-webhooks", webhook, expect=201)
    await product.call("POST", "/api-keys", {"name": "Bot", "scopes": ["signals"]}, expect=201)
    target = {"name": "Books", "channel": "webhook", "url": "https://books.example/nexgent", "enabled": False}
    await product.call("POST", "/notifications/targets", target, expect=201)
    return Furnished(agent["id"], live["id"], signal_id, held["mint"], held["symbol"])


async def two_tokens(product: Product) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put two tokens on the market that nobody has traded yet."""
    token = {"priceSol": "0.001", "liquiditySol": "1000", "decimals": 6, "walk": True}
    async with SandboxControl(product.sandbox_url) as control:
        first, second = await control.add_tokens([{"symbol": "HELD", **token}, {"symbol": "SOLD", **token}])
    return first, second


async def buy(
    product: Product, agent_id: str, token: dict[str, Any], size_sol: str = "0.5"
) -> dict[str, Any]:
    """Buy a token as somebody does by hand; return the position."""
    order = {
        "agentId": agent_id,
        "tokenAddress": token["mint"],
        "tokenSymbol": token["symbol"],
        "positionSize": size_sol,
    }
    await product.call("POST", "/trades/execute", order)
    positions = await product.positions(agent_id)
    return next(one for one in positions if one["tokenAddress"] == token["mint"])
