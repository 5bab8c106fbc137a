"""`nexgent watch`: an agent's positions, live, over the WebSocket."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import websockets
from rich.console import Console, RenderableType
from rich.live import Live

from nexgent.cli import exit_codes
from nexgent.cli.agents import AgentUnknownError, add_agent_option, find_agent
from nexgent.cli.api_client import (
    ApiClient,
    LoginFailedError,
    NotAServiceError,
    ServiceUnreachableError,
    add_connection_options,
)
from nexgent.cli.running import end_on_signals, load_settings, run_async
from nexgent.cli.screen import Screen
from nexgent.cli.watch_view import RESERVED_LINES, AgentView, render, render_screen, status_line
from nexgent.config.settings import Settings
from nexgent.shared.backoff import Backoff
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT

REFRESH_SECONDS = 0.25
BALANCE_SECONDS = 15.0
OPEN_SECONDS = 10.0
SILENCE_SECONDS = 75.0
"""The service asks for a sign of life every 30 s; when nothing at all comes for so long, the connection is dead."""
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0
MAX_REFUSALS = 3
MAX_FRAME_BYTES = 256 * 1024 * 1024
TRADES_AT_START = 1000
TRADES_AFTER_CLOSE = 50
KEPT_EVENTS = 50
UNAUTHORIZED = 401
POLICY_VIOLATION = 1008


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_agent_option(parser, "the demo's, else the newest")
    parser.add_argument(
        "--plain", action="store_true", help="print one line per event (as it does when not in a terminal)"
    )
    parser.add_argument("--once", action="store_true", help="print the present state and end")
    add_connection_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Follow until Ctrl-C."""
    settings = load_settings(level="error")
    try:
        run_async(_watch(arguments, settings))
    except asyncio.CancelledError:
        return exit_codes.INTERRUPTED
    return exit_codes.OK


async def _watch(arguments: argparse.Namespace, settings: Settings) -> None:
    # The terminal is left as it was found.
    end_on_signals()
    console = Screen(highlight=False)
    async with ApiClient.of(arguments, settings) as api:
        agent = await find_agent(api, arguments.agent, any_will_do=True)
        view = AgentView(str(agent["name"]), str(agent["id"]))
        if arguments.once:
            follower = Follower(api, view, lambda _: None)
            await follower.snapshot()
            console.print(render(view, datetime.now(UTC), max_rows=1_000_000))
        elif arguments.plain or not console.is_terminal or console.is_dumb_terminal:
            await _follow_plain(api, view)
        else:
            await follow_live(api, view, _live_console())


async def _follow_plain(api: ApiClient, view: AgentView) -> None:
    def say(line: str) -> None:
        print(f"{datetime.now().astimezone():%H:%M:%S} {line}", flush=True)

    shown = ""

    def changed() -> None:
        nonlocal shown
        line = status_line(view)
        if line != shown:
            say(line)
            shown = line

    await Follower(api, view, say, on_status=changed).run()


async def follow_live(api: ApiClient, view: AgentView, console: Console) -> None:
    """Show the agent on a screen of its own, which any change of the terminal's size leaves whole.

    What was on the terminal before comes back at the end, with the last picture below it.
    """
    events: deque[str] = deque(maxlen=KEPT_EVENTS)

    def say(line: str) -> None:
        # Prices and stops are seen in the table.
        if not line.startswith(("price ", "stop ", "holds ")):
            events.append(f"{datetime.now().astimezone():%H:%M:%S} {line}")

    def picture() -> RenderableType:
        return render_screen(view, datetime.now(UTC), list(events), console=console)

    try:
        with Live(picture(), console=console, auto_refresh=False, screen=True) as live:
            async with _running(Follower(api, view, say).run()) as following:
                while not following.done():
                    live.update(picture(), refresh=True)
                    await asyncio.wait({following}, timeout=REFRESH_SECONDS)
                await following
    finally:
        for event in events:
            console.print(event, markup=False)
        console.print(render(view, datetime.now(UTC), max_rows=max(1, console.height - RESERVED_LINES)))


def _live_console() -> Console:
    """Return a console that asks the terminal for its size each time: COLUMNS and LINES are those of its beginning."""
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    return Screen(highlight=False, _environ=environment)


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[asyncio.Task[None]]:
    task: asyncio.Task[None] = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


