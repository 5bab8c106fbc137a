"""Names that people give, or do not give: they are told apart, shown as they are, and never break a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until
from tests.web.dashboard import NARROW, WIDE, Dashboard, Window
from tests.web.furnished import buy, two_tokens

pytestmark = pytest.mark.asyncio(loop_scope="package")

_PATIENT = {"positionCalculator": {"randomization": {"enabled": False}}, "stopLoss": {"enabled": False}}
_ODD = {
    "markup": "<img src=x onerror=window.broken=1>",
    "right to left": "סקאוט اللاعب \u202egnorw\u202c",
    "pictures": "🚀🌕👩‍🚀 to the moon",
    "one long word": "Longname" * 6,
    "looks like code": "{{ agent.name }} ${name} %s",
}
# What stands beyond the window's edge, except where it can be scrolled to.
_SPILLED = """() => [...document.querySelectorAll('main *')]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
  .filter((one) => !one.closest('.tabs, .frame'))
  .map((one) => one.outerHTML.slice(0, 200))"""


async def test_agents_of_the_same_name_can_be_told_apart(dashboard: Dashboard, product: Product) -> None:
    token, _ = await two_tokens(product)
    agents = [await product.agent("Twin", "10", _PATIENT) for _ in range(2)]
    for agent in agents:
        await product.call("PUT", f"/agents/{agent['id']}", {"automatedTradingSimulation": False})
        await buy(product, agent["id"], token)
    window = await dashboard.visitor(f"/tokens/{token['mint']}?symbol=HELD")
    table = window.page.get_by_role("table", name="Open positions")
    for name, agent in zip(("Twin", "Twin (2)"), agents, strict=True):
        link = table.get_by_role("link", name=name, exact=True)
        assert await link.get_attribute("href") == f"#/agents/{agent['id']}"
    events = window.page.get_by_role("table", name="What happened to this token")
    for name in ("Twin", "Twin (2)"):
        await events.get_by_role("cell", name=name, exact=True).wait_for()
    await window.visit("/history/transactions")
    labels = await window.page.get_by_label("Agent", exact=True).locator("option").all_inner_texts()
    assert {"Twin", "Twin (2)"} <= set(labels)
    assert len(labels) == len(set(labels))
    # Whoever renames one sees the name as it is.
    await window.visit(f"/agents/{agents[1]['id']}/settings")
    await window.page.get_by_role("heading", name="Twin (2)").wait_for()
    assert await window.page.get_by_label("Name").input_value() == "Twin"
    window.check()


async def test_a_token_without_a_symbol_is_called_by_its_address(
    dashboard: Dashboard, product: Product
) -> None:
    async with SandboxControl(product.sandbox_url) as control:
        [token] = await control.add_tokens(
            [{"symbol": "GONE", "priceSol": "0.001", "liquiditySol": "1000", "decimals": 6}]
        )
    mint = token["mint"]
    short = f"{mint[:5]}…{mint[-4:]}"
    created = await product.call(
        "POST",
        "/trading-signals",
        {"tokenAddress": mint, "signalType": "TEST", "signalStrength": 3},
        expect=201,
    )
    window = await dashboard.visitor("/signals")
    row = window.page.get_by_role("row").filter(has=window.page.get_by_title(mint))
    await row.get_by_role("link", name=short).wait_for()
    await window.visit(f"/signals/{created['id']}")
    await window.page.get_by_role("heading", name=f"Signal for {short}").wait_for()
    await window.visit("/tokens")
    await window.page.get_by_role("link", name=short).first.wait_for()
    for text in ("No symbol", "TOKEN"):
        assert await window.page.get_by_text(text, exact=True).count() == 0
    window.check()


@dataclass(frozen=True)
class Odd:
    """An agent with an odd name that holds a token with as odd a symbol."""

    agent_id: str
    name: str
    mint: str
    symbol: str


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def odd(product: Product) -> dict[str, Odd]:
    """An agent of each kind of name."""
    market = {"priceSol": "0.001", "liquiditySol": "1000", "decimals": 6}
    async with SandboxControl(product.sandbox_url) as control:
        tokens = await control.add_tokens(
            [{"symbol": f"ODD{number}", **market} for number in range(len(_ODD))]
        )
    made = {}
    for (kind, name), token in zip(_ODD.items(), tokens, strict=True):
        agent = await product.agent(name, "10", _PATIENT)
        await product.call("PUT", f"/agents/{agent['id']}", {"automatedTradingSimulation": False})
        made[kind] = Odd(agent["id"], name, token["mint"], symbol=name[:20])
        await product.signal(token["mint"], made[kind].symbol)
        await buy(product, agent["id"], {**token, "symbol": made[kind].symbol})
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def desk(product: Product, browser: Any, odd: Mapping[str, Odd]) -> AsyncIterator[Window]:
    """A wide window, logged in, which knows all odd names: a new one each time takes as much as what is looked at."""
    assert odd
    async with Dashboard(product, browser) as dashboard:
        yield await dashboard.visitor("/", WIDE)


@pytest_asyncio.fixture(loop_scope="package")
async def window(desk: Window) -> Window:
    desk.forget()
    return desk


@pytest.mark.parametrize("kind", _ODD)
async def test_odd_names_are_shown_as_they_are(window: Window, odd: Mapping[str, Odd], kind: str) -> None:
    one = odd[kind]
    await _fits(window, f"/agents/{one.agent_id}", one.name, one.symbol)
    await _fits(window, f"/agents/{one.agent_id}/settings")
    await _fits(window, f"/agents/{one.agent_id}/wallet")
    await _fits(window, f"/tokens/{one.mint}", one.symbol)
    assert await window.page.evaluate("window.broken") is None
    window.check()


async def test_odd_names_are_shown_as_they_are_in_lists(window: Window, odd: Mapping[str, Odd]) -> None:
    names, symbols = [one.name for one in odd.values()], [one.symbol for one in odd.values()]
    await _fits(window, "/agents", *names)
    await _fits(window, "/", *symbols)
    await _fits(window, "/tokens", *symbols)
    await _fits(window, "/signals", *symbols)
    await _fits(window, "/history/transactions")
    await _fits(window, "/access/wallets", *names)
    assert await window.page.evaluate("window.broken") is None
    window.check()


async def _fits(window: Window, path: str, *texts: str) -> None:
    await window.visit(path)
    for text in texts:
        await window.page.get_by_text(text).first.wait_for()
    for width in (NARROW, WIDE):
        await window.resize(width)
        assert await window.overhang() <= 0, f"{path}, {width} px"
        spilled = await window.page.evaluate(_SPILLED)
        assert spilled == [], f"{path}, {width} px"


async def test_the_tab_that_is_shown_is_in_sight_on_a_phone(dashboard: Dashboard, product: Product) -> None:
    agent = await product.agent("Turned", "10")

    async def in_sight(window: Window, label: str) -> bool:
        seen: bool = await window.page.get_by_label(label, exact=True).evaluate(
            """(bar) => {
              const [box, tab] = [bar, bar.querySelector('[aria-current]')].map((one) => one.getBoundingClientRect())
              return tab.left >= box.left - 1 && tab.right <= box.right + 1
            }"""
        )
        return seen

    window = await dashboard.visitor("/", WIDE)
    bars: dict[str, Any] = {
        f"/agents/{agent['id']}/settings": "Parts of the agent",
        "/access/users": "Parts of this page",
    }
    for path, label in bars.items():
        await window.resize(WIDE)
        await window.visit(path)
        await window.resize(NARROW)
        await until(partial(in_sight, window, label), f"{path}: the tab is in sight")
    window.check()
