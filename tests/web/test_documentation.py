"""The documentation's pages in a real browser: nothing is asked of another server, nothing fails, and the search finds."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scripts import make_docs

pytestmark = pytest.mark.asyncio(loop_scope="package")


class Silent(SimpleHTTPRequestHandler):
    """Files, and no line on the terminal for each."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The pages, built and served; the address."""
    assert make_docs.main() == 0
    handler = functools.partial(Silent, directory=str(make_docs.SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_pages_need_no_other_server(site: str, browser: Any) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda one: wrong.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: wrong.append(str(one)))
    try:
        for file in sorted(make_docs.SITE.glob("*.html")):
            if file.name == "404.html":
                continue
            await page.goto(f"{site}/{file.name}", wait_until="load")
            broken = "images => images.filter(one => !one.naturalWidth).map(one => one.src)"
            assert await page.locator("main img").evaluate_all(broken) == [], file.name
        await page.keyboard.press("Control+k")
        await page.keyboard.type("moon bag")
        await page.get_by_role("link", name="Trading rules").last.wait_for()
    finally:
        await page.close()
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []
    assert wrong == []
