"""Every page, on a phone and on a desk, dark and light: nothing fails, nothing is fetched elsewhere, and everybody can use it.

With `SCREENSHOTS` set to a folder, a picture of each page in both themes is put there: `make screenshots`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.product import Product
from tests.web.dashboard import NARROW, WIDE, Dashboard, Window
from tests.web.furnished import Furnished, furnish

pytestmark = pytest.mark.asyncio(loop_scope="package")

axe = pytest.importorskip("axe_playwright_python.base", reason="axe-core is missing: run `make setup-dev`")

_GRAVE = {"serious", "critical"}
_ALL = {"resultTypes": ["violations"]}
_COLOURS = {**_ALL, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


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
            wrong += await _look(
                window, f"{name}, {width} px, {theme}", _ALL if theme == "dark" else _COLOURS
            )
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
        wrong += await _look(window, f"login, {width} px, {theme}", _ALL)
        await _picture(window, f"login-{width}-{theme}")
    assert not wrong, "\n".join(wrong)
    assert window.refusals == []
    window.check()


async def _look(window: Window, what: str, options: dict[str, Any]) -> list[str]:
    found = []
    if (wide := await window.overhang()) > 0:
        found.append(f"{what}: {wide} px wider than its window")
    if not await window.page.evaluate("'axe' in window"):
        await window.page.evaluate(axe.AXE_SCRIPT)
    said = await window.page.evaluate("(options) => axe.run(document, options)", options)
    for violation in said["violations"]:
        if violation["impact"] in _GRAVE:
            places = "; ".join(
                f"{node['target']} {node['failureSummary']}" for node in violation["nodes"][:4]
            )
            found.append(f"{what}: {violation['id']} ({violation['impact']}): {places}")
    return found


async def _picture(window: Window, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        await window.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
