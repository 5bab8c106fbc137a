"""Every form with input that cannot be: it says what is wrong, does nothing, and keeps what was typed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.product import ADMIN_EMAIL, Product
from tests.web.dashboard import NARROW, Dashboard, Window
from tests.web.furnished import PASSPHRASE, buy, two_tokens

pytestmark = pytest.mark.asyncio(loop_scope="package")

_NO_ADDRESS = "not-an-address"
_NOBODYS = "So11111111111111111111111111111111111111113"
_NO_RULES = (
    ("not JSON at all", ["It is not written as JSON"]),
    ("[1, 2]", ["It holds a list"]),
    ("null", ["It holds null"]),
    ("3", ["It holds a number"]),
    ("{}", ["There is nothing in it"]),
    ('{"kind": "something else"}', ["It says of itself that it is “something else”"]),
    ('{"config": null}', ["“config” is null"]),
    (
        '{"stopLoss": {"defaultPercentge": -20}}',
        ["Stop loss", "“defaultPercentge” is unknown. Possible: enabled, "],
    ),
    (
        '{"purchaseLimits": {"maxPurchasePerToken": "plenty"}, "stopLoss": {"mode": "wishful"}, "dca": []}',
        ["has to be a number, more than 0", "has to be one of “fixed”", "it is a list and has to be a group"],
    ),
    ('{"purchaseLimits": {"maxPriceImpact": 7}}', ["Largest price impact", "Enter at most 1."]),
)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def holder(product: Product) -> dict[str, Any]:
    """An agent with 10 SOL, one open position and nothing it does by itself."""
    agent = await product.agent("Holder", "10", {"positionCalculator": {"randomization": {"enabled": False}}})
    await product.call("PUT", f"/agents/{agent['id']}", {"automatedTradingSimulation": False})
    token, other = await two_tokens(product)
    return {**agent, "token": token, "other": other, "position": await buy(product, agent["id"], token)}


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def phone(product: Product, browser: Any, holder: dict[str, Any]) -> AsyncIterator[Window]:
    """A phone, logged in: what does not fit there, fits nowhere. A window of its own takes most of what a form does."""
    async with Dashboard(product, browser) as dashboard:
        yield await dashboard.visitor(f"/agents/{holder['id']}", NARROW)


@pytest_asyncio.fixture(loop_scope="package")
async def window(phone: Window, holder: dict[str, Any]) -> Window:
    """The phone at the agent's page. It comes from another one, where whatever form was open is gone."""
    await phone.visit("/nowhere")
    await phone.page.get_by_role("dialog").wait_for(state="detached")
    phone.forget()
    await phone.visit(f"/agents/{holder['id']}")
    return phone


async def _says(where: Any, *texts: str) -> None:
    """Wait until the form says all of that in one of its alerts."""
    for text in texts:
        await where.get_by_role("alert").filter(has_text=text).first.wait_for()


def _dialog(window: Window) -> Any:
    return window.page.get_by_role("dialog")


async def test_logging_in_with_a_wrong_password(dashboard: Dashboard) -> None:
    window = await dashboard.stranger(NARROW)
    await window.visit("/agents")
    button = window.page.get_by_role("button", name="Log in")
    assert await button.is_disabled()
    await window.log_in(ADMIN_EMAIL, "not-the-Password-1")
    await _says(window.page, "Invalid email or password")
    assert await window.page.get_by_label("E-mail").input_value() == ADMIN_EMAIL
    assert await window.page.locator("input[name=password]").input_value() == "not-the-Password-1"
    assert await button.is_enabled()
    await window.log_in("nobody", "x")
    await _says(window.page, "Invalid email", "Validation failed")
    assert await window.page.get_by_label("E-mail").input_value() == "nobody"
    window.check()


async def test_an_agent_without_a_name_or_with_one_that_is_too_short(window: Window) -> None:
    await window.visit("/agents")
    await window.page.get_by_role("button", name="New agent").click()
    form = _dialog(window)
    create = form.get_by_role("button", name="Create agent")
    await form.get_by_label("Name").fill("   ")
    assert await create.is_disabled()
    await form.get_by_label("Name").fill("X")
    await create.click()
    await _says(form, "at least 3 character")
    assert await form.get_by_label("Name").input_value() == "X"
    window.check()


