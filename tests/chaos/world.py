"""A product that can be struck, and how a cell is carried out and judged."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psutil
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.chaos.grid import DROPS, KILLS, Cell, Fault, Mode, Operation
from tests.chaos.several import books
from tests.e2e.live import PAST_EXPIRY_SLOTS, START_PRICE, Trader, live_trader, only_token
from tests.e2e.product import Product, flush_redis, until

REPOSITORY = Path(__file__).resolve().parent.parent.parent
LEASE_SECONDS = 3
WRITTEN_OFF = "written off"
"""The failpoint of the commit that is a write-off."""
BEHIND_THE_BOOKS = frozenset({"publish", "cache", "broadcast"})
DRAINED_SOL = Decimal("0.0001")
"""What is left in the pool of a token that is dead."""
CONFIG: dict[Operation, dict[str, Any]] = {
    Operation.TAKE_PROFIT: {
        "takeProfit": {
            "enabled": True,
            "mode": "custom",
            "levels": [{"targetPercent": 50, "sellPercent": 40}],
            "moonBag": {"enabled": False},
        }
    },
    Operation.DCA: {
        "dca": {"enabled": True, "mode": "custom", "levels": [{"dropPercent": -10, "buyPercent": 50}]},
        "stopLoss": {"enabled": True, "mode": "fixed", "defaultPercentage": -40},
    },
}
TRIGGER = {
    Operation.STOP_LOSS: Decimal("0.5"),
    Operation.TAKE_PROFIT: Decimal("1.6"),
    Operation.DCA: Decimal("0.85"),
}
FALLS_TO = {Operation.DCA: Decimal("0.1")}
"""Of the price it was bought at. Should the position be averaged down at that price only, its stop is still above."""


class StruckProduct(Product):
    """A product whose service has failpoints."""

    modules: ClassVar[Mapping[str, str]] = {"serve": "tests.chaos.failpoints"}

    @property
    def arming(self) -> Path:
        """The file that arms a failpoint."""
        return self.folder / "failpoint.json"

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of the service."""
        return {
            **super().environment,
            "CHAOS_FILE": str(self.arming),
            "ENGINE_LEASE_SECONDS": self.settings.get("ENGINE_LEASE_SECONDS", str(LEASE_SECONDS)),
        }

    def arm(self, point: str, moment: str, *, kill: bool, behind: str | None = None) -> None:
        """Let the next call at that point be struck, or the next after another point was passed."""
        self.disarm()
        draft = self.arming.with_suffix(".new")
        plan = {"point": point, "moment": moment, "kill": kill} | ({"behind": behind} if behind else {})
        draft.write_text(json.dumps(plan))
        draft.rename(self.arming)

    def disarm(self) -> None:
        """Nothing is struck any more, and what is held at the point goes on."""
        for suffix in (".json", ".hit"):
            self.arming.with_suffix(suffix).unlink(missing_ok=True)

    async def verify(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Return what `nexgent verify --json` says."""
        return await books(self.environment, chain="--chain" in options)

    @property
    def struck(self) -> bool:
        """Tell whether the armed point was reached."""
        return self.arming.with_suffix(".hit").exists()


class World:
    """One product for many cells, each with an agent, a wallet and a token of its own."""

    def __init__(self, product: StruckProduct, keys: list[Keypair], hang_seconds: float) -> None:
        self.product = product
        self._keys = keys
        self._hang_seconds = hang_seconds
        self._number = 0

    async def run(self, cell: Cell) -> None:
        """Carry a cell out. Raises `AssertionError` when books, chain and answers do not agree afterwards."""
        async with SandboxControl(self.product.sandbox_url) as control:
            trader = await self._trader(control, cell)
            signals = []
            if cell.operation is not Operation.BUY:
                signals.append(await trader.buy())
                await trader.opened()
            lives = cell.mode is Mode.LIVE
            lost = await trader.holdings() if lives and cell.operation is Operation.WRITE_OFF else {}
            if cell.fault in DROPS:
                kind = "drop_before" if cell.fault is Fault.DROP_BEFORE else "drop_after"
                await control.fault(kind, "execute", times=1)
            family = self.product.family()
            self._arm(cell)
            trigger = asyncio.create_task(self._trigger(trader, cell.operation))
            try:
                await until(self._reached, f"{cell.moment} {cell.point} is reached")
                await self._strike(control, cell.fault, family)
            finally:
                self.product.disarm()
                with suppress(httpx.HTTPError, AssertionError):
                    found = await asyncio.wait_for(trigger, 120)
                    signals += [found] if found is not None else []
            await self._judge(trader, cell, signals, lost.get(trader.mint, 0))
            await control.clear_faults()

    def _arm(self, cell: Cell) -> None:
        point, behind = cell.point, None
        if cell.operation is Operation.WRITE_OFF:
            # Before it is written off its sale is tried, which passes by most points as well.
            point = WRITTEN_OFF if point == "settled" else point
            behind = WRITTEN_OFF if point in BEHIND_THE_BOOKS else None
        self.product.arm(point, cell.moment, kill=cell.fault in KILLS, behind=behind)

    async def _trader(self, control: SandboxControl, cell: Cell) -> Trader:
        self._number += 1
        symbol = f"C{self._number}"
        config = CONFIG.get(cell.operation, {})
        if cell.mode is Mode.LIVE:
            return await live_trader(self.product, control, str(self._keys.pop().pubkey()), symbol, config)
        mint, settings = await only_token(control, symbol, config)
        agent = await self.product.agent(f"Paper {symbol}", "10", settings)
        return Trader(self.product, control, agent, agent["wallet"], mint, START_PRICE)

    async def _trigger(self, trader: Trader, operation: Operation) -> int | None:
        if operation is Operation.BUY:
            return await trader.buy()
        if operation is Operation.CLOSE:
            position = await trader.opened()
            path = f"/agent-positions/{trader.agent['id']}/{position['id']}/close"
            await self.product.call("POST", path, {})
        elif operation is Operation.WRITE_OFF:
            # The pool is drained, the price falls through the stop, and nobody makes an offer any more.
            await trader.control.fault("missing_token", "order", mint=trader.mint)
            await trader.control.set_price(trader.mint, trader.price / 2, liquidity_sol=DRAINED_SOL)
        else:
            await trader.control.set_price(trader.mint, trader.price * TRIGGER[operation])
        return None

    async def _reached(self) -> bool:
        return self.product.struck

    async def _strike(self, control: SandboxControl, fault: Fault, family: Sequence[psutil.Process]) -> None:
        product = self.product
        match fault:
            case Fault.KILL | Fault.KILL_EXPIRED:
                await asyncio.to_thread(product.wait_for_end, family)
                if fault is Fault.KILL_EXPIRED:
                    await control.advance_slots(PAST_EXPIRY_SLOTS)
                await product.start_service()
            case Fault.KILL_WORKER:
                product.worker().kill()
            case Fault.KILL_REDIS:
                product.redis().kill()
            case Fault.KILL_POSTGRES:
                product.postgres().kill()
            case Fault.FLUSH:
                await flush_redis(product)
            case Fault.HANG:
                await asyncio.sleep(self._hang_seconds)
            case Fault.FREEZE:
                os.kill(product.service.pid, signal.SIGSTOP)
                try:
                    await asyncio.sleep(LEASE_SECONDS + 1)
                finally:
                    os.kill(product.service.pid, signal.SIGCONT)
            case Fault.DROP_BEFORE | Fault.DROP_AFTER:
                pass

    async def _judge(self, trader: Trader, cell: Cell, signals: list[int], lost_raw: int) -> None:
        """Wait until everything has come to rest and agrees; then leave what is held, and look once more.

        `lost_raw` is what the chain holds of a token that the books will have written off.
        """
        product = self.product
        await until(self._ready, "the service is ready")
        for signal_id in signals:
            await until(partial(self._decided, trader, signal_id), f"signal {signal_id} is decided")
        if cell.operation is Operation.WRITE_OFF:
            await trader.flat()
            reasons = [trade["closeReason"] for trade in await product.closed(trader.agent["id"])]
            assert reasons == ["write_off"], f"closed by {reasons}"
        await self._agrees(trader, cell, lost_raw)
        if cell.operation is Operation.BUY and cell.mode is Mode.LIVE:
            assert len(await trader.landed()) <= 1, "bought twice"
        if await trader.position() is not None:
            await trader.control.set_price(
                trader.mint, trader.price * FALLS_TO.get(cell.operation, Decimal("0.5"))
            )
            if cell.fault is Fault.DROP_BEFORE:
                await trader.control.advance_slots(PAST_EXPIRY_SLOTS)
            await trader.flat()
            await self._agrees(trader, cell, lost_raw)
        if cell.operation is Operation.STOP_LOSS:
            assert await product.closed(trader.agent["id"]), "an exit that was triggered is forgotten"

    async def _ready(self) -> bool:
        url = f"{self.product.url}/api/v1/health/ready"
        return (await self.product.http.get(url)).status_code == 200

    async def _decided(self, trader: Trader, signal_id: int) -> bool:
        decisions = await self.product.decisions(signal_id)
        return any(one["agentId"] == trader.agent["id"] for one in decisions)

    async def _agrees(self, trader: Trader, cell: Cell, lost_raw: int) -> None:
        """Chain = journal = tables = REST = the snapshot on the WebSocket."""
        differences = "nothing was compared"

        async def agreed() -> bool:
            nonlocal differences
            try:
                differences = await self._differences(trader, cell, lost_raw)
            except httpx.HTTPError as error:
                differences = repr(error)
            return not differences

        try:
            await until(agreed, "chain, journal, tables, REST and WebSocket agree")
        except AssertionError as error:
            raise AssertionError(f"{differences} ({error})") from None

    async def _differences(self, trader: Trader, cell: Cell, lost_raw: int) -> str:
        if cell.mode is Mode.LIVE:
            booked, chain = await trader.booked(), await trader.holdings()
            if lost_raw:
                booked[trader.mint] = booked.get(trader.mint, 0) + lost_raw
            if booked != chain:
                return f"booked {booked}, on the chain {chain}"
            swaps, landed = await trader.swaps(), await trader.landed()
            if swaps != landed:
                return f"booked swaps {swaps}, landed {landed}"
        listed = sorted(one["id"] for one in await self.product.positions(trader.agent["id"]))
        shown = await self._snapshot(trader)
        if listed != shown:
            return f"positions over REST {listed}, in the snapshot {shown}"
        code, report = await self.product.verify(*(["--chain"] if cell.mode is Mode.LIVE else []))
        return "" if code == 0 else f"verify: {report}"

    async def _snapshot(self, trader: Trader) -> list[str]:
        await self.product.login()
        async with self.product.follow(trader.agent["id"]) as frames:
            frame = await frames.next(lambda one: one["type"] == "initial_data", "the snapshot")
        return sorted(one["id"] for one in frame["data"]["positions"])


@asynccontextmanager
async def struck_world(folder: Path, wallets: int, hang_seconds: float) -> AsyncIterator[World]:
    """Run a product with that many wallets for live cells."""
    keys = [Keypair() for _ in range(wallets)]
    product = StruckProduct(folder, {f"WALLET_{n}": str(key) for n, key in enumerate(keys, 1)})
    await product.start_sandbox()
    try:
        await product.start_service()
        await product.login()
        yield World(product, keys, hang_seconds)
    finally:
        product.disarm()
        await product.stop()
