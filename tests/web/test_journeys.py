"""What people come for, from the first click to what the service then says."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until
from tests.web.dashboard import NARROW, WIDE, Dashboard, Window
from tests.web.furnished import PASSPHRASE, buy, two_tokens

pytestmark = pytest.mark.asyncio(loop_scope="package")

_EXACT = {"positionCalculator": {"randomization": {"enabled": False}}}


@pytest_asyncio.fixture(loop_scope="package")
async def agent(product: Product) -> dict[str, Any]:
    """An agent of its own for each journey."""
    return await product.agent("Journey", "10", _EXACT)


def _dialog(window: Window) -> Any:
    return window.page.get_by_role("dialog")


def _said(window: Window, text: str) -> Any:
    return window.page.get_by_text(text).first


async def _no_route(route: Any) -> None:
    refused = {"error": "There is no route.", "code": "QUOTE_FAILED"}
    await route.fulfill(status=502, json=refused, headers={"X-Request-Id": "1"})


async def _shows_the_quote(
    window: Window, product: Product, agent_id: str, position_id: str, percent: str
) -> None:
    """Wait until the dialog shows the figures of the quote that the API gives for so much."""
    path = f"/agents/{agent_id}/positions/{position_id}/preview-sale"
    answer = await product.call("POST", path, {"percent": percent})
    await _dialog(window).get_by_text("You get, after all fees").wait_for()
    for words, figure in (
        ("You sell", "amount"),
        ("You get, after all fees", "receivedSol"),
        ("Price of one", "priceSol"),
        ("Price impact", "priceImpactPercent"),
        ("Fee of the network", "networkFeeSol"),
        ("Profit of what you sell", "profitLossSol"),
    ):
        row = _dialog(window).locator(".pairs div").filter(has_text=words)
        shown = await row.locator(".num").first.get_attribute("title")
        for other, plain in ((",", ""), (" SOL", ""), ("−", "-"), ("%", "")):
            shown = shown.replace(other, plain)
        assert Decimal(shown) == answer[figure], (words, shown)


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_buying_by_hand_with_a_preview_selling_a_part_and_the_rest(
    dashboard: Dashboard, product: Product, agent: dict[str, Any], width: int
) -> None:
    token, _ = await two_tokens(product)
    window = await dashboard.visitor(f"/agents/{agent['id']}", width)
    await window.page.get_by_role("button", name="Buy", exact=True).click()
    form = _dialog(window)
    await form.get_by_label("Token address").fill(token["mint"])
    await form.get_by_label("Symbol").fill("HELD")
    await form.get_by_label("Spend, in SOL").fill("0.5")
    await form.get_by_role("button", name="Preview").click()
    preview = form.get_by_label("Preview")
    await preview.get_by_text("0.00100").first.wait_for()
    await preview.get_by_text("0.5000 SOL").first.wait_for()
    await preview.get_by_text("Price impact").wait_for()
    seen = (
        await preview.get_by_text("You get about").locator("xpath=..").locator(".num").get_attribute("title")
    )
    left, to_trade = [
        Decimal(
            (
                await preview.get_by_text(words, exact=True)
                .locator("xpath=..")
                .locator(".num")
                .first.get_attribute("title")
            ).removesuffix(" SOL")
        )
        for words in ("Left in the wallet", "Left to trade with")
    ]
    assert left - to_trade == Decimal("0.5"), "what must remain is not there to trade with"
    assert await product.positions(agent["id"]) == []
    # Whoever clicks twice wants it once.
    await form.get_by_role("button", name="Buy", exact=True).dblclick()
    await _said(window, "Bought for 0.5000 SOL").wait_for()
    (position,) = await product.positions(agent["id"])
    swaps = await product.call("GET", f"/agent-transactions?agentId={agent['id']}&transactionType=SWAP")
    assert len(swaps) == 1
    assert Decimal(seen.replace(",", "")) == position["purchase"]["amount"], "it is bought as it was shown"

    row = window.page.get_by_role("row").filter(has_text="HELD")
    await row.get_by_role("button", name="Sell a part of HELD").click()
    await form.get_by_label("How much, in percent").fill("40")
    await _shows_the_quote(window, product, agent["id"], position["id"], "40")
    await form.get_by_role("button", name="Sell 40%").dblclick()
    await _said(window, "A part of HELD is sold for").wait_for()
    (rest,) = await product.positions(agent["id"])
    left = rest["takeProfit"]["remainingAmount"] / position["purchase"]["amount"]
    assert abs(left - Decimal("0.6")) < Decimal("0.0001")

    await row.get_by_role("button", name="Close HELD").click()
    await _shows_the_quote(window, product, agent["id"], position["id"], "100")
    await window.page.route("**/preview-sale", _no_route, times=1)
    await form.get_by_role("button", name="75%").click()
    await form.get_by_text("No quote could be had: There is no route.").wait_for()
    await form.get_by_text("For about").wait_for()
    await window.page.get_by_text("Connection lost.").wait_for(state="detached")
    assert len(window.refusals) == 1
    window.refusals.clear()
    await form.get_by_role("button", name="All", exact=True).click()
    await form.get_by_role("button", name="Sell all HELD").click()
    await _said(window, "HELD sold").wait_for()
    await window.page.get_by_text("Nothing is open").wait_for()
    assert await product.positions(agent["id"]) == []
    await window.visit(f"/agents/{agent['id']}/trades")
    await window.page.get_by_role("row").filter(has_text="HELD").first.wait_for()
    window.check()
    assert window.refusals == []


async def test_rules_are_changed_after_a_look_at_the_difference_and_go_back(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    window = await dashboard.visitor(f"/agents/{agent['id']}/configuration")
    most = window.page.get_by_label("Most for one token")
    before = await most.input_value()
    await most.fill("1.25")
    await window.page.get_by_role("button", name="Review and save").click()
    change = _dialog(window).get_by_role("row").filter(has_text="Most for one token")
    assert before in await change.get_by_role("cell").nth(0).inner_text()
    assert "1.25" in await change.get_by_role("cell").nth(1).inner_text()
    await _dialog(window).get_by_role("button", name="Save", exact=True).click()
    await _said(window, "Saved. The new rules apply from now on").wait_for()
    saved = (await product.call("GET", f"/agents/{agent['id']}/config"))["config"]
    assert saved["purchaseLimits"]["maxPurchasePerToken"] == Decimal("1.25")

    await window.page.reload()
    await window.complete()
    assert await most.input_value() == "1.25"
    window.check()


async def test_a_wallet_is_made_locked_and_unlocked_and_its_agent_is_visibly_live(
    dashboard: Dashboard, product: Product
) -> None:
    live = await product.call("POST", "/agents", {"name": "Real money"}, expect=201)
    window = await dashboard.visitor("/access/wallets")
    await window.page.get_by_role("button", name="New wallet").click()
    form = _dialog(window)
    await form.get_by_text("this moves real money").wait_for()
    key = Keypair()
    await form.get_by_label("For which agent").select_option("Real money")
    await form.get_by_text("Import a key").click()
    await form.get_by_label("Private key").fill(str(key))
    await form.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    await form.get_by_label("Passphrase again").fill(PASSPHRASE)
    await form.get_by_role("button", name="Import wallet").click()
    await _said(window, "The wallet is there, locked").wait_for()

    card = window.page.get_by_label(f"Wallet {key.pubkey()}")
    await card.get_by_role("button", name="Unlock").click()
    await form.get_by_text("this moves real money").wait_for()
    await form.get_by_label("Passphrase").fill(PASSPHRASE)
    await form.get_by_role("button", name="Unlock").click()
    await card.get_by_role("button", name="Lock…", exact=True).wait_for()
    assert await _is_unlocked(product, str(key.pubkey()))

    # Nobody comes to trade with real money by a slip of the hand.
    await window.visit(f"/agents/{live['id']}/settings")
    await window.page.get_by_role("button", name="Switch to live").click()
    await form.get_by_text("It can lose all of it").wait_for()
    assert await form.get_by_role("button", name="Trade live").is_disabled()
    await form.get_by_label("to go on").fill("LIVE")
    await form.get_by_role("button", name="Trade live").click()
    await _said(window, "this agent buys and sells with real money").wait_for()
    await window.visit(f"/agents/{live['id']}")
    buy_button = window.page.get_by_role("button", name="Buy", exact=True)
    colour = await buy_button.evaluate("(button) => getComputedStyle(button).backgroundColor")
    other = await product.agent("Made-up money")
    await window.page.reload()
    await window.visit(f"/agents/{other['id']}")
    assert colour != await buy_button.evaluate("(button) => getComputedStyle(button).backgroundColor")

    async with SandboxControl(product.sandbox_url) as control:
        await control.fund(str(key.pubkey()), lamports=10 * 10**9)
    token, _ = await two_tokens(product)
    await window.visit(f"/agents/{live['id']}/wallet")
    await window.page.get_by_role("button", name="Look for deposits now").click()
    await window.page.locator(".wallet.live").get_by_text("10.0000 SOL").wait_for()
    await window.visit(f"/agents/{live['id']}")
    await buy_button.click()
    await form.get_by_text("this moves real money").wait_for()
    await form.get_by_label("Token address").fill(token["mint"])
    await form.get_by_label("Symbol").fill("HELD")
    await form.get_by_label("Spend, in SOL").fill("0.5")
    await form.get_by_role("button", name="Preview").click()
    await form.get_by_role("button", name="Buy with real money").click()
    await _said(window, "Bought for").wait_for()
    await window.page.get_by_role("button", name="Close HELD").click()
    await form.get_by_text("this moves real money").wait_for()
    await form.get_by_role("button", name="Sell all HELD").click()
    await window.page.get_by_text("Nothing is open").wait_for()

    await window.visit("/access/wallets")
    await card.get_by_role("button", name="Lock…", exact=True).click()
    await form.get_by_text("not even when their stop is reached").wait_for()
    await form.get_by_role("button", name="Lock the wallet").click()
    await card.get_by_role("button", name="Unlock").wait_for()
    assert not await _is_unlocked(product, str(key.pubkey()))
    window.check()


async def test_the_emergency_stop_asks_and_can_be_taken_back(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    token, _ = await two_tokens(product)
    window = await dashboard.visitor("/history", NARROW)
    await window.page.get_by_role("button", name="Stop", exact=True).click()
    await _dialog(window).get_by_role("button", name="Stop buying").click()
    await _dialog(window).get_by_text("None of your agents buys anything from now on").wait_for()
    await _dialog(window).get_by_role("button", name="Cancel").click()
    assert not (await product.call("GET", "/protections/kill-switch"))["user"]["engaged"]

    await window.page.get_by_role("button", name="Stop", exact=True).click()
    await _dialog(window).get_by_role("button", name="Stop buying").click()
    await _dialog(window).get_by_role("button", name="Stop buying").click()
    try:
        stopped = window.page.get_by_role("button", name="Buying stopped")
        await stopped.wait_for()
        assert (await product.call("GET", "/protections/kill-switch"))["user"]["engaged"]
        order = {"agentId": agent["id"], "tokenAddress": token["mint"], "positionSize": "0.5"}
        await product.call("POST", "/trades/execute", order, expect=409)
        await stopped.click()
        await _dialog(window).get_by_role("button", name="Allow buying again").click()
        await _dialog(window).get_by_role("button", name="Allow buying", exact=True).click()
        await window.page.get_by_role("button", name="Stop", exact=True).wait_for()
    finally:
        await product.call("PUT", "/protections/kill-switch", {"engaged": False})
    await buy(product, agent["id"], token)
    window.check()


async def test_logging_out_in_one_tab_ends_the_other(dashboard: Dashboard, agent: dict[str, Any]) -> None:
    window = await dashboard.visitor("/")
    tab = await dashboard.second_tab(window, f"/agents/{agent['id']}")
    await window.page.get_by_label("Account and appearance").click()
    await window.page.get_by_role("button", name="Log out").click()
    await window.page.get_by_role("heading", name="Log in to Nexgent").wait_for()
    await _said(tab, "You have logged out in another tab").wait_for()
    await tab.page.reload()
    await tab.page.get_by_role("heading", name="Log in to Nexgent").wait_for()
    window.check()
    tab.check()


async def test_rules_saved_in_one_tab_are_not_undone_by_the_other(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    window = await dashboard.visitor(f"/agents/{agent['id']}/configuration")
    tab = await dashboard.second_tab(window, f"/agents/{agent['id']}/configuration")
    for one, label, value in (
        (window, "Most for one token", "1.25"),
        (tab, "Balance that must remain", "0.75"),
    ):
        await one.page.get_by_label(label).fill(value)
        await one.page.get_by_role("button", name="Review and save").click()
        await _dialog(one).get_by_role("button", name="Save", exact=True).click()
        if one is tab:
            notice = _dialog(tab).get_by_role("alert")
            await notice.filter(has_text="changed elsewhere while this page was open").wait_for()
            assert "Most for one token" in await notice.inner_text()
            await _dialog(tab).get_by_role("button", name="Save", exact=True).click()
        await _said(one, "Saved. The new rules apply from now on").wait_for()
    saved = (await product.call("GET", f"/agents/{agent['id']}/config"))["config"]["purchaseLimits"]
    assert saved["maxPurchasePerToken"] == Decimal("1.25")
    assert saved["minimumAgentBalance"] == Decimal("0.75")
    # The tab that was behind shows what holds now, both changes.
    assert await tab.page.get_by_label("Most for one token").input_value() == "1.25"


async def test_the_session_ended_elsewhere_leads_to_the_login_and_back(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    window = await dashboard.visitor(f"/agents/{agent['id']}/wallet")
    await window.page.get_by_label("Deposit made-up SOL").fill("1")
    await product.call("DELETE", "/auth/sessions")
    # It may have been noticed already, with the next thing the page asks by itself.
    deposit = window.page.get_by_role("button", name="Deposit", exact=True)
    await deposit.evaluate_all("(found) => found.forEach((button) => button.click())")
    await _said(window, "Your session has ended. Please log in again.").wait_for()
    await window.log_in()
    await window.page.get_by_label("Deposit made-up SOL").wait_for()
    assert window.page.url.endswith(f"/agents/{agent['id']}/wallet")
    assert await product.sol_balance(agent["id"]) == 10
    window.check()


async def test_a_deep_link_waits_for_the_login_and_the_browsers_buttons_go_back_and_forth(
    dashboard: Dashboard, agent: dict[str, Any]
) -> None:
    window = await dashboard.stranger()
    await window.visit(f"/agents/{agent['id']}/configuration")
    await window.page.get_by_role("heading", name="Log in to Nexgent").wait_for()
    await window.log_in()
    await window.page.get_by_label("Most for one token").wait_for()
    await window.page.get_by_label("Parts of the agent").get_by_role("link", name="Settings").click()
    await window.page.get_by_role("heading", name="Delete this agent").wait_for()
    await window.page.go_back()
    await window.page.get_by_label("Most for one token").wait_for()
    await window.page.go_forward()
    await window.page.get_by_role("heading", name="Delete this agent").wait_for()
    await window.page.get_by_label("Main", exact=True).get_by_role("link", name="History").click()
    await window.page.get_by_role("heading", name="History").wait_for()
    await window.page.go_back()
    await window.page.get_by_role("heading", name="Delete this agent").wait_for()
    window.check()
    assert window.refusals == []


async def _is_unlocked(product: Product, address: str) -> bool:
    wallets = (await product.call("GET", "/wallets"))["wallets"]
    return bool(next(one for one in wallets if one["walletAddress"] == address)["isUnlocked"])


async def test_a_price_is_shown_as_it_moves(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    token, _ = await two_tokens(product)
    await buy(product, agent["id"], token)
    window = await dashboard.visitor(f"/agents/{agent['id']}")
    row = window.page.get_by_role("row").filter(has_text="HELD")
    await product.set_price(token["mint"], "0.0013")
    await row.get_by_text("0.00130").first.wait_for()
    (position,) = await until(lambda: product.positions(agent["id"]), "the position is open")
    shown = await row.locator(".num.gain").first.get_attribute("title")
    assert shown is not None
    assert Decimal(shown.replace(" SOL", "")) == position["profitLoss"]["native"]
    window.check()


async def test_a_stop_that_rises_asks_for_nothing_but_what_is_due(
    dashboard: Dashboard, product: Product
) -> None:
    """Every new peak moves the stop and is told as a change of the position; nothing was traded, so no list is loaded anew."""
    trailing = {**_EXACT, "stopLoss": {"enabled": True, "defaultPercentage": -20}}
    agent = await product.agent("Trailing", "10", trailing)
    token, _ = await two_tokens(product)
    await buy(product, agent["id"], token)
    window = await dashboard.visitor("/")
    stops: set[str] = set()
    asked: list[str] = []

    def heard(text: str | bytes) -> None:
        frame = json.loads(text)
        position = frame["data"].get("position") if frame["type"] == "position_update" else None
        if position is not None and position["tokenAddress"] == token["mint"]:
            stops.add(str(position["peakPrice"]))

    window.page.on("websocket", lambda socket: socket.on("framereceived", heard))
    # The first answer comes before any position, and stays the only one: what moves after it is moved by prices.
    answers: dict[str, str] = {}
    has_answered = asyncio.Event()

    async def answer_once(route: Any) -> None:
        address = route.request.url
        if address not in answers:
            answers[address] = await (await route.fetch()).text()
        await route.fulfill(body=answers[address], content_type="application/json")
        has_answered.set()

    async def after_it(route: Any) -> None:
        await has_answered.wait()
        await route.continue_()

    await window.page.route("**/api/v1/overview?*", answer_once)
    await window.page.route("**/api/v1/ws/ticket", after_it)
    # Only sockets that are opened from now on can be listened to.
    await window.page.reload()
    await window.complete()
    row = window.page.get_by_role("row").filter(has=window.page.locator(f'[title="{token["mint"]}"]'))
    # Where another agent trades live, the overview begins with that money.
    simulation = window.page.locator(".segments label", has_text="Simulation")
    if await simulation.count():
        await simulation.click()
    await row.wait_for()
    await window.complete()
    worth = window.page.locator(".stat", has_text="Worth now").locator(".num").first
    at_first = await worth.get_attribute("title")
    window.page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    for price in ("0.0012", "0.0014", "0.0016"):
        before = len(stops)
        await product.set_price(token["mint"], price)

        async def told(before: int = before) -> bool:
            return len(stops) > before

        await until(told, "the higher stop is told")
        await row.get_by_text(f"{price}0").first.wait_for()
    await window.complete()
    await window.page.unroute_all(behavior="wait")
    assert await worth.get_attribute("title") != at_first, "what is held is worth more"
    by_the_clock = {
        "/api/v1/health",
        "/api/v1/health/live",
        "/api/v1/overview",
        "/api/v1/overview/attention",
        "/api/v1/price-feeds/sol-usd",
        "/api/v1/protections/kill-switch",
    }
    assert set(asked) <= by_the_clock
    window.check()
