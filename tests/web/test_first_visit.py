"""The dashboard in the system's browser, against a running service and the sandbox market."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product
from tests.patience import PATIENCE_SECONDS

playwright = pytest.importorskip("playwright.async_api", reason="Playwright is missing: run `make setup-dev`")

_BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
_WIDTHS = (360, 1440)

pytestmark = pytest.mark.skipif(
    _BROWSER is None, reason="there is no browser: run `apt-get install --no-install-recommends chromium`"
)


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    """A running sandbox and service."""
    product = Product(tmp_path)
    try:
        await product.start_sandbox()
        await product.start_service()
        yield product
    finally:
        await product.stop()


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    async with playwright.async_playwright() as driver:
        # Without the sandbox of its own it also runs where the tests are root's.
        browser = await driver.chromium.launch(executable_path=_BROWSER, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


async def test_from_the_first_visit_to_the_first_trade(product: Product, browser: Any) -> None:
    problems: list[str] = []
    hosts: set[str] = set()
    pages = [await _page(browser, width, problems, hosts) for width in _WIDTHS]

    first = pages[0]
    await _log_in(first, product.url)
    await first.get_by_role("button", name="New agent").first.click()
    await first.get_by_label("Name").fill("Scout")
    await first.get_by_role("button", name="Create agent").click()
    await first.get_by_label("Deposit made-up SOL").fill("10")
    await first.get_by_role("button", name="Deposit", exact=True).click()
    await first.get_by_text("deposited").first.wait_for()
    await _log_in(pages[1], product.url)

    token = (await product.tokens())[0]
    await product.signal(token["mint"], "FIRST")

    await first.goto(f"{product.url}/#/")
    for page in pages:
        await page.get_by_text("FIRST", exact=True).first.wait_for()
        wide = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, "the page is wider than its window"
    assert problems == []
    assert hosts == {urlsplit(product.url).netloc}


async def _page(browser: Any, width: int, problems: list[str], hosts: set[str]) -> Any:
    context = await browser.new_context(viewport={"width": width, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    page.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).netloc))
    return page


async def _log_in(page: Any, url: str) -> None:
    await page.goto(f"{url}/")
    await page.get_by_label("E-mail").fill(ADMIN_EMAIL)
    await page.locator("input[name=password]").fill(ADMIN_PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="Overview").wait_for()
