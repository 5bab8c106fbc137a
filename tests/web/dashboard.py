"""The dashboard as a person sees it: windows of a browser, what went wrong in them, and when a page is complete."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any, Self
from urllib.parse import urlsplit

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product
from tests.patience import PATIENCE_SECONDS

NARROW, WIDE = 360, 1440
_HEIGHT = 900

# Nothing is under way: no request that the page waits for, nothing that says so, and what is seen has been drawn.
_COMPLETE = """() => {
  const heading = document.querySelector('main h1, .login h1')
  const loading = [...document.querySelectorAll('main [role=status]')].some((one) => /Loading|Opening/.test(one.textContent))
  return heading !== null && !loading && document.querySelector('.starting') === null
}"""


@dataclass
class Window:
    """One window with a browser's storage of its own."""

    page: Any
    url: str
    problems: list[str] = field(default_factory=list)
    """What the console has said of errors, without refusals: those are in `refusals`."""
    refusals: list[str] = field(default_factory=list)
    not_now: set[tuple[str, str]] = field(default_factory=set)
    """Requests answered with 503 that have not been answered since."""
    hosts: set[str] = field(default_factory=set)
    running: set[Any] = field(default_factory=set)

    def __post_init__(self) -> None:
        page = self.page
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"thrown: {error}"))
        page.on("request", self._asked)
        page.on("response", self._responded)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))

    def _said(self, message: Any) -> None:
        # The browser reports every answer from 400 up as an error; forms that are refused have such answers.
        if message.type == "error" and message.text.startswith("Failed to load resource"):
            # Not now, says a service on a machine with other work; the page tries again, which `check` sees.
            if "status of 503" not in message.text:
                self.refusals.append(f"{message.text} {message.location.get('url', '')}")
        elif message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _asked(self, request: Any) -> None:
        self.hosts.add(urlsplit(request.url).netloc)
        self.running.add(request)

    def _responded(self, response: Any) -> None:
        request = response.request.method, urlsplit(response.url).path
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.not_now.add(request)
        else:
            self.not_now.discard(request)

    def _answered(self, request: Any) -> None:
        self.running.discard(request)

    async def visit(self, path: str = "/") -> None:
        """Go to an address of the dashboard, as typed into the browser, and wait until it is complete."""
        await self.page.goto(f"{self.url}/#{path}")
        await self.complete()

    async def complete(self) -> None:
        """Wait until the page shows all it has."""
        while True:
            await self.page.wait_for_function(_COMPLETE)
            under_way = list(self.running)
            for request in under_way:
                await request.response()
            # Two frames later what has come is drawn, and the requests that follow from it have begun.
            await self.page.evaluate(
                "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
            )
            if not self.running and await self.page.evaluate(_COMPLETE):
                return

    async def resize(self, width: int) -> None:
        """Make the window narrower or wider and wait until the page is complete again."""
        await self.page.set_viewport_size({"width": width, "height": _HEIGHT})
        await self.complete()

    async def log_in(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> None:
        """Fill the form that is shown."""
        await self.page.get_by_label("E-mail").fill(email)
        await self.page.locator("input[name=password]").fill(password)
        await self.page.get_by_role("button", name="Log in").click()

    async def overhang(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        found: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found

    def forget(self) -> None:
        """Forget what was said and refused so far: what comes is another test's."""
        self.problems.clear()
        self.refusals.clear()

    def check(self) -> None:
        """Fail when the console said something, anything was asked of another host, or what was put off was not had since."""
        assert self.problems == [], self.problems
        assert self.not_now == set()
        assert self.hosts <= {urlsplit(self.url).netloc}


class Dashboard:
    """Opens windows onto a service's dashboard."""

    def __init__(self, product: Product, browser: Any) -> None:
        self.product = product
        self._browser = browser
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()

    async def stranger(self, width: int = WIDE, theme: str = "dark") -> Window:
        """Open a window in which nobody is logged in, at no page yet."""
        return await self._window(width, theme, None)

    async def _window(self, width: int, theme: str, state: dict[str, Any] | None) -> Window:
        context = await self._browser.new_context(
            viewport={"width": width, "height": _HEIGHT},
            color_scheme=theme,
            reduced_motion="reduce",
            storage_state=state,
        )
        self._open.push_async_callback(context.close)
        return Window(await context.new_page(), self.product.url)

    async def visitor(self, path: str = "/", width: int = WIDE, theme: str = "dark") -> Window:
        """Open a window at a page, logged in already, as somebody who comes back."""
        window = await self._window(width, theme, await self._session())
        await window.visit(path)
        await window.page.locator("main#main").wait_for()
        return window

    async def _session(self) -> dict[str, Any]:
        """Log in as the page does; return what a browser then keeps."""
        product = self.product
        answer = await product.http.post(
            f"{product.url}/api/v1/web/login",
            json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD},
            headers={"x-nexgent-web": "1", "origin": product.url},
        )
        assert answer.status_code == 200, answer.text
        [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
        # Only the browser keeps it.
        product.http.cookies.clear()
        kept = {
            "name": cookie.key,
            "value": cookie.value,
            "domain": urlsplit(product.url).hostname,
            "path": cookie["path"],
            "httpOnly": True,
            "sameSite": cookie["samesite"].capitalize(),
            "secure": False,
            "expires": -1,
        }
        known = {"name": "nexgent-session", "value": "1"}
        return {"cookies": [kept], "origins": [{"origin": product.url, "localStorage": [known]}]}

    async def second_tab(self, window: Window, path: str = "/") -> Window:
        """Open another tab of the same browser."""
        tab = Window(await window.page.context.new_page(), self.product.url)
        await tab.visit(path)
        return tab
