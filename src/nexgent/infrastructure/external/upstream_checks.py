"""One small request to each upstream service, and what its answer says of key, address and clock. Nothing secret is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from nexgent.config.sections import MarketSettings
from nexgent.infrastructure.external.pyth.updates import SOL_USD_FEED_ID
from nexgent.shared.findings import Finding, Verdict, looked_at
from nexgent.shared.money import SOL_MINT

SECONDS = 3.0
MAX_CLOCK_SECONDS = 5.0


def clock(offsets: Mapping[str, float]) -> Finding:
    """Judge this machine's clock by what the upstreams say (seconds we are ahead)."""
    if not offsets:
        return Finding("clock", Verdict.WARN, "nobody to compare with", "")
    host, offset = min(offsets.items(), key=lambda item: abs(item[1]))
    found = f"{offset:+.0f} s against {host}"
    if abs(offset) <= MAX_CLOCK_SECONDS:
        return Finding("clock", Verdict.OK, found)
    return Finding("clock", Verdict.FAIL, found, "Set the clock; prices and tokens are judged by their age")


_PYTH_OPTIONAL = "PYTH_API_KEY is optional; without it SOL/USD comes from the other sources"


class Upstreams:
    """One small request to each upstream service."""

    def __init__(self, market: MarketSettings, http: httpx.AsyncClient) -> None:
        self._market = market
        self._http = http
        self.offsets: dict[str, float] = {}

    async def all(self) -> Sequence[Finding]:
        """Ask each of them, in the order in which they are shown."""
        return await asyncio.gather(
            looked_at("Jupiter", self.jupiter()),
            looked_at("DexScreener", self.dexscreener()),
            looked_at("Pyth", self.pyth()),
            looked_at("Solana RPC", self.solana()),
        )

    async def jupiter(self) -> Finding:
        key = self._market.jupiter_api_key
        base = self._market.jupiter_price_url or f"{self._market.jupiter_base_url}/price/v3"
        headers = {"x-api-key": key.get_secret_value()} if key is not None else {}
        advice = "" if key is not None else "Set JUPITER_API_KEY; without it real trading is not possible"
        return await self._ask("Jupiter", "GET", base, {"ids": SOL_MINT}, headers, key is not None, advice)

    async def dexscreener(self) -> Finding:
        url = f"{self._market.dexscreener_base_url}/tokens/v1/solana/{SOL_MINT}"
        return await self._ask("DexScreener", "GET", url, {}, {}, None, "")

    async def pyth(self) -> Finding:
        key = self._market.pyth_api_key
        url = f"{self._market.pyth_hermes_url}/v2/updates/price/latest"
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key is not None else {}
        advice = "" if key is not None else _PYTH_OPTIONAL
        query = {"ids[]": SOL_USD_FEED_ID}
        return await self._ask(
            "Pyth", "GET", url, query, headers, key is not None, advice, refused=_pyth_refused
        )

    async def solana(self) -> Finding:
        url = self._market.solana_rpc_url.get_secret_value()
        return await self._ask("Solana RPC", "POST", url, {}, {}, None, "")

    async def witnesses(self) -> list[Finding]:
        """Ask each further node, and whether it serves the chain that the first one does."""
        urls = self._market.witness_urls
        if not urls:
            return []
        first, *theirs = await asyncio.gather(
            self._genesis(self._market.solana_rpc_url.get_secret_value()), *map(self._genesis, urls)
        )
        asked = await asyncio.gather(
            *(
                self._ask(_witness_name(number, len(urls)), "POST", url, {}, {}, None, "")
                for number, url in enumerate(urls, 1)
            )
        )
        return [
            replace(
                finding,
                verdict=Verdict.FAIL,
                found=f"{finding.found}, but not from the chain of SOLANA_RPC_URL",
                advice="Correct SOLANA_RPC_WITNESS_URL: a node of another chain confirms nothing",
            )
            if finding.verdict is Verdict.OK and first is not None and genesis != first
            else finding
            for finding, genesis in zip(asked, theirs, strict=True)
        ]

    async def _genesis(self, url: str) -> str | None:
        """Return what tells a node's chain from others, None when it does not say."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "getGenesisHash"}
        try:
            async with asyncio.timeout(SECONDS):
                told = (await self._http.post(url, json=body)).json()["result"]
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError, KeyError, TypeError):
            return None
        return str(told)

    async def _ask(
        self,
        name: str,
        method: str,
        url: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        has_key: bool | None,
        keyless_advice: str,
        refused: Callable[[httpx.Response, bool], tuple[Verdict, str]] | None = None,
    ) -> Finding:
        key = {None: "", True: ", key set", False: ", no key"}[has_key]
        host = urlsplit(url).hostname or "?"
        body = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"} if method == "POST" else None
        started = time.perf_counter()
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._http.request(
                    method, url, params=query or None, headers=headers, json=body
                )
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            found = f"{host} does not answer ({type(error).__name__}){key}"
            return Finding(
                name, Verdict.FAIL, found, "Check the network, a proxy, and the address in the settings"
            )
        self._note_time(host, answer)
        found = (
            f"{host} answered {answer.status_code} in {(time.perf_counter() - started) * 1000:.0f} ms{key}"
        )
        match answer.status_code:
            case 200:
                local = host in ("localhost", "127.0.0.1", "::1")
                lacking = has_key is False and not local
                return Finding(
                    name, Verdict.WARN if lacking else Verdict.OK, found, keyless_advice if lacking else ""
                )
            case 401 | 403 | 404 if refused is not None:
                verdict, advice = refused(answer, bool(has_key))
                return Finding(name, verdict, found, advice)
            case 401 | 403:
                advice = "The key is refused; check it" if has_key else keyless_advice or "Access is refused"
                return Finding(name, Verdict.FAIL, found, advice)
            case 429:
                return Finding(name, Verdict.WARN, found, keyless_advice or "Its rate limit is reached; wait")
            case _:
                return Finding(name, Verdict.FAIL, found, "Check its address, or wait until it works again")

    def _note_time(self, host: str, answer: httpx.Response) -> None:
        try:
            theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return
        self.offsets[host] = time.time() - theirs


def _witness_name(number: int, of: int) -> str:
    return "Solana witness" if of == 1 else f"Solana witness {number}"


def _pyth_refused(answer: httpx.Response, has_key: bool) -> tuple[Verdict, str]:
    """Tell the three refusals apart: nobody asked with a key, the key is wrong, the key has no right to this feed."""
    if answer.status_code == httpx.codes.NOT_FOUND and not _speaks_of_rights(answer):
        return Verdict.FAIL, "Check PYTH_HERMES_URL"
    if not has_key:
        return Verdict.WARN, f"No key: {_PYTH_OPTIONAL}"
    if _speaks_of_rights(answer) or answer.status_code == httpx.codes.FORBIDDEN:
        return (
            Verdict.WARN,
            "Not entitled: the key's plan lacks the SOL/USD feed; SOL/USD comes from the other sources",
        )
    return (
        Verdict.FAIL,
        "Wrong key: Pyth does not know PYTH_API_KEY. Correct it, or leave it empty: it is optional",
    )


def _speaks_of_rights(answer: httpx.Response) -> bool:
    return "not entitled" in answer.text.lower()
