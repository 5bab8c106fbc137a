"""One service, one market and one browser for all tests of the dashboard: each test has a window and agents of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.product import CheapSecrets, Product
from tests.web.browser import BROWSER, NO_BROWSER
from tests.web.dashboard import Dashboard

playwright = pytest.importorskip("playwright.async_api", reason="Playwright is missing: run `make setup-dev`")

# Without the sandbox of its own it also runs where the tests are root's. A graphics card is only imitated here, which takes a
# quarter of the work of a window, and what then draws instead needs no process of its own.
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer", "--in-process-gpu"]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Any]:
    """The system's browser."""
    if BROWSER is None:
        pytest.skip(NO_BROWSER)
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=BROWSER, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def product(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """A running sandbox and service; not started where there is no browser."""
    settings = {"ALLOW_REGISTRATION": "true", "GRAFANA_URL": "https://grafana.example/d/nexgent"}
    async with CheapSecrets(tmp_path_factory.mktemp("web"), settings).running() as product:
        yield product


@pytest_asyncio.fixture(loop_scope="package")
async def dashboard(product: Product, browser: Any) -> AsyncIterator[Dashboard]:
    """Windows onto the dashboard of the shared service, closed when the test is over."""
    async with Dashboard(product, browser) as dashboard:
        yield dashboard
