"""One service, one market and one browser for all tests of the dashboard: each test has a window and agents of its own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.product import Product
from tests.web.dashboard import Dashboard

playwright = pytest.importorskip("playwright.async_api", reason="Playwright is missing: run `make setup-dev`")

_BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
_NO_BROWSER = "there is no browser: run `apt-get install --no-install-recommends chromium`"


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Any]:
    """The system's browser."""
    if _BROWSER is None:
        pytest.skip(_NO_BROWSER)
    async with playwright.async_playwright() as driver:
        # Without the sandbox of its own it also runs where the tests are root's.
        browser = await driver.chromium.launch(executable_path=_BROWSER, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def product(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """A running sandbox and service; not started where there is no browser."""
    product = Product(tmp_path_factory.mktemp("web"), {"ALLOW_REGISTRATION": "true"})
    try:
        await product.start_sandbox()
        await product.start_service()
        yield product
    finally:
        await product.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def dashboard(product: Product, browser: Any) -> AsyncIterator[Dashboard]:
    """Windows onto the dashboard of the shared service, closed when the test is over."""
    async with Dashboard(product, browser) as dashboard:
        yield dashboard
