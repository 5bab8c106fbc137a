"""One-time links in a dict."""

from __future__ import annotations

from datetime import timedelta

from nexgent.domain.users.web_links import LinkHolder
from nexgent.shared.errors import UnavailableError


class FakeLinks:
    """Implements `LinkStore`; `away` makes it unreachable."""

    def __init__(self) -> None:
        self.held: dict[str, LinkHolder] = {}
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("One-time links are not available at present; try again shortly")

    async def put(self, link_hash: str, holder: LinkHolder, lifetime: timedelta) -> None:
        self._check()
        self.held[link_hash] = holder

    async def take(self, link_hash: str) -> LinkHolder | None:
        self._check()
        return self.held.pop(link_hash, None)
