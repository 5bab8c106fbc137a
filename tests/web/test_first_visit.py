"""From the first visit to the first trade, as somebody who has just been given an account."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.product import ADMIN_PASSWORD, Product
from tests.web.dashboard import NARROW, WIDE, Dashboard, Window
from tests.web.furnished import two_tokens

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_from_the_first_visit_to_the_first_trade(product: Product, dashboard: Dashboard) -> None:
    newcomer = f"{uuid4().hex}@example.com"
    account = {"email": newcomer, "password": ADMIN_PASSWORD}
    (await product.http.post(f"{product.url}/api/v1/auth/register", json=account)).raise_for_status()
    phone, desk = [await dashboard.stranger(width) for width in (NARROW, WIDE)]
    listed = asyncio.Event()

    async def late(route: Any) -> None:
        await listed.wait()
        await route.continue_()

    # That there are no agents yet is learnt while the first one is being made: what is typed stays.
    await phone.page.route("**/api/v1/agents", late)

    await _log_in(desk, newcomer)
    await _log_in(phone, newcomer)
    await phone.page.get_by_role("button", name="New agent").first.click()
    await phone.page.get_by_label("Name").fill("Scout")
    listed.set()
    await phone.page.get_by_text("Create your first agent").wait_for()
    await phone.page.get_by_role("button", name="Create agent").click()
    await phone.page.get_by_label("Deposit made-up SOL").fill("10")
    await phone.page.get_by_role("button", name="Deposit", exact=True).click()
    await phone.page.get_by_text("deposited").first.wait_for()
    # Made in one window, it is in the other one as well.
    await desk.page.get_by_role("link", name="Scout").first.wait_for()

    token, _ = await two_tokens(product)
    signal = {
        "tokenAddress": token["mint"],
        "symbol": "FIRST",
        "signalType": "TEST",
        "signalStrength": 3,
    }
    await product.call("POST", "/trading-signals", signal, user=newcomer, expect=201)

    await phone.visit("/")
    for window in (phone, desk):
        await window.page.get_by_text("FIRST", exact=True).first.wait_for()
        assert await window.overhang() <= 0, "the page is wider than its window"
        window.check()
        assert window.refusals == []


async def _log_in(window: Window, email: str) -> None:
    await window.visit("/")
    await window.log_in(email)
    await window.page.get_by_role("heading", name="Overview").wait_for()
