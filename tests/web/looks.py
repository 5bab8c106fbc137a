"""What is wrong with what a window shows: too wide, or nothing everybody could use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.dashboard import Window

axe = pytest.importorskip("axe_playwright_python.base", reason="axe-core is missing: run `make setup-dev`")

_GRAVE = {"serious", "critical"}
_ABOUT_COLOURS = ["color-contrast", "link-in-text-block"]
_VIOLATIONS = {"resultTypes": ["violations"]}
_COLOURS = {**_VIOLATIONS, "runOnly": {"type": "rule", "values": _ABOUT_COLOURS}}
_ALL_ELSE = {**_VIOLATIONS, "rules": {rule: {"enabled": False} for rule in _ABOUT_COLOURS}}
# What a rule finds is as grave as the rule: those that are not looked at need not run.
_RUN = f"""(options) => {{
  const slight = axe._audit.rules.filter((rule) => rule.impact && !{sorted(_GRAVE)}.includes(rule.impact))
  const off = Object.fromEntries(slight.map((rule) => [rule.id, {{ enabled: false }}]))
  return axe.run(WHERE, options.runOnly ? options : {{ ...options, rules: {{ ...off, ...options.rules }} }})
}}"""


# The words that are seen, each by what decides whether it can be read: its colours and those behind it, its size and weight. What
# is behind an element is found once for all that stand on it, and all of it is told in one number: looks are sent to and fro.
_WORDS = """() => {
  const number = (text) => {
    let [high, low] = [0xdeadbeef, 0x41c6ce57]
    for (let i = 0; i < text.length; i++) {
      high = Math.imul(high ^ text.charCodeAt(i), 2654435761)
      low = Math.imul(low ^ text.charCodeAt(i), 1597334677)
    }
    high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
    low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
    return (low >>> 11) * 4294967296 + (high >>> 0)
  }
  const found = new Map([[null, 0]])
  const behind = (element) => {
    if (!found.has(element)) {
      const { color, backgroundColor, backgroundImage, opacity, filter } = getComputedStyle(element)
      const own = [color, backgroundColor, backgroundImage, opacity, filter]
      found.set(element, number([...own, behind(element.parentElement)].join()))
    }
    return found.get(element)
  }
  return [...document.querySelectorAll('body *')].flatMap((element) => {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '')
    if ((!own && !element.matches('input, select, textarea')) || !element.checkVisibility()) return []
    const { fontSize, fontWeight, textDecorationLine, textShadow } = getComputedStyle(element)
    const look = [element.tagName, fontSize, fontWeight, textDecorationLine, textShadow, behind(element)]
    return [[element, number(look.join())]]
  })
}"""
_NEW_WORDS = f"""(known) => {{
  const seen = new Set(known)
  window.newWords = ({_WORDS})().filter(([, key]) => !seen.has(key) && seen.add(key))
  return window.newWords.map(([, key]) => key)
}}"""
_readable: set[int] = set()
"""Looks of words that have been judged: there are few, and they are on every page."""


async def look_at_colours(window: Window, what: str) -> list[str]:
    """Return which words cannot be read now, of those whose colours have not been judged yet."""
    await _load(window)
    keys = await window.page.evaluate(_NEW_WORDS, sorted(_readable))
    if not keys:
        return []
    found = await _judge(window, what, "window.newWords.map(([element]) => element)", _COLOURS)
    if not found:
        _readable.update(keys)
    return found


async def look(window: Window, what: str) -> list[str]:
    """Return what is wrong now. Whether words can be read takes half of the work: each look of words is judged once."""
    found = []
    if (wide := await window.overhang()) > 0:
        found.append(f"{what}: {wide} px wider than its window")
    await _load(window)
    found += await _judge(window, what, "document", _ALL_ELSE)
    return found + await look_at_colours(window, what)


async def _load(window: Window) -> None:
    if not await window.page.evaluate("'axe' in window"):
        await window.page.evaluate(axe.AXE_SCRIPT)


async def _judge(window: Window, what: str, where: str, options: dict[str, Any]) -> list[str]:
    found = []
    said = await window.page.evaluate(_RUN.replace("WHERE", where), options)
    for violation in said["violations"]:
        if violation["impact"] in _GRAVE:
            places = "; ".join(
                f"{node['target']} {node['failureSummary']}" for node in violation["nodes"][:4]
            )
            found.append(f"{what}: {violation['id']} ({violation['impact']}): {places}")
    return found


async def look_in_both_themes(window: Window, what: str) -> list[str]:
    """Return what is wrong with what is shown, dark or light; what differs between them is colours. It stays light."""
    await window.page.emulate_media(color_scheme="dark")
    wrong = await look(window, f"{what}, dark")
    await window.page.emulate_media(color_scheme="light")
    if (wide := await window.overhang()) > 0:
        wrong.append(f"{what}, light: {wide} px wider than its window")
    return wrong + await look_at_colours(window, f"{what}, light")


async def check_both_themes(window: Window, what: str) -> None:
    """Fail when something is wrong with what is shown, dark or light."""
    wrong = await look_in_both_themes(window, what)
    assert not wrong, "\n".join(wrong)