@pytest.mark.parametrize(
    ("typed", "said"),
    [("0", "Enter an amount of SOL"), ("-3", "Enter an amount of SOL"), ("a lot", "Enter an amount of SOL"),
     ("0.0000000001", "at most 9 decimals")],
)  # fmt: skip
async def test_a_deposit_of_nothing(window: Window, holder: dict[str, Any], typed: str, said: str) -> None:
    await window.visit(f"/agents/{holder['id']}/wallet")
    amount = window.page.get_by_label("Deposit made-up SOL")
    await amount.fill(typed)
    await _says(window.page, said)
    assert await window.page.get_by_role("button", name="Deposit", exact=True).is_disabled()
    assert await amount.get_attribute("aria-invalid") == "true"
    assert await amount.input_value() == typed


async def test_a_deposit_beyond_all_measure_is_refused_with_a_reason(
    window: Window, holder: dict[str, Any]
) -> None:
    await window.visit(f"/agents/{holder['id']}/wallet")
    amount = window.page.get_by_label("Deposit made-up SOL")
    await amount.fill("1" + "0" * 40)
    await window.page.get_by_role("button", name="Deposit", exact=True).click()
    await window.page.get_by_role("alert").first.wait_for()
    assert await amount.input_value() == "1" + "0" * 40
    window.check()


async def test_buying_nothing_too_much_or_what_is_no_token(
    window: Window, product: Product, holder: dict[str, Any]
) -> None:
    await window.page.get_by_role("button", name="Buy", exact=True).click()
    form = _dialog(window)
    token, size = form.get_by_label("Token address"), form.get_by_label("Spend, in SOL")
    preview = form.get_by_role("button", name="Preview")
    assert await preview.is_disabled()
    await token.fill(_NO_ADDRESS)
    await _says(form, "not the address of a token")
    for amount in ("0", "-1", "much"):
        await size.fill(amount)
        await _says(form, "Enter an amount of SOL")
    assert await preview.is_disabled()

    await token.fill(_NOBODYS)
    await size.fill("0.1234567891")
    await _says(form, "SOL has at most 9 decimals.")
    assert await preview.is_disabled()

    await size.fill("1")
    await preview.click()
    refusal = form.get_by_role("alert").filter(has_text="This cannot be bought now.")
    assert "now. " in (await refusal.text_content()).strip()

    await token.fill(holder["other"]["mint"])
    await size.fill("1000")
    await preview.click()
    await form.get_by_role("alert").filter(has_text="1000 SOL are more than the").wait_for()
    assert await form.get_by_role("button", name="Buy", exact=True).count() == 0
    assert len(await product.positions(holder["id"])) == 1
    assert await token.input_value() == holder["other"]["mint"]
    assert await size.input_value() == "1000"
    window.check()


async def test_a_late_preview_of_another_order_is_not_shown_and_not_bought(
    dashboard: Dashboard, product: Product
) -> None:
    agent = await product.agent("Hasty", "10")
    await product.call("PUT", f"/agents/{agent['id']}", {"automatedTradingSimulation": False})
    late, meant = await two_tokens(product)
    window = await dashboard.visitor(f"/agents/{agent['id']}", NARROW)
    go_on = asyncio.Event()

    async def hold(route: Any) -> None:
        if late["mint"] in route.request.post_data:
            await go_on.wait()
        await route.continue_()

    await window.page.route("**/api/v1/trades/preview", hold)
    await window.page.get_by_role("button", name="Buy", exact=True).click()
    form = _dialog(window)
    token, size = form.get_by_label("Token address"), form.get_by_label("Spend, in SOL")
    preview = form.get_by_role("button", name="Preview")
    purchase = form.get_by_role("button", name="Buy", exact=True)
    await token.fill(late["mint"])
    await size.fill("0.3")
    async with window.page.expect_event(
        "requestfinished", lambda request: late["mint"] in (request.post_data or "")
    ):
        await preview.click()
        await form.get_by_role("button", name="Asking").wait_for()
        await token.fill(meant["mint"])
        await size.fill("0.2")
        assert await purchase.count() == 0
        go_on.set()
    # Two frames later the page has drawn whatever it makes of the answer.
    await window.page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    assert await purchase.count() == 0
    assert await form.get_by_label("Preview", exact=True).count() == 0
    assert await form.get_by_role("button", name="Asking").count() == 0

    await preview.click()
    await purchase.wait_for()
    refused = {"status": 503, "json": {"error": "No quote just now"}}
    await window.page.route("**/api/v1/trades/preview", lambda route: route.fulfill(**refused), times=1)
    await form.get_by_role("button", name="New quote").click()
    await _says(form, "a new one could not be had", "No quote just now")
    assert await purchase.is_disabled()
    await form.get_by_role("button", name="New quote").click()
    await form.get_by_text("a new one could not be had").wait_for(state="detached")
    async with window.page.expect_request("**/api/v1/trades/execute") as sent:
        await purchase.click()
    order = json.loads((await sent.value).post_data or "")
    assert (order["tokenAddress"], Decimal(order["positionSize"])) == (meant["mint"], Decimal("0.2"))
    await form.wait_for(state="detached")
    await window.page.unroute_all(behavior="wait")
    (bought,) = await product.positions(agent["id"])
    assert bought["tokenAddress"] == meant["mint"]
    window.check()