class Follower:
    """Keeps a view current: connects, reconnects with patience, logs in again when the token has run out."""

    def __init__(
        self,
        api: ApiClient,
        view: AgentView,
        say: Callable[[str], None],
        *,
        on_status: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._view = view
        self._say = say
        self._on_status = on_status
        self._wanted = asyncio.Event()
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        self._refusals = 0
        self._seen_trades = False

    async def snapshot(self) -> None:
        """Fill the view once. Raises `NexgentError` when the service cannot be followed."""
        try:
            async with asyncio.timeout(OPEN_SECONDS), self._connect() as connection:
                while not self._view.loaded:
                    self._view.apply(json.loads(await connection.recv(), parse_float=Decimal))
        except (TimeoutError, OSError, websockets.WebSocketException) as error:
            raise NexgentError(f"The service cannot be followed: {_said(error)}") from None
        await self._refresh()
        self._view.connection = "connected"

    async def run(self) -> None:
        """Follow for ever. Raises `NexgentError` when going on makes no sense."""
        async with _running(self._keep_fresh()):
            while True:
                try:
                    await self._follow()
                except (
                    OSError,
                    TimeoutError,
                    websockets.WebSocketException,
                    ServiceUnreachableError,
                ) as error:
                    await self._recover(error)

    async def _follow(self) -> None:
        async with self._connect() as connection:
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    text = await connection.recv()
                frame = json.loads(text, parse_float=Decimal)
                if frame.get("type") == "ping":
                    await connection.send(json.dumps({"type": "pong", "timestamp": frame.get("timestamp")}))
                    continue
                for line in self._view.apply(frame):
                    self._say(line)
                if frame.get("type") in ("initial_data", "position_update"):
                    self._backoff.reset()
                    self._refusals = 0
                    self._view.connection = "connected"
                    self._wanted.set()

    def _connect(self) -> websockets.connect:
        query = urlencode({"token": self._api.token, "agentId": self._view.agent_id})
        # http:// becomes ws://, https:// becomes wss://.
        address = f"ws{self._api.url.removeprefix('http')}/ws?{query}"
        return websockets.connect(
            address,
            open_timeout=OPEN_SECONDS,
            close_timeout=1.0,
            ping_interval=None,
            max_size=MAX_FRAME_BYTES,
        )

    async def _recover(self, error: Exception) -> None:
        """Decide what a broken connection means: give up, log in again at once, or wait and try again."""
        close = getattr(error, "rcvd", None)
        if close is not None and close.code == POLICY_VIOLATION and close.reason == "Agent not found":
            raise AgentUnknownError(f"The agent {self._view.name} does not exist any more")
        expired = close is not None and close.code == POLICY_VIOLATION
        refused = isinstance(error, websockets.InvalidStatus) and error.response.status_code == UNAUTHORIZED
        if (expired or refused) and await self._log_in() and not self._backoff.failures:
            self._backoff.failed()
            return
        self._view.connection = f"not connected ({_said(error)}), trying again"
        self._on_status()
        await self._backoff.wait()

    async def _log_in(self) -> bool:
        try:
            await self._api.log_in()
        except LoginFailedError:
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS:
                raise
            return False
        except (ServiceUnreachableError, NotAServiceError):
            return False
        return True

    async def _keep_fresh(self) -> None:
        """Fetch what no frame tells, the balance and the closed trades: after each trade, and now and then."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BALANCE_SECONDS):
                    await self._wanted.wait()
            self._wanted.clear()
            if self._view.loaded:
                # While the service is away, the connection's own state says so.
                with suppress(NexgentError):
                    await self._refresh()
                    self._on_status()

    async def _refresh(self) -> None:
        agent = self._view.agent_id
        limit = TRADES_AFTER_CLOSE if self._seen_trades else TRADES_AT_START
        trades = await self._api.call("GET", f"/agent-historical-swaps?agentId={agent}&limit={limit}")
        for line in self._view.closed_trades(trades, announce=self._seen_trades):
            self._say(line)
        self._seen_trades = True
        balances = await self._api.call("GET", f"/agent-balances?agentId={agent}")
        self._view.sol_balance = sum(
            (Decimal(str(row["balance"])) for row in balances if row["tokenAddress"] == SOL_MINT), Decimal(0)
        )


def _said(error: Exception) -> str:
    """Return what happened without the address, which holds the token."""
    close = getattr(error, "rcvd", None)
    if close is not None:
        return str(close.reason or f"closed with {close.code}")
    if isinstance(error, websockets.InvalidStatus):
        return f"status {error.response.status_code}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return "no connection" if isinstance(error, OSError) else type(error).__name__
