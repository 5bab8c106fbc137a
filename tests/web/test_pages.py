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
from tests.web.looks import ALL, COLOURS, look

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def furnished(product: Product) -> Furnished:
    """Something on every page."""
    return await furnish(product)


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_every_page_works_and_is_accessible(
    dashboard: Dashboard, furnished: Furnished, width: int
) -> None:
    window = await dashboard.visitor("/", width)
    wrong: list[str] = []
    for name, path in furnished.paths().items():
        await window.visit(path)
        for theme in ("dark", "light"):
            await window.page.emulate_media(color_scheme=theme)
            # What differs between the themes is colours.
            wrong += await look(window, f"{name}, {width} px, {theme}", ALL if theme == "dark" else COLOURS)
            await _picture(window, f"{name}-{width}-{theme}")
    assert not wrong, "\n".join(wrong)
    assert window.refusals == []
    window.check()


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_the_way_in_works_and_is_accessible(dashboard: Dashboard, width: int) -> None:
    window = await dashboard.stranger(width)
    await window.visit("/")
    wrong: list[str] = []
    for theme in ("dark", "light"):
        await window.page.emulate_media(color_scheme=theme)
        wrong += await look(window, f"login, {width} px, {theme}", ALL)
        await _picture(window, f"login-{width}-{theme}")
    assert not wrong, "\n".join(wrong)
    assert window.refusals == []
    window.check()


async def _picture(window: Window, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        await window.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
