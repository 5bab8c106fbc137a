"""Tickets for the WebSocket: a session's secret for one connection, so that the token itself stays out of addresses and logs."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from nexgent.domain.users.authenticate import RevokedTokens
from nexgent.domain.users.errors import NotAuthenticatedError
from nexgent.domain.users.models import Claims
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId

TICKET_LIFETIME = timedelta(seconds=30)
_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class TicketHolder:
    """The session behind a ticket. Times are seconds since 1970; `good_until` is the ticket's, `expires_at` the session's end.

    What has a default was added later: a ticket may come from a process of before.
    """

    user_id: UserId
    token_id: str
    expires_at: int
    good_until: float
    session_id: str = ""
    issued_at: int = 0


@dataclass(frozen=True, slots=True)
class SocketTicket:
    """A ticket in the only moment it is known."""

    text: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"SocketTicket(expires_at={self.expires_at})"


class TicketStore(Protocol):
    """Tickets by the hash of their text, seen by all processes. Raises `UnavailableError`."""

    async def put(self, ticket_hash: str, holder: TicketHolder, lifetime: timedelta) -> None:
        """Keep a ticket for so long."""

    async def take(self, ticket_hash: str) -> TicketHolder | None:
        """Return a ticket's holder and forget the ticket in one step: of two who ask at once, one gets it."""


class SocketTickets:
    """Hand out tickets and take them back. There is no memory of its own beside the store: it would not be everybody's."""

    def __init__(self, *, store: TicketStore, revoked: RevokedTokens, clock: Clock) -> None:
        self._store = store
        self._revoked = revoked
        self._clock = clock

    async def issue(self, claims: Claims) -> SocketTicket:
        """Return a ticket of a session, good once and for 30 s at most. Raises `UnavailableError`."""
        now = self._clock.now()
        session_end = datetime.fromtimestamp(claims.session_ends_at, now.tzinfo)
        expires_at = min(now + TICKET_LIFETIME, session_end)
        text = secrets.token_urlsafe(_RANDOM_BYTES)
        holder = TicketHolder(
            claims.user_id,
            claims.token_id,
            claims.session_ends_at,
            expires_at.timestamp(),
            claims.session_id,
            claims.issued_at,
        )
        await self._store.put(_hash(text), holder, TICKET_LIFETIME)
        return SocketTicket(text, expires_at)

    async def redeem(self, text: str) -> TicketHolder:
        """Return whose ticket it was. Raises `NotAuthenticatedError`, `UnavailableError`."""
        holder = await self._store.take(_hash(text))
        now = self._clock.now().timestamp()
        if (
            holder is None
            or min(holder.good_until, holder.expires_at) <= now
            or holder.token_id in self._revoked
            or holder.session_id in self._revoked
            or self._revoked.ended_with_others(holder.user_id, holder.issued_at)
        ):
            raise NotAuthenticatedError("Invalid or expired ticket")
        return holder


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
