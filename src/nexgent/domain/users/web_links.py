"""Links that log somebody in once: for the person at the machine, who could read the password from the data folder anyway."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from nexgent.domain.users.errors import LinkOverError, NotTheMachineError
from nexgent.domain.users.models import Claims, Session
from nexgent.domain.users.origin import Origin
from nexgent.domain.users.ports import UserRepository
from nexgent.domain.users.sessions import Sessions
from nexgent.shared.addresses import MACHINE, is_this_machine
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

LINK_LIFETIME = timedelta(minutes=10)
_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """Whose link it is. Times are seconds since 1970."""

    user_id: UserId
    issued_at: int
    good_until: float


@dataclass(frozen=True, slots=True)
class WebLink:
    """A link's secret in the only moment it is known."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"WebLink(expires_at={self.expires_at})"


class LinkStore(Protocol):
    """Links by the hash of their secret, seen by all processes. Raises `UnavailableError`."""

    async def put(self, link_hash: str, holder: LinkHolder, lifetime: timedelta) -> None:
        """Keep a link for so long."""
        ...

    async def take(self, link_hash: str) -> LinkHolder | None:
        """Return a link's holder and forget the link in one step: of two who ask at once, one gets it."""
        ...


class WebLinks:
    """Make links and exchange them for sessions. With `from_anywhere` (the demo) they open from other machines as well."""

    def __init__(
        self,
        *,
        store: LinkStore,
        users: UserRepository,
        sessions: Sessions,
        clock: Clock,
        from_anywhere: bool = False,
    ) -> None:
        self._store = store
        self._users = users
        self._sessions = sessions
        self._clock = clock
        self._from_anywhere = from_anywhere

    async def issue(self, claims: Claims, origin: Origin) -> WebLink:
        """Return a link for the user of a session, good once and for ten minutes.

        Only for a command that proved that it may read the data folder: a session that was stolen is not to become a longer one.
        Raises `NotTheMachineError`, `UnavailableError`.
        """
        if origin.address != MACHINE:
            raise NotTheMachineError(
                "Forbidden: only `nexgent dashboard` on the service's own machine may make links"
            )
        now = self._clock.now()
        expires_at = now + LINK_LIFETIME
        token = secrets.token_urlsafe(_RANDOM_BYTES)
        holder = LinkHolder(claims.user_id, int(now.timestamp()), expires_at.timestamp())
        await self._store.put(_hash(token), holder, LINK_LIFETIME)
        return WebLink(token, expires_at)

    async def redeem(self, token: str, origin: Origin) -> Session:
        """Return a new session of the link's user. Raises `LinkOverError`, `NotTheMachineError`, `UnavailableError`."""
        if not self._from_anywhere and not is_this_machine(origin.address):
            raise NotTheMachineError(
                "Forbidden: links open on the service's own machine only; log in with the password"
            )
        holder = await self._store.take(_hash(token))
        if holder is None or holder.good_until <= self._clock.now().timestamp():
            log.warning("web_link.refused", network=origin.network)
            raise LinkOverError
        user = await self._users.get(holder.user_id)
        # A new password ends what was given out before it.
        if user is None or (
            user.sessions_from is not None and holder.issued_at < int(user.sessions_from.timestamp())
        ):
            raise LinkOverError
        return await self._sessions.begin(user, origin=origin)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
