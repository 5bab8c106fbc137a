"""A sandbox started for one test, and a trader who uses it over HTTP."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from solders.keypair import Keypair
from solders.transaction import VersionedTransaction

from nexgent.sandbox.control import SandboxControl
from nexgent.sandbox.server import run_sandbox
from nexgent.sandbox.settings import SandboxSettings
from tests.patience import PATIENCE_SECONDS

SOL = "So11111111111111111111111111111111111111112"
FEED = "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"
ONE_SOL = 1_000_000_000


def quiet_settings(**changes: object) -> SandboxSettings:
    """Return settings without anything that moves by itself: no walk, no slot clock, a free port, no .env file."""
    values: dict[str, object] = {"port": 0, "tokens": 3, "walk": False, "slot_seconds": 0, "landing_slots": 0}
    values |= {"decimals": 6, "pyth_interval_seconds": 0.01} | changes
    return SandboxSettings(_env_file=None, **values)  # type: ignore[arg-type]  # values are validated on the way in


@dataclass
class Trader:
    """Somebody with a key pair."""

    url: str
    http: httpx.AsyncClient
    control: SandboxControl
    mint: str = ""
    key: Keypair = field(default_factory=Keypair)

    @property
    def address(self) -> str:
        return str(self.key.pubkey())

    async def get(self, path: str, **params: str) -> httpx.Response:
        return await self.http.get(self.url + path, params=params)

    async def order(self, side: str, amount: int, *, taker: bool = True, **more: str) -> dict[str, Any]:
        mints = (SOL, self.mint) if side == "buy" else (self.mint, SOL)
        params = {"inputMint": mints[0], "outputMint": mints[1], "amount": str(amount), **more}
        if taker:
            params["taker"] = self.address
        response = await self.get("/swap/v2/order", **params)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def sign(self, order: dict[str, Any]) -> str:
        unsigned = VersionedTransaction.from_bytes(base64.b64decode(order["transaction"]))
        signed = VersionedTransaction(unsigned.message, [self.key])
        return base64.b64encode(bytes(signed)).decode()

    async def execute(self, order: dict[str, Any], signed: str | None = None, **more: str) -> httpx.Response:
        body = {"signedTransaction": signed or self.sign(order), "requestId": order["requestId"], **more}
        return await self.http.post(self.url + "/swap/v2/execute", json=body)

    async def rpc(self, method: str, *params: object) -> Any:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return (await self.http.post(self.url + "/rpc", json=call)).json()

    async def lamports(self) -> int:
        answer = await self.rpc("getBalance", self.address, {"commitment": "confirmed"})
        return int(answer["result"]["value"])

    async def quantity(self) -> int:
        options = {"encoding": "jsonParsed", "commitment": "confirmed"}
        answer = await self.rpc("getTokenAccountsByOwner", self.address, {"mint": self.mint}, options)
        infos = [item["account"]["data"]["parsed"]["info"] for item in answer["result"]["value"]]
        return sum(int(info["tokenAmount"]["amount"]) for info in infos)

    async def status(self, signature: str) -> Any:
        answer = await self.rpc("getSignatureStatuses", [signature], {"searchTransactionHistory": True})
        return answer["result"]["value"][0]


@contextlib.asynccontextmanager
async def a_market(**changes: object) -> AsyncIterator[Trader]:
    """Start a sandbox with one token at 0.0001 SOL (1000 SOL deep) and a trader with 10 SOL."""
    async with (
        run_sandbox(quiet_settings(**changes)) as url,
        httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False, verify=False) as http,
        SandboxControl(url, http) as control,
    ):
        trader = Trader(url, http, control)
        token = {"symbol": "TEST", "priceSol": "0.0001", "liquiditySol": "1000", "decimals": 6}
        trader.mint = (await control.add_tokens([token]))[0]["mint"]
        await control.fund(trader.address, lamports=10 * ONE_SOL)
        yield trader
