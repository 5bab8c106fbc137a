"""The dashboard while the service is gone or a token is over: it says so at once or not at all, and goes on by itself."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until
from tests.web.dashboard import Dashboard
from tests.web.furnished import buy, two_tokens
from tests.web.short_sessions import LIFETIME

pytestmark = pytest.mark.asyncio(loop_scope="package")

LAMPORT = Decimal("1e-9")
_REPOSITORY = Path(__file__).resolve().parents[2]


class _Forgetful(Product):
    """A product whose access tokens are over after a few seconds."""

    modules: ClassVar[Mapping[str, str]] = {"serve": "tests.web.short_sessions"}
    _logged_in_at = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of the service."""
        return {**super().environment, "PYTHONPATH": str(_REPOSITORY)}

    async def call(
        self, method: str, path: str, body: object = None, *, user: str = ADMIN_EMAIL, expect: int = 200
    ) -> Any:
        """Call the API as a user, with a token that is fresh."""
        if time.monotonic() - self._logged_in_at > LIFETIME.total_seconds() / 2:
            await self.login(user, ADMIN_PASSWORD)
            self._logged_in_at = time.monotonic()
        return await super().call(method, path, body, user=user, expect=expect)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def forgetful(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """A running sandbox and service of this module's own."""
    product = _Forgetful(tmp_path_factory.mktemp("outages"))
    try:
        await product.start_sandbox()
        await product.start_service()
        yield product
    finally:
        await product.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def dashboard(forgetful: Product, browser: Any) -> AsyncIterator[Dashboard]:
    """Windows onto that service."""
    async with Dashboard(forgetful, browser) as dashboard:
        yield dashboard


async def test_a_token_that_is_over_is_renewed_without_a_word(
    dashboard: Dashboard, forgetful: Product
) -> None:
    agent = await forgetful.agent("Sleeper", "10")
    window = await dashboard.visitor(f"/agents/{agent['id']}/wallet")
    async with window.page.expect_request(
        lambda request: "authorization" in request.headers and "/price-feeds/" not in request.url
    ) as asked:
        await window.page.get_by_label("Parts of the agent").get_by_role("link", name="Protections").click()
    used = (await asked.value).headers["authorization"]

    async def is_over() -> bool:
        answer = await forgetful.http.get(f"{forgetful.url}/api/v1/agents", headers={"Authorization": used})
        return answer.status_code == 401

    await until(is_over, "the token is over")
    await window.page.get_by_label("Parts of the agent").get_by_role("link", name="Wallet").click()
    await window.page.get_by_label("Deposit made-up SOL").fill("2.5")
    await window.page.get_by_role("button", name="Deposit", exact=True).click()
    await window.page.get_by_text("2.5000 SOL deposited").first.wait_for()
    assert await forgetful.sol_balance(agent["id"]) == Decimal("12.5")
    await window.page.reload()
    await window.page.get_by_label("Deposit made-up SOL").wait_for()
    window.check()


async def test_a_killed_service_is_noticed_at_once_and_nothing_is_missed_afterwards(
    dashboard: Dashboard, forgetful: Product
) -> None:
    agent = await forgetful.agent("Survivor", "10")
    await forgetful.call("PUT", f"/agents/{agent['id']}", {"automatedTradingSimulation": False})
    first, second = await two_tokens(forgetful)
    await buy(forgetful, agent["id"], first)
    walk = {"enabled": True, "volatility": 0.002, "intervalSeconds": 0.2}
    (await forgetful.http.post(f"{forgetful.sandbox_url}/control/walk", json=walk)).raise_for_status()
    window = await dashboard.visitor(f"/agents/{agent['id']}")
    held = window.page.get_by_role("row").filter(has_text="HELD")
    price = held.get_by_role("cell").nth(2)
    before = await price.inner_text()
    await until(lambda: _differs(price, before), "the price on the page moves")

    forgetful.kill_service()
    await window.page.get_by_text("Connection lost.").wait_for()
    await window.page.get_by_text("Offline").wait_for()
    assert await held.count() == 1, "the last known values stay"

    await forgetful.start_service()
    # What happens before the page is back is in what it gets then.
    await buy(forgetful, agent["id"], second)
    await window.page.get_by_role("row").filter(has_text="SOLD").wait_for()
    await window.page.get_by_text("Connection lost.").wait_for(state="detached")
    await window.page.get_by_text("Connected", exact=True).wait_for()

    await forgetful.http.post(f"{forgetful.sandbox_url}/control/walk", json={**walk, "enabled": False})
    for token, value in ((first, "0.00113"), (second, "0.00097")):
        await forgetful.set_price(token["mint"], value)

    async def as_the_api_says() -> bool:
        rows = {one["tokenSymbol"]: one for one in await forgetful.positions(agent["id"])}
        for symbol, row in rows.items():
            shown = window.page.get_by_role("row").filter(has_text=symbol).get_by_role("cell")
            for cell, value in ((2, row["current"]["priceNative"]), (3, row["profitLoss"]["native"])):
                title = await shown.nth(cell).locator(".num").first.get_attribute("title") or ""
                written = title.replace(" SOL", "").replace(",", "").replace("−", "-")
                # The page multiplies in binary; less than a lamport is no difference.
                if abs(Decimal(written) - value) >= LAMPORT:
                    return False
        return len(rows) == 2 and rows["HELD"]["current"]["priceNative"] == Decimal("0.00113")

    await until(as_the_api_says, "page and API say the same")
    # A browser writes down each try to reach what is not there.
    assert [said for said in window.problems if "WebSocket connection" not in said] == []


async def _differs(place: Any, before: str) -> bool:
    return bool(await place.inner_text() != before)
