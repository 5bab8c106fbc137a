"""What is looked after now and then, on a phone: users, earlier rules, what the system says of itself, files, price sources."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until
from tests.web.dashboard import NARROW, Dashboard, Window
from tests.web.furnished import buy, two_tokens
from tests.web.looks import check_both_themes

pytestmark = pytest.mark.asyncio(loop_scope="package")

_RULES = {
    "positionCalculator": {"randomization": {"enabled": False}},
    "takeProfit": {"enabled": True, "mode": "moderate"},
}


@pytest_asyncio.fixture(loop_scope="package")
async def agent(product: Product) -> dict[str, Any]:
    """An agent of its own for each."""
    return await product.agent("Upkeep", "10", _RULES)


def _dialog(window: Window) -> Any:
    return window.page.get_by_role("dialog")


def _said(window: Window, text: str) -> Any:
    return window.page.get_by_text(text).first


async def test_a_price_in_doubt_is_on_the_chart_with_what_both_sources_said(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    token, _ = await two_tokens(product)
    mint = token["mint"]
    await buy(product, agent["id"], token)

    async def history() -> dict[str, Any]:
        found: dict[str, Any] = await product.call("GET", f"/price-history/{mint}?sources=true")
        return found

    async def both_said() -> bool:
        return {one["source"] for one in (await history())["sources"]} == {"dexscreener", "jupiter"}

    async def priced() -> bool:
        [held] = await product.positions(agent["id"])
        return bool(held["current"]["priceNative"] != held["purchase"]["priceNative"])

    await until(both_said, "both sources have agreed")
    # A source that lies from the first word after a purchase is a stranger; this one was believed.
    await until(priced, "a price is believed since the purchase")
    async with SandboxControl(product.sandbox_url) as control:
        await control.fault("other_price", "dexscreener", mint=mint, price_sol="0.0004")
        try:

            async def in_doubt() -> Any:
                # The honest source may be denied too, for as long as nobody knows which of them lies.
                refusals = (await history())["refusals"]
                denied = [one for one in refusals if one["reason"] == "contradicted"]
                return [one for one in denied if one["source"] == "dexscreener" and one["inDoubt"]]

            await until(in_doubt, "the doubt is recorded")
        finally:
            await control.clear_faults()
    # Of two sources that disagree none sells anything; the next level is half more than what was paid.
    [position] = await product.positions(agent["id"])

    async def noted() -> Any:
        # Agents of other tests may hold the token as well.
        lines = [one for one in (await history())["lines"] if one["agentId"] == agent["id"]]
        return lines and lines[0]["points"][-1]["targetPrice"]

    target = Decimal(await until(noted, "the next level is noted"))
    assert abs(target / position["purchase"]["priceNative"] - Decimal("1.5")) < Decimal("0.0001")

    window = await dashboard.visitor(f"/tokens/{mint}?symbol=HELD", NARROW)
    await window.page.get_by_role("img", name="Price of HELD in SOL").wait_for()
    assert await window.page.get_by_text("Where the price comes from").count() == 0
    toggle = window.page.get_by_label("Sources", exact=True)
    await toggle.focus()
    await window.page.keyboard.press("Space")
    table = window.page.get_by_role("table", name="When a source was not believed")
    denied = table.get_by_role("row").filter(has_text="the other source denied it")
    row = denied.filter(has_text="DexScreener").first
    await row.get_by_text("In doubt, nothing is bought").wait_for()
    await window.page.get_by_text("Dotted lines: what DexScreener and Jupiter").wait_for()
    await window.complete()
    await check_both_themes(window, "token with sources")
    await toggle.uncheck()
    await table.wait_for(state="detached")
    window.check()
    assert window.refusals == []


async def test_a_user_is_made_locked_out_and_let_in_again(dashboard: Dashboard, product: Product) -> None:
    email = "second@example.com"
    window = await dashboard.visitor("/access/users", NARROW)
    form = _dialog(window)

    async def password() -> str:
        typed: str = await form.get_by_label("Password").input_value()
        return typed

    await window.page.get_by_role("button", name="New user").click()
    await form.get_by_label("E-mail address").fill(email)
    first = await password()
    await check_both_themes(window, "new user")
    await form.get_by_role("button", name="Create the user").click()
    await form.get_by_role("button", name="Done").click()
    row = window.page.get_by_role("row").filter(has_text=email)
    await row.wait_for()
    await product.login(email, first)

    await row.get_by_role("button", name=f"Deactivate {email}").click()
    await form.get_by_role("button", name="Deactivate", exact=True).click()
    await row.get_by_text("No, deactivated").wait_for()
    await check_both_themes(window, "users")
    stranger = await dashboard.stranger(NARROW)
    await stranger.visit("/")
    await stranger.log_in(email, first)
    await stranger.page.get_by_role("alert").first.wait_for()

    await row.get_by_role("button", name=f"New password for {email}").click()
    second = await password()
    assert second != first
    await form.get_by_role("button", name="Set the password").click()
    await form.get_by_role("button", name="Done").click()
    await row.get_by_text("Yes", exact=True).wait_for()
    await stranger.log_in(email, second)
    await stranger.page.locator("main#main").wait_for()
    window.check()
    assert window.refusals == []


async def test_an_earlier_version_of_the_rules_is_restored(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    where = f"/agents/{agent['id']}/config"
    before = (await product.call("GET", where))["config"]["purchaseLimits"]["maxPurchasePerToken"]
    await product.call("PATCH", where, {"config": {"purchaseLimits": {"maxPurchasePerToken": 1.25}}})
    window = await dashboard.visitor(f"/agents/{agent['id']}/configuration", NARROW)
    most = window.page.get_by_label("Most for one token")
    assert await most.input_value() == "1.25"
    await window.page.get_by_role("button", name="Versions").click()
    versions = _dialog(window).get_by_role("listitem")
    await versions.first.get_by_text("In force").wait_for()
    await versions.first.get_by_text("Most for one token").wait_for()
    await check_both_themes(window, "versions")
    await versions.nth(1).get_by_role("button", name="Put the version of").click()
    assert Decimal(await most.input_value()) == before
    await window.page.get_by_role("button", name="Review and save").click()
    await _dialog(window).get_by_role("button", name="Save", exact=True).click()
    await _said(window, "Saved. The new rules apply from now on").wait_for()
    assert (await product.call("GET", where))["config"]["purchaseLimits"]["maxPurchasePerToken"] == before
    window.check()
    assert window.refusals == []


async def test_the_administrator_sees_requests_that_are_left_and_warnings(
    dashboard: Dashboard, product: Product
) -> None:
    window = await dashboard.visitor("/system", NARROW)
    await window.page.get_by_role("heading", name="Requests left").wait_for()
    await window.page.get_by_role("heading", name="Recent warnings").wait_for()
    said = await product.call("GET", "/admin/system")
    assert said["budgets"]
    for warning in said["warnings"][:3]:
        await _said(window, warning["what"]).wait_for()
        await _said(window, warning["advice"]).wait_for()
        # A library's line speaks for itself.
        if warning["event"] not in warning["what"]:
            assert not await _said(window, warning["event"]).is_visible(), (
                "names from the code are no headlines"
            )
    link = window.page.get_by_role("link", name="Figures over time in Grafana")
    assert await link.get_attribute("href") == "https://grafana.example/d/nexgent"
    assert await link.get_attribute("target") == "_blank"
    assert "noopener" in (await link.get_attribute("rel") or "")
    await window.complete()
    await check_both_themes(window, "system")
    window.check()


async def test_transactions_are_saved_as_files(
    dashboard: Dashboard, product: Product, agent: dict[str, Any], tmp_path: Path
) -> None:
    token, _ = await two_tokens(product)
    await buy(product, agent["id"], token)
    listed = await until(
        lambda: product.call("GET", f"/agent-transactions?agentId={agent['id']}&transactionType=SWAP"),
        "the purchase is listed",
    )
    window = await dashboard.visitor("/history/transactions", NARROW)
    await window.page.get_by_label("Agent", exact=True).select_option(value=agent["id"])
    await window.page.get_by_label("What", exact=True).select_option("All purchases and sales")
    await window.complete()
    rows = {}
    for kind in ("CSV", "JSON"):
        async with window.page.expect_download() as coming:
            await window.page.get_by_role("button", name=f"Export transactions as {kind}").click()
        file = await coming.value
        assert file.suggested_filename.endswith(f".{kind.lower()}")
        await file.save_as(tmp_path / kind)
        text = (tmp_path / kind).read_text(encoding="utf-8-sig")
        rows[kind] = list(csv.DictReader(text.splitlines())) if kind == "CSV" else json.loads(text)
    await _said(window, "Transactions exported, all that fit the filters").wait_for()
    assert len(listed) == len(rows["CSV"]) == 1
    assert token["mint"] in json.dumps(rows["JSON"])
    assert token["mint"] in rows["CSV"][0].values()
    await check_both_themes(window, "transactions")
    window.check()
    assert window.refusals == []


async def test_what_could_not_be_loaded_can_be_asked_for_again(
    dashboard: Dashboard, product: Product
) -> None:
    window = await dashboard.visitor("/access/sessions", NARROW)
    await window.page.route("**/api/v1/wallets", lambda route: route.abort())
    await window.visit("/access/wallets")
    said = window.page.get_by_role("alert").filter(has_text="Your wallets could not be loaded.")
    await said.wait_for()
    # While it still fails, or the page would have tried again by itself before the button was reached.
    async with window.page.expect_request("**/api/v1/wallets"):
        await said.get_by_role("button", name="Try again").click()
    await window.page.unroute_all(behavior="wait")
    await said.wait_for(state="detached")
    window.check()
