"""What the bot asks of the running service, by its API key, and how refusals are told to people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote, urlencode

from nexgent.cli.api_client import KeyClient, NoAnswerError, RefusalError, ServiceUnreachableError
from nexgent.cli.telegram_bot.texts import Failed, Part
from nexgent.shared.errors import NexgentError

SELL_SECONDS = 120.0
"""A live sale waits for the chain; one that takes longer is told as not known yet."""
ATTEMPTS = 3
PAUSE_SECONDS = 1.0
AT_ONCE = 8
"""Requests of one answer side by side."""

SCOPES = ("overview", "agents", "positions", "signals_read", "kill_switch", "trading")
"""What the bot's key needs for everything it can do."""
READING = SCOPES[:4]
"""The same for a bot that only answers questions."""


class Service:
    """The API, in the words of the bot. Everything raises `NexgentError`."""

    def __init__(self, client: KeyClient) -> None:
        self._client = client
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def health(self) -> Any:
        """Return the whole picture, also of a service that is not well."""
        return await self._client.call("GET", "/health", taken=(503,))

    async def switches(self) -> Any:
        """Return whether entries are stopped, by the user and by the system."""
        return await self._client.call("GET", "/protections/kill-switch")

    async def set_switch(self, *, engaged: bool, reason: str | None) -> Any:
        """Stop entries or allow them; return both switches.

        Stopping twice is stopping once, so that is tried again. To allow them is not: a stop may have come in between. Raises
        `NoAnswerError` also when it was an earlier attempt that was not answered: it may have been done then.
        """
        body = {"engaged": engaged, "scope": "user", "reason": reason}
        unanswered: NoAnswerError | None = None
        for left in reversed(range(ATTEMPTS if engaged else 1)):
            try:
                return await self._client.call("PUT", "/protections/kill-switch", body)
            except NexgentError as error:
                unanswered = error if isinstance(error, NoAnswerError) else unanswered
                if not left or not isinstance(error, ServiceUnreachableError):
                    raise unanswered or error from None
                await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError("the last attempt returns or raises")

    async def sol_price(self) -> Any:
        """Return USD per SOL and how old that is."""
        return await self._client.call("GET", "/price-feeds/sol-usd")

    async def notices(self) -> Any:
        """Return what needs attention."""
        return await self._client.call("GET", "/overview/attention")

    async def overview(self, mode: str, time_zone: str) -> Any:
        """Return all agents in a mode together."""
        return await self._client.call("GET", f"/overview?{urlencode({'mode': mode, 'timezone': time_zone})}")

    async def agents(self) -> list[Any]:
        """Return the agents, newest first."""
        found: list[Any] = await self._client.call("GET", "/agents")
        return found

    async def performance(self, agent_id: str) -> Any:
        """Return the figures of an agent."""
        async with self._gate:
            return await self._client.call("GET", f"/agents/{quote(agent_id, safe='')}/performance")

    async def remaining(self) -> Any:
        """Return what is open, of all agents: 500 at most, and how many there are."""
        return await self._client.call("GET", "/protections/panic")

    async def positions(self, agent_id: str) -> list[Any]:
        """Return the open positions of an agent with their figures."""
        async with self._gate:
            found: list[Any] = await self._client.call("GET", f"/agent-positions/{quote(agent_id, safe='')}")
            return found

    async def preview_sale(self, agent_id: str, position_id: str) -> Any:
        """Return what selling a whole position would bring now."""
        return await self._client.call("POST", f"{_position(agent_id, position_id)}/preview-sale", {})

    async def sell(self, agent_id: str, position_id: str, token: str) -> Any:
        """Sell a whole position. `token` names the order: with the same one nothing is sold twice."""
        return await self._client.call(
            "POST",
            f"{_position(agent_id, position_id)}/close",
            {"reason": "manual"},
            idempotency_key=f"telegram-{token}",
            timeout_seconds=SELL_SECONDS,
        )

    async def signal(self, signal_id: int) -> Any:
        """Return a signal."""
        return await self._client.call("GET", f"/trading-signals/{signal_id}")

    async def signals(self, *, token: str | None = None, limit: int = 1) -> list[Any]:
        """Return the newest signals, of one token or of all."""
        wanted = {"limit": limit} | ({"tokenAddress": token} if token is not None else {})
        found: list[Any] = await self._client.call("GET", f"/trading-signals?{urlencode(wanted)}")
        return found

    async def decisions(self, signal_id: int) -> Any:
        """Return what every agent made of a signal."""
        return await self._client.call("GET", f"/trading-signals/{signal_id}/decisions")


def _position(agent_id: str, position_id: str) -> str:
    return f"/agents/{quote(agent_id, safe='')}/positions/{quote(position_id, safe='')}"


async def part(asked: Awaitable[Any]) -> Part:
    """Return an answer, or why there is none: the rest is told all the same."""
    try:
        return await asked
    except NexgentError as error:
        return Failed(problem(error))


def problem(error: NexgentError) -> str:
    """Return what is wrong, for somebody far from the machine."""
    match error:
        case RefusalError(status=401):
            return "The service does not take my API key any more (deleted or expired); `nexgent telegram --make-key` makes one."
        case RefusalError(status=429):
            return "The service has had too many requests in the last minute. Try again in a moment."
        case NoAnswerError():
            return "The service has not answered in time."
        case ServiceUnreachableError():
            return "The service cannot be reached."
    return error.message
