"""What takes long says what is being done and how far it is, can be stopped where that does no harm, and ends with a result."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.product import ADMIN_PASSWORD, Product
from tests.web.dashboard import NARROW, Dashboard, Window
from tests.web.furnished import buy, two_tokens
from tests.web.looks import check_both_themes

pytestmark = pytest.mark.asyncio(loop_scope="package")

_SIGNALS = 40
_REASON = "x" * 1000
_SLOW_BYTES_A_SECOND = 15_000


@asynccontextmanager
async def _held(window: Window, pattern: str, method: str) -> AsyncIterator[asyncio.Event]:
    """Hold back what the page asks for until the event is set, as a service that takes its time."""
    go_on = asyncio.Event()

    async def hold(route: Any) -> None:
        if route.request.method == method:
            await go_on.wait()
        await route.continue_()

    await window.page.route(re.compile(pattern), hold)
    try:
        yield go_on
    finally:
        go_on.set()
        await window.page.unroute_all(behavior="wait")


async def test_a_long_export_says_how_much_has_come_and_can_be_stopped(
    dashboard: Dashboard, product: Product, tmp_path: Path
) -> None:
    email = f"{uuid4().hex}@example.com"
    account = {"email": email, "password": ADMIN_PASSWORD}
    (await product.http.post(f"{product.url}/api/v1/auth/register", json=account)).raise_for_status()
    token, _ = await two_tokens(product)
    for number in range(_SIGNALS):
        signal = {"tokenAddress": token["mint"], "signalType": f"T{number}", "signalStrength": 3}
        await product.call(
            "POST", "/trading-signals", {**signal, "activationReason": _REASON}, user=email, expect=201
        )
    window = await dashboard.stranger(NARROW)
    await window.visit("/signals")
    await window.log_in(email)
    export = window.page.get_by_role("group", name="Export signals")
    as_csv = export.get_by_role("button", name="Export signals as CSV")
    await as_csv.wait_for()
    await window.complete()

    async with _held(window, "/trading-signals/export", "GET") as go_on:
        await as_csv.click()
        await export.get_by_text("the service gathers them").first.wait_for()
        await export.get_by_role("progressbar").wait_for()
        await check_both_themes(window, "an export under way")
        await export.get_by_role("button", name="Cancel").click()
        await window.page.get_by_text("Export stopped: the file is not saved").wait_for()
        await as_csv.wait_for()
        go_on.set()

    network = await window.page.context.new_cdp_session(window.page)
    slow = {
        "offline": False,
        "latency": 0,
        "downloadThroughput": _SLOW_BYTES_A_SECOND,
        "uploadThroughput": -1,
    }
    await network.send("Network.enable")
    await network.send("Network.emulateNetworkConditions", slow)
    try:
        async with window.page.expect_download() as coming:
            await as_csv.click()
            await export.get_by_text(re.compile(r"\d kB received")).first.wait_for()
            assert await export.get_by_role("status").count() == 1
        await (await coming.value).save_as(tmp_path / "all.csv")
    finally:
        await network.send("Network.emulateNetworkConditions", {**slow, "downloadThroughput": -1})
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == _SIGNALS
    await window.page.get_by_text("Signals exported").wait_for()
    await as_csv.wait_for()
    assert [said for said in window.problems if "AbortError" not in said] == []


async def test_deleting_an_agent_says_what_is_being_done(dashboard: Dashboard, product: Product) -> None:
    agent = await product.agent("Leaver", "10")
    token, _ = await two_tokens(product)
    await buy(product, agent["id"], token)
    window = await dashboard.visitor(f"/agents/{agent['id']}/settings")
    await window.page.get_by_role("button", name="Delete…").click()
    form = window.page.get_by_role("dialog")
    await form.get_by_role("textbox").fill("Leaver")
    async with _held(window, f"/agents/{agent['id']}", "DELETE") as go_on:
        await form.get_by_role("button", name="Delete the agent").click()
        said = "Waiting for trades under way, then deleting Leaver with 1 open position…"
        await form.get_by_role("status").get_by_text(said).wait_for()
        await form.get_by_role("progressbar").wait_for()
        assert await form.get_by_role("button", name="Close").is_disabled()
        go_on.set()
        await window.page.get_by_text("Agent deleted successfully").wait_for()
    window.check()


async def test_a_file_that_is_far_too_large_is_refused_at_once(
    dashboard: Dashboard, product: Product, tmp_path: Path
) -> None:
    agent = await product.agent("Importer", "1")
    window = await dashboard.visitor(f"/agents/{agent['id']}/configuration")
    film = tmp_path / "film.json"
    film.write_bytes(b" " * 1_000_001)
    await window.page.locator("input[type=file]").set_input_files(film)
    await window.page.get_by_text("“film.json” cannot be used, and nothing of it is in the form.").wait_for()
    await window.page.get_by_text("It is far larger than any set of rules.").wait_for()
    window.check()
