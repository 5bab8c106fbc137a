"""Tickets in a dict."""

from __future__ import annotations

from datetime import timedelta

from nexgent.domain.users.socket_tickets import TicketHolder
from nexgent.shared.errors import UnavailableError


class FakeTickets:
    """Implements `TicketStore`; `away` makes it unreachable."""

    def __init__(self) -> None:
        self.held: dict[str, TicketHolder] = {}
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("WebSocket tickets are not available at present; try again shortly")

    async def put(self, ticket_hash: str, holder: TicketHolder, lifetime: timedelta) -> None:
        self._check()
        self.held[ticket_hash] = holder

    async def take(self, ticket_hash: str) -> TicketHolder | None:
        self._check()
        return self.held.pop(ticket_hash, None)
