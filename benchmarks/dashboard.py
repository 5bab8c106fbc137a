"""The dashboard in the system's browser: what is sent, how soon something is seen, and what a thousand open positions cost."""

from __future__ import annotations

import asyncio
import gzip
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.table import Row
from nexgent import web
from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until
from tests.web.browser import BROWSER, NO_BROWSER
from tests.web.dashboard import WIDE, Window

AGENTS, TOKENS = 40, 25
LOADS = 9
SETTLING_SECONDS = 5.0
TICKING_SECONDS = 30.0
FULL_MINUTES, SHORT_MINUTES = 10.0, 1.0
_STATIC = Path(web.__file__).parent / "static"
_PATIENT: dict[str, Any] = {
    "positionCalculator": {"randomization": {"enabled": False}},
    "stopLoss": {"enabled": False},
    "takeProfit": {"enabled": False},
    "staleTrade": {"enabled": False},
}
# Notes when the first open position is there to be seen.
_WATCH = """new MutationObserver(() => {
  if (document.querySelector('main table tbody tr')) window.seenAt ??= performance.now()
}).observe(document, { childList: true, subtree: true })"""


async def run(*, minutes: float = FULL_MINUTES) -> list[Row]:
    """Measure. The standard run watches the memory for a shorter time, which the row says."""
    if BROWSER is None:
        print(f"dashboard: {NO_BROWSER}")
        return []
    from playwright.async_api import async_playwright  # noqa: PLC0415 - the other benchmarks need no browser

    with tempfile.TemporaryDirectory(prefix="nexgent-bench-") as folder:
        product = Product(
            Path(folder), {"PRICE_POLL_SECONDS": "1", "PRICE_PATIENCE_SECONDS": "0.9"}, forked=False
        )
        await product.start_sandbox()
        try:
            await product.start_service()
            held = await _furnish(product)
            async with async_playwright() as driver:
                browser = await driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
                try:
                    return [
                        *_sizes(),
                        await _first_view(product, browser),
                        *await _ticking(product, browser, held, minutes),
                    ]
                finally:
                    await browser.close()
        finally:
            await product.stop()


def _sizes() -> list[Row]:
    files = [path for path in _STATIC.rglob("*") if path.is_file()]
    sent = sum(len(gzip.compress(path.read_bytes(), 9, mtime=0)) for path in files)
    return [Row("dashboard, all files compressed", sent / 1000, "kB", None, 250)]


async def _furnish(product: Product) -> int:
    """Let every agent hold every token; return how many positions that is."""
    agents = [await product.agent(f"Bench {number}", "1000", _PATIENT) for number in range(AGENTS)]
    tokens = [
        {
            "symbol": f"T{number}",
            "priceSol": "0.001",
            "liquiditySol": "1000000",
            "decimals": 6,
            "walk": True,
        }
        for number in range(TOKENS)
    ]
    async with SandboxControl(product.sandbox_url) as control:
        for token in await control.add_tokens(tokens):
            await product.signal(token["mint"], token["symbol"])

    async def bought() -> int:
        counts = [len(await product.positions(agent["id"])) for agent in agents]
        return sum(counts) if min(counts) == TOKENS else 0

    held: int = await until(bought, "every agent holds every token", 120.0)
    return held


async def _walk(product: Product, *, enabled: bool) -> None:
    walk = {"enabled": enabled, "volatility": 0.0005, "intervalSeconds": 1.0}
    (await product.http.post(f"{product.sandbox_url}/control/walk", json=walk)).raise_for_status()


async def _window(product: Product, browser: Any) -> Window:
    """Open a window with nothing cached and somebody logged in, at no page yet."""
    context = await browser.new_context(viewport={"width": WIDE, "height": 900})
    answer = await context.request.post(
        f"{product.url}/api/v1/web/login",
        data={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD},
        headers={"X-Nexgent-Web": "1"},
    )
    assert answer.ok, await answer.text()
    await context.add_init_script(f"localStorage.setItem('nexgent-session', '1'); {_WATCH}")
    return Window(await context.new_page(), product.url)


async def _first_view(product: Product, browser: Any) -> Row:
    times, sent = [], 0
    for _ in range(LOADS):
        window = await _window(product, browser)
        await window.page.goto(f"{product.url}/")
        await window.page.wait_for_function("() => window.seenAt !== undefined")
        times.append(await window.page.evaluate("window.seenAt"))
        sent = await window.page.evaluate(
            "performance.getEntriesByType('resource').filter((one) => one.name.includes('/assets/'))"
            ".reduce((sum, one) => sum + one.transferSize, 0)"
        )
        await window.page.context.close()
    note = f"worst {max(times):.0f}, {sent / 1000:.0f} kB of files until then"
    what = f"dashboard, address typed → positions seen, nothing cached, {AGENTS} agents"
    return Row(what, statistics.median(times), "ms", None, 1000, note=note)


async def _ticking(product: Product, browser: Any, held: int, minutes: float) -> list[Row]:
    window = await _window(product, browser)
    await window.page.goto(f"{product.url}/")
    await window.page.wait_for_function("() => window.seenAt !== undefined")
    cdp = await window.page.context.new_cdp_session(window.page)
    # Processor time: what else the machine does, does not count.
    await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def metrics() -> dict[str, float]:
        found = (await cdp.send("Performance.getMetrics"))["metrics"]
        return {one["name"]: one["value"] for one in found}

    async def heap() -> float:
        await cdp.send("HeapProfiler.collectGarbage")
        return (await metrics())["JSHeapUsedSize"] / 1e6

    async def work() -> tuple[float, float, float]:
        # All that the thread did; the browser's figure for scripts leaves out what follows promises, which is most of them.
        parts = ("TaskDuration", "RecalcStyleDuration", "LayoutDuration")
        await asyncio.sleep(SETTLING_SECONDS)
        before, started = await metrics(), time.monotonic()
        await asyncio.sleep(TICKING_SECONDS)
        after, seconds = await metrics(), time.monotonic() - started
        task, style, layout = ((after[part] - before[part]) * 1000 / seconds for part in parts)
        return task, style, layout

    at_rest, _, _ = await work()
    await _walk(product, enabled=True)
    task, style, layout = await work()
    note = f"style {style:.0f}, layout {layout:.0f}; prices at rest: {at_rest:.0f}"
    rows = [Row(f"dashboard, {held:,} positions ticking: main thread", task, "ms/s", None, 100, note=note)]

    # The lines of the last minutes fill first: what grows after that, grows for ever.
    await asyncio.sleep(min(95.0, minutes * 60 / 2))
    heaps = [await heap()]
    for _ in range(max(2, int(minutes))):
        await asyncio.sleep(minutes * 60 / max(2, int(minutes)))
        heaps.append(await heap())
    growth = statistics.median(heaps[-3:]) - statistics.median(heaps[:3])
    note = "MB of each minute: " + " ".join(f"{one:.1f}" for one in heaps)
    rows.append(Row(f"dashboard, memory grown in {minutes:.0f} min", growth, "MB", None, 1, note=note))
    window.check()
    return rows