async def test_selling_more_than_there_is(window: Window) -> None:
    await window.page.get_by_role("button", name="Sell a part of").click()
    form = _dialog(window)
    percent = form.get_by_label("How much, in percent")
    for typed in ("101", "0", "-5", "half", ""):
        await percent.fill(typed)
        await _says(form, "Enter a percentage above 0, up to 100")
        assert await form.get_by_role("button", name="Sell", exact=False).last.is_disabled()
        assert await percent.input_value() == typed
    window.check()


async def test_the_quote_of_a_sale_is_that_of_the_newest_percentage(
    window: Window, holder: dict[str, Any], product: Product
) -> None:
    asked: list[str] = []
    go_on = asyncio.Event()

    async def hold(route: Any) -> None:
        asked.append(json.loads(route.request.post_data)["percent"])
        if asked[-1] == "20":
            await go_on.wait()
        await route.continue_()

    await window.page.route("**/preview-sale", hold)
    await window.page.get_by_role("button", name="Sell a part of").click()
    form = _dialog(window)
    percent = form.get_by_label("How much, in percent")
    quoted = form.get_by_text("You get, after all fees")
    await quoted.wait_for()
    async with window.page.expect_request(lambda request: '"20"' in (request.post_data or "")):
        await percent.fill("20")
    assert await quoted.count() == 0, "what was quoted is not what would be sold now"
    await form.get_by_text("Asking for the quote of this moment").wait_for()
    async with window.page.expect_event("requestfailed", lambda request: '"20"' in (request.post_data or "")):
        await percent.fill("40")
    await quoted.wait_for()
    go_on.set()
    path = f"/agents/{holder['id']}/positions/{holder['position']['id']}/preview-sale"
    answer = await product.call("POST", path, {"percent": "40"})
    amount = form.locator(".pairs div").filter(has_text="You sell").first.locator(".num")
    shown = await amount.get_attribute("title")
    assert Decimal(shown.replace(",", "")) == answer["amount"]
    assert asked == ["50", "20", "40"]
    assert await product.positions(holder["id"]), "nothing was sold"
    await window.page.unroute_all(behavior="ignoreErrors")
    window.check()
    assert window.refusals == []


async def test_a_signal_for_what_is_no_token(window: Window) -> None:
    await window.visit("/signals")
    await window.page.get_by_role("button", name="Send a signal").first.click()
    form = _dialog(window)
    look = form.get_by_role("button", name="See what would happen")
    assert await look.is_disabled()
    await form.get_by_label("Token address").fill(_NO_ADDRESS)
    await _says(form, "not the address of a token")
    await form.get_by_label("Type").fill(" ")
    await _says(form, "Give the signal a type")
    assert await look.is_disabled()
    assert await form.get_by_label("Token address").input_value() == _NO_ADDRESS
    window.check()


async def test_a_webhook_that_could_not_work(window: Window) -> None:
    await window.visit("/signals/webhooks")
    await window.page.get_by_role("button", name="New webhook").first.click()
    form = _dialog(window)
    create = form.get_by_role("button", name="Create")
    age = form.get_by_label("Refuse alerts older than, in seconds")
    await age.fill("1.5 days")
    await create.click()
    await _says(form, "Give it a name", "Enter whole seconds from 1 to 86400")
    await form.get_by_label("Name").fill("Alerts of mine")
    await age.fill("60")
    address = form.locator("input[maxlength='1000']").first
    await address.fill("{{ticker")
    await create.click()
    await form.locator(".problem").wait_for()
    assert await address.input_value() == "{{ticker"
    assert await form.get_by_label("Name").input_value() == "Alerts of mine"
    window.check()


