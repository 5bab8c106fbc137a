"""What is wrong with what a window shows: too wide, or nothing everybody could use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.dashboard import Window

axe = pytest.importorskip("axe_playwright_python.base", reason="axe-core is missing: run `make setup-dev`")

_GRAVE = {"serious", "critical"}
ALL = {"resultTypes": ["violations"]}
COLOURS = {**ALL, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


async def look(window: Window, what: str, options: dict[str, Any]) -> list[str]:
    """Return what is wrong now."""
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


async def check_both_themes(window: Window, what: str) -> None:
    """Fail when something is wrong with what is shown, dark or light; what differs between them is colours."""
    wrong: list[str] = []
    for theme in ("dark", "light"):
        await window.page.emulate_media(color_scheme=theme)
        wrong += await look(window, f"{what}, {theme}", ALL if theme == "dark" else COLOURS)
    assert not wrong, "\n".join(wrong)
