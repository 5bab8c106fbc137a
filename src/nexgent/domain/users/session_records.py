"""What is written down of a session: who has it, where it was last used, and which refresh token is its newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from nexgent.domain.users.models import REFRESH_LIFETIME
from nexgent.domain.users.origin import Origin
from nexgent.shared.types import UserId

REUSE_GRACE = timedelta(seconds=30)
"""So long the refresh token before the newest one is still taken: two tabs ask at once, or an answer gets lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One session. Its id is the `sid` of its tokens, its end that of its first refresh token.

    `token_id` names the refresh token that counts, `previous_token_id` the one before; without rotation there is only one.
    """

    id: str
    user_id: UserId
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    token_id: str
    previous_token_id: str | None = None
    rotated_at: datetime | None = None
    ended_at: datetime | None = None

    def rotated_within_grace(self, now: datetime) -> bool:
        """Tell whether the newest token is so new that somebody may still hold the one before."""
        return self.rotated_at is not None and now - self.rotated_at <= REUSE_GRACE

    def accepts(self, token_id: str, now: datetime) -> bool:
        """Tell whether a refresh token counts. One that does not was used up: two have it, and one of them should not."""
        if token_id == self.token_id:
            return True
        return token_id == self.previous_token_id and self.rotated_within_grace(now)

    def left_if_remembered(self, now: datetime) -> timedelta | None:
        """Return what is left of a session that outlasts the browser, None for one of a day."""
        return self.expires_at - now if self.expires_at - self.created_at > REFRESH_LIFETIME else None


class SessionRecords(Protocol):
    """The durable record of sessions. All methods raise `UnavailableError` when it cannot be reached."""

    async def add(self, record: SessionRecord) -> None:
        """Write down a new session. One that is there already stays as it is."""

    async def get(self, session_id: str, user_id: UserId) -> SessionRecord | None:
        """Return a session of that user, also one that has ended."""

    async def use(self, session_id: str, origin: Origin, now: datetime) -> None:
        """Note that a session was used, and from where; the network is known from then on."""

    async def rotate(self, session_id: str, token_id: str, new_token_id: str, now: datetime) -> bool:
        """Put a refresh token in the place of another; False when that one was not the newest any more."""

    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[SessionRecord]:
        """Return the sessions of a user that go on, the one used last first."""

    async def end(
        self, user_id: UserId, now: datetime, *, only: str | None = None, but: str | None = None
    ) -> Sequence[SessionRecord]:
        """End the sessions of a user: all, `only` one, or all `but` one. Return those that had not ended before."""

    async def ended(self, now: datetime) -> Mapping[str, int]:
        """Return the ids of sessions that were ended before their time, with when that would have been (seconds since 1970)."""