async def test_rules_that_contradict_their_limits(window: Window, holder: dict[str, Any]) -> None:
    await window.visit(f"/agents/{holder['id']}/configuration")
    most = window.page.get_by_label("Most for one token")
    await most.fill("plenty")
    await window.page.locator(".problem").first.wait_for()
    assert await window.page.get_by_role("button", name="Review and save").is_disabled()
    assert await most.input_value() == "plenty"
    await window.page.get_by_role("button", name="Discard").click()

    # What only the service can tell: the range ends before it begins.
    start, end = (
        window.page.get_by_label("Market cap at least"),
        window.page.get_by_label("Market cap at most"),
    )
    await start.fill("2000")
    await end.fill("1000")
    await window.page.get_by_role("button", name="Review and save").click()
    await _dialog(window).get_by_role("button", name="Save", exact=True).click()
    await _says(_dialog(window), "Not saved.")
    await _dialog(window).get_by_role("button", name="Go on editing").click()
    assert (await start.input_value(), await end.input_value()) == ("2000", "1000")
    window.check()


async def test_a_file_with_rules_is_taken_as_a_whole_or_not_at_all(
    window: Window, product: Product, holder: dict[str, Any]
) -> None:
    await window.visit(f"/agents/{holder['id']}/configuration")
    most = window.page.get_by_label("Most for one token")
    await most.fill("1.25")
    chooser = window.page.get_by_label("File with rules")
    notice = window.page.get_by_role("alert").filter(has_text="cannot be used")

    async def opened(content: str) -> None:
        file = {"name": "rules.json", "mimeType": "application/json", "buffer": content.encode()}
        await chooser.set_input_files(file)

    for content, said in _NO_RULES:
        await opened(content)
        for one in said:
            await notice.filter(has_text=one).wait_for()
        assert "SyntaxError" not in await notice.inner_text()
        assert await most.input_value() == "1.25"
    await notice.get_by_role("button", name="Dismiss").click()
    assert await notice.count() == 0

    config = (await product.call("GET", f"/agents/{holder['id']}/config"))["config"]
    await opened(json.dumps({"kind": "nexgent-config", "config": config}, default=str))
    told = window.page.get_by_text("is in the form. Nothing is saved yet.")
    await told.wait_for()
    assert await most.input_value() == str(config["purchaseLimits"]["maxPurchasePerToken"])
    # What is said covers nothing that one wants to press, however narrow the window.
    await most.fill("1.25")
    button = await window.page.get_by_role("button", name="Review and save").bounding_box()
    toast = await told.locator("xpath=..").bounding_box()
    assert button["y"] + button["height"] <= toast["y"]
    window.check()


async def test_an_api_key_without_rights(window: Window) -> None:
    await window.visit("/access/keys")
    await window.page.get_by_role("button", name="New key").first.click()
    form = _dialog(window)
    create = form.get_by_role("button", name="Create key")
    await form.get_by_label("Name").fill("Bot")
    assert await create.is_disabled()
    await form.get_by_role("checkbox").first.check()
    await form.get_by_label("Name").fill("  ")
    assert await create.is_disabled()
    window.check()


async def test_a_target_of_notifications_is_made_told_off_and_removed(window: Window) -> None:
    await window.visit("/access/notifications")
    await window.page.get_by_role("button", name="New target").first.click()
    form = _dialog(window)
    await form.get_by_label("Name").fill("Ledger")
    await form.get_by_label("Who is told").select_option("webhook")
    # An address of this machine is none that may be told.
    await form.get_by_label("Address").fill("http://127.0.0.1:9/x")
    await form.get_by_role("button", name="Make the target").click()
    await form.locator(".problem").wait_for()
    await form.get_by_label("Address").fill("https://ledger.example/hook-nobody-knows")
    await form.get_by_label("Quiet hours").check()
    await form.get_by_role("button", name="Make the target").click()
    secret = await form.get_by_label("Secret").input_value()
    assert secret.startswith("whsec_")
    # It is shown this once: a slip of the hand does not take it away.
    for _ in range(2):
        await window.page.keyboard.press("Escape")
    await window.page.mouse.click(1, 1)
    assert await form.get_by_label("Secret").input_value() == secret
    await form.get_by_role("button", name="I have put it away").click()

    row = window.page.get_by_role("row").filter(has_text="Ledger")
    assert "https://ledger.example/…" in await row.inner_text()
    assert "quiet 22:00–07:00" in await row.inner_text()
    assert "hook-nobody-knows" not in await window.page.content()
    await row.get_by_role("button", name="Switch Ledger off").click()
    await _dialog(window).get_by_role("button", name="Switch it off").click()
    await row.get_by_text("Off", exact=True).wait_for()
    await row.get_by_role("button", name="Remove Ledger").click()
    await _dialog(window).get_by_role("button", name="Remove it").click()
    await row.wait_for(state="detached")
    assert [one for one in window.refusals if "notifications/targets" not in one] == []
    window.check()


