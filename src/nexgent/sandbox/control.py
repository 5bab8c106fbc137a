"""A client of the control API, for tests and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

from nexgent.shared.errors import InvalidInputError, UnavailableError
from nexgent.shared.tls import verification

_TIMEOUT_SECONDS = 30.0


class SandboxControl:
    """Change the market of a running sandbox. Usable as an async context manager.

    Every method returns the JSON answer. Raises InvalidInputError when the sandbox refuses, UnavailableError when it
    cannot be reached.
    """

    def __init__(self, base_url: str, client: httpx.AsyncClient | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._client = client or httpx.AsyncClient(
            timeout=_TIMEOUT_SECONDS, trust_env=False, verify=verification(base_url)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def set_price(
        self,
        mint: str,
        price_sol: Decimal | str,
        *,
        walk: bool = False,
        liquidity_sol: Decimal | str | None = None,
    ) -> dict[str, Any]:
        """Set the price of a token; it stays there unless it shall walk on."""
        body: dict[str, object] = {"mint": mint, "priceSol": str(price_sol), "walk": walk}
        if liquidity_sol is not None:
            body["liquiditySol"] = str(liquidity_sol)
        return await self._call("POST", "price", body)

    async def set_sol_usd(self, price_usd: Decimal | str) -> dict[str, Any]:
        """Set the price of SOL."""
        return await self._call("POST", "sol-usd", {"price": str(price_usd)})

    async def walk(self, **changes: object) -> dict[str, Any]:
        """Change the walk: enabled, volatility, intervalSeconds, advance."""
        return await self._call("POST", "walk", changes)

    async def add_tokens(
        self, tokens: Sequence[Mapping[str, object]] = (), *, generate: int = 0, replace: bool = False
    ) -> list[dict[str, Any]]:
        """Create tokens and return them with their mints."""
        body = {"tokens": [_plain(token) for token in tokens], "generate": generate, "replace": replace}
        answer = await self._call("POST", "tokens", body)
        return list(answer["tokens"])

    async def tokens(self) -> list[dict[str, Any]]:
        """Return every token with its price of now."""
        answer = await self._call("GET", "tokens")
        return list(answer["tokens"])

    async def fault(self, kind: str, endpoint: str = "*", **details: object) -> dict[str, Any]:
        """Put one fault rule in force."""
        return await self._call(
            "POST", "faults", {"rules": [_plain({"kind": kind, "endpoint": endpoint, **details})]}
        )

    async def clear_faults(self) -> dict[str, Any]:
        """Drop every fault rule."""
        return await self._call("DELETE", "faults")

    async def script_quote(self, mint: str, direction: str, **fields: object) -> dict[str, Any]:
        """Append one scripted quote."""
        quote = _plain({"mint": mint, "direction": direction, **fields})
        return await self._call("POST", "quotes", {"quotes": [quote]})

    async def clear_quotes(self) -> dict[str, Any]:
        """Forget every scripted quote."""
        return await self._call("DELETE", "quotes")

    async def fund(
        self,
        address: str,
        *,
        lamports: int | None = None,
        mint: str | None = None,
        amount: int | None = None,
        replace: bool = False,
    ) -> dict[str, Any]:
        """Add lamports or tokens to an address, or set its balance."""
        body: dict[str, object] = {"address": address, "set": replace}
        given = {"lamports": lamports, "mint": mint, "amount": amount}
        body.update({name: value for name, value in given.items() if value is not None})
        return await self._call("POST", "fund", body)

    async def state(self) -> dict[str, Any]:
        """Return slot, balances, walk and counters."""
        return await self._call("GET", "state")

    async def requests(self, last: int = 50) -> dict[str, Any]:
        """Return how often each endpoint was asked."""
        return await self._call("GET", f"requests?last={last}")

    async def advance_slots(self, slots: int) -> dict[str, Any]:
        """Jump that many slots ahead."""
        return await self._call("POST", "slots", {"advance": slots})

    async def chain(self, **changes: object) -> dict[str, Any]:
        """Change what holds on the chain: slotSeconds, orderVersion, rentLamports, secondNodeSlotsBehind, understatedBlocks …"""
        return await self._call("POST", "chain", changes)

    async def rate_limits(self, *, enabled: bool, limits: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Switch request limits."""
        return await self._call("POST", "rate-limits", {"enabled": enabled, "limits": dict(limits or {})})

    async def reset(self) -> dict[str, Any]:
        """Begin again from the settings."""
        return await self._call("POST", "reset")

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        try:
            response = await self._client.request(method, f"{self._base_url}/control/{path}", json=body)
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(f"The sandbox at {self._base_url} does not answer.") from error
        if response.status_code != httpx.codes.OK:
            raise InvalidInputError(f"The sandbox refused {path}: {answer.get('error', 'unknown reason')}")
        return dict(answer)


def _plain(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields as JSON takes them: decimals as text, so that no digit is lost."""
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in fields.items()}
