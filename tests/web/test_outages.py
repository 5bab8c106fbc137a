"""The dashboard while the service is gone or a token is over: it says so at once or not at all, and goes on by itself."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until
from tests.web.dashboard import Dashboard
from tests.web.furnished import buy, two_tokens
from tests.web.short_sessions import LIFETIME

pytestmark = pytest.mark.asyncio(loop_scope="package")


class _Forgetful(Product):
    """A product whose access tokens are over after a few seconds."""

    modules: ClassVar[Mapping[str, str]] = {"serve": "tests.web.short_sessions"}
    _logged_in_at = 0.0

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
    async with _Forgetful(tmp_path_factory.mktemp("outages")).running() as product:
        yield product


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
    await window.visit("/system")
    assert await window.page.get_by_role("link", name="Grafana").count() == 0, "there is none"
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
    price = held.get_by_role("cell").nth(1).locator(".num").first
    await window.page.evaluate(
        """() => {
          window.told = []
          const banner = document.querySelector('[aria-live=assertive]')
          new MutationObserver(() => window.told.push(banner.textContent)).observe(banner, {childList: true, subtree: true})
        }"""
    )
    # It watches no agent, so that no socket of its own would tell.
    elsewhere = await dashboard.second_tab(window, "/signals")
    before = await price.inner_text()
    await until(lambda: _differs(price, before), "the price on the page moves")

    forgetful.kill_service()
    await window.page.get_by_text("Connection lost.").wait_for()
    await window.page.get_by_text("what is shown may be out of date").wait_for()
    await window.page.get_by_text("Offline").wait_for()
    assert await held.count() == 1, "the last known values stay"
    await elsewhere.page.bring_to_front()
    await elsewhere.page.get_by_text("Connection lost.").wait_for()
    navigation = elsewhere.page.get_by_label("Main", exact=True)
    await navigation.get_by_role("link", name="History").click()
    await elsewhere.page.get_by_text("This part is not loaded yet").wait_for()

    await forgetful.start_service()
    # What happens before the page is back is in what it gets then.
    await buy(forgetful, agent["id"], second)
    await window.page.get_by_role("row").filter(has_text="SOLD").wait_for()
    await window.page.get_by_text("Connection lost.").wait_for(state="detached")
    await window.page.get_by_text("Connected", exact=True).wait_for()
    told = await window.page.evaluate("window.told")
    assert any("Connected again. Fetching what happened meanwhile." in said for said in told), told
    await elsewhere.page.get_by_role("heading", name="History").wait_for()
    await elsewhere.page.get_by_text("Connected", exact=True).wait_for()

    await forgetful.http.post(f"{forgetful.sandbox_url}/control/walk", json={**walk, "enabled": False})
    for token, value in ((first, "0.00113"), (second, "0.00097")):
        await forgetful.set_price(token["mint"], value)

    async def as_the_api_says() -> bool:
        rows = {one["tokenSymbol"]: one for one in await forgetful.positions(agent["id"])}
        for symbol, row in rows.items():
            shown = window.page.get_by_role("row").filter(has_text=symbol).get_by_role("cell")
            for cell, value in ((1, row["current"]["priceNative"]), (2, row["profitLoss"]["native"])):
                title = await shown.nth(cell).locator(".num").first.get_attribute("title") or ""
                written = title.replace(" SOL", "").replace(",", "").replace("−", "-")
                if Decimal(written) != value:
                    return False
        return len(rows) == 2 and rows["HELD"]["current"]["priceNative"] == Decimal("0.00113")

    await until(as_the_api_says, "page and API say the same")
    # A browser writes down each try to reach what is not there.
    assert [said for said in window.problems if "WebSocket connection" not in said] == []


async def test_lists_stay_where_somebody_was(dashboard: Dashboard, forgetful: Product) -> None:
    token, _ = await two_tokens(forgetful)
    for number in range(55):
        await forgetful.signal(token["mint"], "HELD", kind=f"TYPE {number}")
    window = await dashboard.visitor("/signals")
    rows = window.page.get_by_role("table").get_by_role("row")
    await window.page.get_by_text("50 shown").wait_for()
    await window.page.get_by_role("button", name="Show more").click()
    await window.page.get_by_text(re.compile("All 5[5-9] shown")).wait_for()
    last = rows.last
    await last.scroll_into_view_if_needed()
    before, count = await last.inner_text(), await rows.count()

    forgetful.kill_service()
    await window.page.get_by_text("Connection lost.").wait_for()
    await forgetful.start_service()
    await window.page.get_by_text("Connected", exact=True).wait_for()
    await window.complete()
    assert await rows.count() == count
    assert await last.inner_text() == before
    assert await window.page.evaluate("scrollY") > 0


async def _differs(place: Any, before: str) -> bool:
    return bool(await place.inner_text() != before)
