"""Every page, on a phone and on a desk, dark and light: nothing fails, nothing is fetched elsewhere, and everybody can use it.

With `SCREENSHOTS` set to a folder, a picture of each page in both themes is put there: `make screenshots`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.product import Product
from tests.web.dashboard import NARROW, WIDE, Dashboard, Window
from tests.web.furnished import Furnished, furnish
from tests.web.looks import check_both_themes, look, look_in_both_themes

pytestmark = pytest.mark.asyncio(loop_scope="package")

_DIALOGS = {
    "overview": "Stop",
    "agent-positions": "Buy",
    "agent-configuration": "Versions",
    "wallets": "New wallet",
}
"""What opens a dialog on a page: those with the most in them."""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def furnished(product: Product) -> Furnished:
    """Something on every page."""
    return await furnish(product)


async def test_every_page_works_and_is_accessible(dashboard: Dashboard, furnished: Furnished) -> None:
    window = await dashboard.visitor("/", NARROW)
    wrong: list[str] = []
    for name, path in furnished.paths().items():
        await window.visit(path)
        for width in (NARROW, WIDE):
            await window.resize(width)
            wrong += await look_in_both_themes(window, f"{name}, {width} px")
            await _pictures(window, f"{name}-{width}")
        if (button := _DIALOGS.get(name)) is not None:
            # The page is light now.
            await window.page.get_by_role("button", name=button, exact=True).first.click()
            await window.page.get_by_role("dialog").wait_for()
            wrong += await look(window, f"{name}, {button}, light")
            await _pictures(window, f"{name}-dialog")
            await window.page.keyboard.press("Escape")
    assert not wrong, "\n".join(wrong)
    assert window.refusals == []
    window.check()


async def test_tables_fit_on_a_small_screen(dashboard: Dashboard, furnished: Furnished) -> None:
    window = await dashboard.visitor("/", 1280)
    paths, hidden = furnished.paths(), {}
    tables = {
        "agent-positions": "Open positions",
        "token": "Open positions",
        "agent-trades": "Closed trades",
        "history": "Closed trades",
        "history-transactions": "Transactions, newest first",
    }
    for name, caption in tables.items():
        await window.visit(paths[name])
        if name == "history-transactions":
            await window.page.get_by_label("Agent").select_option("Scout")
        table = window.page.get_by_role("table", name=caption)
        await table.wait_for()
        for width in (1024, 1280):
            await window.resize(width)
            hidden[name, width] = await table.evaluate(
                "(one) => one.parentElement.scrollWidth - one.parentElement.clientWidth"
            )
    assert hidden == dict.fromkeys(hidden, 0), "pixels that are only seen by scrolling"


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_the_way_in_works_and_is_accessible(dashboard: Dashboard, width: int) -> None:
    window = await dashboard.stranger(width)
    await window.visit("/")
    await check_both_themes(window, f"login, {width} px")
    await _pictures(window, f"login-{width}")
    assert window.refusals == []
    window.check()


async def _pictures(window: Window, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        for theme in ("dark", "light"):
            await window.page.emulate_media(color_scheme=theme)
            await window.page.screenshot(path=Path(folder) / f"{name}-{theme}.png", full_page=True)