async def test_a_weak_password_and_a_wrong_one(window: Window) -> None:
    await window.visit("/access/sessions")
    form = window.page.locator("form").filter(has_text="Present password")
    await form.get_by_label("New password", exact=True).fill("short")
    await _says(form, "At least 8 characters")
    await form.get_by_label("New password", exact=True).fill("longer-than-that")
    await _says(form, "still needs an upper-case letter, a digit")
    await form.get_by_label("New password", exact=True).fill("Longer-than-that-1")
    await form.get_by_label("New password again").fill("Longer-than-that-2")
    await _says(form, "The two are not the same")
    await form.get_by_label("New password again").fill("Longer-than-that-1")
    await form.get_by_label("Present password").fill("not-the-Password-1")
    await form.get_by_role("button", name="Change password").click()
    await form.locator(".problem").wait_for()
    assert await form.get_by_label("Present password").input_value() == "not-the-Password-1"
    assert await form.get_by_label("New password", exact=True).input_value() == "Longer-than-that-1"
    window.check()


async def test_a_wallet_with_a_short_passphrase_or_no_key(window: Window, holder: dict[str, Any]) -> None:
    await window.visit("/access/wallets")
    await window.page.get_by_role("button", name="New wallet").click()
    form = _dialog(window)
    await form.get_by_text("this moves real money").wait_for()
    await form.get_by_label("Passphrase", exact=True).fill("too short")
    await _says(form, "At least 12 characters")
    await form.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    await form.get_by_label("Passphrase again").fill("another one entirely")
    await _says(form, "The two are not the same")
    await form.get_by_label("Passphrase again").fill(PASSPHRASE)
    await form.get_by_text("Import a key").click()
    for key in ("no key", "[1, 2, 3]", "[1, 2"):
        await form.get_by_label("Private key").fill(key)
        await form.get_by_role("button", name="Import wallet").click()
        await form.locator(".problem").wait_for()
        assert await form.get_by_label("Private key").input_value() == key
        # What has been typed wrong may be a key with a slip in it: it must not stand in a message.
        assert key not in await form.locator(".problem").inner_text()
        await form.get_by_label("Private key").fill("")
    window.check()


async def test_unlocking_with_a_wrong_passphrase(dashboard: Dashboard, product: Product) -> None:
    live = await product.call("POST", "/agents", {"name": "Locked", "tradingMode": "live"}, expect=201)
    wallet = await product.call(
        "POST", "/wallets", {"agentId": live["id"], "passphrase": PASSPHRASE}, expect=201
    )
    window = await dashboard.visitor("/access/wallets", NARROW)
    card = window.page.get_by_label(f"Wallet {wallet['walletAddress']}")
    await card.get_by_role("button", name="Unlock").click()
    form = _dialog(window)
    assert await form.get_by_role("button", name="Unlock").is_disabled()
    await form.get_by_label("Passphrase").fill("not the passphrase")
    await form.get_by_role("button", name="Unlock").click()
    await form.locator(".problem").wait_for()
    assert await form.get_by_label("Passphrase").input_value() == "not the passphrase"
    assert not (await product.call("GET", "/wallets"))["wallets"][0]["isUnlocked"]
    window.check()


async def test_assigning_when_no_wallet_is_free(window: Window) -> None:
    await window.visit("/access/wallets")
    await window.page.get_by_role("button", name="Assign").click()
    form = _dialog(window)
    await form.get_by_text("No wallet is free").wait_for()
    assert await form.get_by_role("button", name="Assign").is_disabled()
    window.check()
