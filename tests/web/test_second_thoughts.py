"""People who go back, press twice, leave in the middle, use the keyboard only, or are two in one browser."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.product import ADMIN_PASSWORD, Product, until
from tests.web.dashboard import NARROW, WIDE, Dashboard, Window

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(loop_scope="package")
async def agent(product: Product) -> dict[str, Any]:
    """An agent of its own for each."""
    return await product.agent("Hesitant", "10")


def _dialog(window: Window) -> Any:
    return window.page.get_by_role("dialog")


async def _type(window: Window, label: str, text: str) -> None:
    await window.page.get_by_label(label).fill(text)


async def test_going_back_closes_what_was_asked(dashboard: Dashboard, agent: dict[str, Any]) -> None:
    window = await dashboard.visitor("/agents", NARROW)
    await window.visit(f"/agents/{agent['id']}/settings")
    await window.page.get_by_role("button", name="Delete…").click()
    await _dialog(window).get_by_text("Delete Hesitant").wait_for()
    await window.page.go_back()
    await window.page.get_by_role("heading", name="Agents").wait_for()
    assert await _dialog(window).count() == 0
    await window.visit(f"/agents/{agent['id']}/positions")
    await window.visit(f"/agents/{agent['id']}/wallet")
    await window.page.get_by_role("button", name="Buy", exact=True).click()
    await _dialog(window).wait_for()
    await window.page.go_back()
    await _dialog(window).wait_for(state="detached")
    window.check()


async def test_a_question_is_not_left_to_whoever_logs_in_next(
    dashboard: Dashboard, agent: dict[str, Any]
) -> None:
    window = await dashboard.visitor(f"/agents/{agent['id']}/settings")
    other = await dashboard.second_tab(window, "/")
    await window.page.get_by_role("button", name="Delete…").click()
    await _dialog(window).wait_for()
    await other.page.get_by_label("Account and appearance").click()
    await other.page.get_by_role("button", name="Log out").click()
    await window.page.get_by_text("You have logged out in another tab.").wait_for()
    assert await _dialog(window).count() == 0
    # Logging in again in one of them is enough for both.
    await other.log_in()
    await other.page.locator("main#main").wait_for()
    await window.page.get_by_role("heading", name="Hesitant").wait_for()
    assert await _dialog(window).count() == 0


async def test_another_user_in_another_tab_is_another_user_in_all_of_them(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    email = "roommate@example.com"
    await product.call("POST", "/admin/users", {"email": email, "password": ADMIN_PASSWORD}, expect=201)
    window = await dashboard.visitor(f"/agents/{agent['id']}")
    await window.page.get_by_role("heading", name="Hesitant").wait_for()
    other = await dashboard.second_tab(window, "/")
    await other.page.evaluate("localStorage.removeItem('nexgent-session')")
    await other.page.reload()
    await other.log_in(email, ADMIN_PASSWORD)
    await other.page.get_by_text("Create your first agent").wait_for()
    await window.page.get_by_role("heading", name="There is no such agent").wait_for()
    await window.page.get_by_label("Account and appearance").click()
    await window.page.get_by_text(email).wait_for()


async def test_rules_that_were_not_saved_are_still_there(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    where = f"/agents/{agent['id']}"
    window = await dashboard.visitor(f"{where}/configuration", NARROW)
    await _type(window, "Most for one token", "1.75")
    await _type(window, "Balance that must remain", "much")
    await window.page.get_by_label("Parts of the agent").get_by_role("link", name="Wallet").click()
    await window.page.get_by_label("Deposit made-up SOL").wait_for()
    await window.page.go_back()
    await window.page.get_by_text("What you had changed and not saved is in the form again.").wait_for()
    assert await window.page.get_by_label("Most for one token").input_value() == "1.75"
    assert await window.page.get_by_label("Balance that must remain").input_value() == "much"
    # What somebody else saves meanwhile is neither lost nor undone.
    await _type(window, "Balance that must remain", "0.5")
    await window.visit("/agents")
    patch = {"config": {"purchaseLimits": {"maxPriceImpact": 0.04}}}
    await product.call("PATCH", f"{where}/config", patch)
    await window.visit(f"{where}/configuration")
    assert await window.page.get_by_label("Most for one token").input_value() == "1.75"
    assert await window.page.get_by_label("Largest price impact").input_value() == "0.04"
    await window.page.get_by_role("button", name="Review and save").click()
    await _dialog(window).get_by_role("button", name="Save", exact=True).click()
    await window.page.get_by_text("Saved. The new rules apply from now on").first.wait_for()
    limits = (await product.call("GET", f"{where}/config"))["config"]["purchaseLimits"]
    assert (limits["maxPurchasePerToken"], limits["maxPriceImpact"]) == (Decimal("1.75"), Decimal("0.04"))
    await window.visit("/agents")
    await window.visit(f"{where}/configuration")
    assert await window.page.get_by_role("button", name="Review and save").count() == 0
    window.check()


async def test_pressing_twice_does_it_once(
    dashboard: Dashboard, product: Product, agent: dict[str, Any]
) -> None:
    window = await dashboard.visitor(f"/agents/{agent['id']}/wallet")
    twice = "(form) => { form.requestSubmit(); form.requestSubmit() }"
    await _type(window, "Deposit made-up SOL", "3")
    form = window.page.locator("form").filter(has_text="Deposit made-up SOL")
    await form.evaluate(twice)
    await window.page.get_by_text("3.0000 SOL deposited").first.wait_for()
    await window.complete()
    assert await product.sol_balance(agent["id"]) == Decimal(13)
    await window.visit("/agents")
    await window.page.get_by_role("button", name="New agent").click()
    await _dialog(window).get_by_label("Name").fill("Only one")
    await _dialog(window).locator("form").evaluate(twice)
    await window.page.get_by_text("Only one is there.").first.wait_for()
    await window.complete()
    names = [one["name"] for one in await product.call("GET", "/agents")]
    assert names.count("Only one") == 1
    assert window.refusals == []
    window.check()


async def test_the_keyboard_is_enough(dashboard: Dashboard, product: Product) -> None:
    window = await dashboard.visitor("/agents", WIDE)
    page = window.page
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("Tab")
    assert await _focused(window) == "Skip to content"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await _focused(window) == "New agent"
    await page.keyboard.press("Enter")
    await _dialog(window).wait_for()
    await page.keyboard.press("Escape")
    await _dialog(window).wait_for(state="detached")

    async def is_back() -> bool:
        return await _focused(window) == "New agent"

    await until(is_back, "the focus is where the dialog was opened")
    await page.keyboard.press("Enter")
    await page.keyboard.type("Typed only")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Typed only").wait_for()
    # All tabs, then what is on the page.
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await _focused(window) == "Wallet":
            break
    await page.keyboard.press("Enter")
    await page.get_by_label("Deposit made-up SOL").wait_for()
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.matches('input')"):
            break
    await page.keyboard.type("4")
    await page.keyboard.press("Enter")
    await page.get_by_text("4.0000 SOL deposited").first.wait_for()
    [made] = [one for one in await product.call("GET", "/agents") if one["name"] == "Typed only"]
    assert await product.sol_balance(made["id"]) == Decimal(4)
    window.check()


async def _focused(window: Window) -> str:
    text: str = await window.page.evaluate("document.activeElement.textContent.trim()")
    return text


async def test_reloading_in_the_middle_leads_back_to_the_same_place(
    dashboard: Dashboard, agent: dict[str, Any]
) -> None:
    window = await dashboard.visitor(f"/agents/{agent['id']}/protections", NARROW)
    await window.page.get_by_role("button", name="Buy", exact=True).click()
    await _dialog(window).get_by_label("Token address").fill("half an addr")
    await window.page.reload()
    await window.complete()
    await window.page.get_by_role("heading", name="Hesitant").wait_for()
    assert await _dialog(window).count() == 0
    shown = window.page.get_by_label("Parts of the agent").locator("[aria-current]")
    assert await shown.inner_text() == "Protections"
    window.check()
