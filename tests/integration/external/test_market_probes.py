"""Whether a token has a market, asked of the sandbox over HTTP."""

from __future__ import annotations

from nexgent.domain.trading.rules.liquidity import MarketVerdict
from nexgent.infrastructure.external.dexscreener.feed import DexScreenerPriceFeed
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.tokens import JupiterTokenMetrics
from nexgent.infrastructure.external.market_probes import DexScreenerMarketProbe, JupiterMarketProbe
from nexgent.sandbox.control import SandboxControl
from nexgent.sandbox.server import run_sandbox
from nexgent.sandbox.settings import SandboxSettings
from nexgent.shared.clock import SystemClock
from nexgent.shared.types import TokenAddress


async def test_alive_dead_and_unknown_are_three_things() -> None:
    clock = SystemClock()
    async with run_sandbox(SandboxSettings(port=0, walk=False)) as url, HttpClient() as http:
        control = SandboxControl(url)
        tokens = [TokenAddress(str(token["mint"])) for token in (await control.tokens())[:2]]
        dex = DexScreenerPriceFeed(http=http, clock=clock, base_url=url, requests_per_minute=0)
        jupiter = JupiterApi(http=http, clock=clock, base_url=url, requests_per_minute=0)
        metrics = JupiterTokenMetrics(jupiter, clock, cache_seconds=0)
        probes = (DexScreenerMarketProbe(dex.upstream, clock), JupiterMarketProbe(metrics, clock))

        for probe in probes:
            assert [one.verdict for one in await probe.read(tokens)] == [MarketVerdict.ALIVE] * 2

        thin = {
            "mint": tokens[0],
            "symbol": "THIN",
            "priceSol": "0.001",
            "liquiditySol": "0.01",
            "decimals": 6,
        }
        await control.add_tokens([thin])
        for probe in probes:
            assert [one.verdict for one in await probe.read(tokens)] == [
                MarketVerdict.DEAD,
                MarketVerdict.ALIVE,
            ]

        await control.fault("status", "*", status=503)
        for probe in probes:
            assert [one.verdict for one in await probe.read(tokens)] == [MarketVerdict.UNKNOWN] * 2
        await control.aclose()
