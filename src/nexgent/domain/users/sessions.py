"""Stay logged in, log out, see and end sessions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog

from nexgent.domain.users.authenticate import RevokedTokens
from nexgent.domain.users.errors import (
    InvalidTokenError,
    NotAuthenticatedError,
    SessionNotFoundError,
    UserNotFoundError,
)
from nexgent.domain.users.models import (
    ACCESS_LIFETIME,
    REFRESH_LIFETIME,
    Claims,
    Session,
    TokenType,
    User,
)
from nexgent.domain.users.origin import UNKNOWN_ORIGIN, Origin
from nexgent.domain.users.ports import SessionStore, TokenCodec, UserRepository
from nexgent.domain.users.session_records import SessionRecord, SessionRecords
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh token gives, whose it is, and the session it belongs to."""

    access_token: str
    user: User
    session: SessionRecord
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return "Refreshed(…)"


class Sessions:
    """The life of a session: it lives from its refresh token."""

    def __init__(
        self,
        *,
        users: UserRepository,
        tokens: TokenCodec,
        store: SessionStore,
        revoked: RevokedTokens,
        records: SessionRecords,
        clock: Clock,
    ) -> None:
        self._users = users
        self._tokens = tokens
        self._store = store
        self._revoked = revoked
        self._records = records
        self._clock = clock

    async def begin(
        self,
        user: User,
        lifetime: timedelta = REFRESH_LIFETIME,
        origin: Origin = UNKNOWN_ORIGIN,
        *,
        ends_at: int | None = None,
    ) -> Session:
        """Return a new session of somebody who has proved who they are. Raises `UnavailableError`.

        It lives for `lifetime`, or until `ends_at` (seconds since 1970).
        """
        if ends_at is not None:
            lifetime = timedelta(seconds=max(1, ends_at - int(self._clock.now().timestamp())))
        refresh = self._claims(user, TokenType.REFRESH, lifetime)
        await self._records.add(_first_record(refresh, origin))
        await self._store.add_refresh(refresh.token_id, user.id, lifetime)
        return Session(self._access_token(user, refresh), self._tokens.encode(refresh), user)

    async def refresh(
        self, refresh_token: str, origin: Origin = UNKNOWN_ORIGIN, *, rotate: bool = False
    ) -> Refreshed:
        """Return a new access token for a valid refresh token, and with `rotate` the refresh token to use from now on.

        Who never asks for rotation uses the same refresh token until the session ends. After a rotation the one before is taken
        for a moment longer and gives the same new one; used later it ends the session, because two have it.
        Raises `NotAuthenticatedError`, `UnavailableError`.
        """
        claims = self._refresh_claims(refresh_token)
        now = self._clock.now()
        record = await self._record_of(claims, origin)
        if record is None and await self._users.get(claims.user_id) is None:
            raise NotAuthenticatedError("User not found")
        if record is None or record.ended_at is not None:
            raise NotAuthenticatedError("Refresh token has been revoked")
        if not record.accepts(claims.token_id, now):
            # One that a rotation at this very moment has replaced is read again before anybody is accused.
            record = await self._records.get(record.id, claims.user_id) or record
        if not record.accepts(claims.token_id, now):
            log.warning("session.refresh_token_reused", session_id=record.id, network=origin.network)
            await self._end(claims.user_id, "reuse", only=record.id)
            raise NotAuthenticatedError("Refresh token has been revoked")
        user = await self._users.get(claims.user_id)
        if user is None:
            raise NotAuthenticatedError("User not found")
        if user.sessions_from is not None and claims.issued_at < int(user.sessions_from.timestamp()):
            raise NotAuthenticatedError("Refresh token has been revoked")
        if rotate:
            record = await self._rotated(record, now)
        await self._records.use(record.id, origin, now)
        newest = self._tokens.encode(_refresh_claims(user, record)) if rotate else None
        return Refreshed(self._access_token(user, claims), user, record, newest)

    async def log_out(self, claims: Claims, refresh_token: str | None) -> None:
        """End the session: all its tokens are void, and also a refresh token that is named, if it is one of the same user.

        Raises `UnavailableError`.
        """
        now = self._clock.now()
        await self._end(claims.user_id, "logout", only=claims.session_id)
        ends = {claims.token_id: claims.expires_at, claims.session_id: claims.session_ends_at}
        for name, end in ends.items():
            self._revoked.add(name, end, now.timestamp())
        for name, end in ends.items():
            await self._store.revoke_access(name, end, now)
        await self._store.remove_refresh(claims.session_id)
        if refresh_token is None:
            return
        try:
            refresh = self._tokens.decode(refresh_token)
        except InvalidTokenError:
            return
        if refresh.type is TokenType.REFRESH and refresh.user_id == claims.user_id:
            await self._end(claims.user_id, "logout", only=refresh.session_id)
            await self._store.remove_refresh(refresh.token_id)

    async def log_out_with(self, refresh_token: str) -> Claims | None:
        """End the session of a refresh token and return what it said; None when it is none, or its session is over.

        Raises `UnavailableError`.
        """
        try:
            claims = self._refresh_claims(refresh_token)
        except NotAuthenticatedError:
            return None
        await self.log_out(claims, None)
        return claims

    async def of_user(self, user_id: UserId) -> Sequence[SessionRecord]:
        """Return the sessions that go on, the one used last first. Raises `UnavailableError`."""
        return await self._records.of_user(user_id, self._clock.now())

    async def end_one(self, user_id: UserId, session_id: str) -> None:
        """End a session of that user. Raises `SessionNotFoundError`, `UnavailableError`."""
        if not await self._end(user_id, "request", only=session_id):
            raise SessionNotFoundError

    async def end_others(self, claims: Claims) -> int:
        """End all sessions of a user but the one that asks; return how many. Raises `UnavailableError`."""
        return await self._end(claims.user_id, "request", but=claims.session_id)

    async def end_all(self, user_id: UserId) -> int:
        """End all sessions of a user whose record says so already (`sessions_from`); return how many."""
        self._revoked.end_before(user_id, self._clock.now())
        return await self._end(user_id, "password")

    async def _end(
        self, user_id: UserId, reason: str, *, only: str | None = None, but: str | None = None
    ) -> int:
        now = self._clock.now()
        ended = await self._records.end(user_id, now, only=only, but=but)
        for record in ended:
            self._revoked.add(record.id, int(record.expires_at.timestamp()), now.timestamp())
        # Their end is written down; what is said in the cache besides is for processes of the version before.
        with suppress(UnavailableError):
            for record in ended:
                await self._store.revoke_access(record.id, int(record.expires_at.timestamp()), now)
                await self._store.remove_refresh(record.id)
        if ended:
            log.info("sessions.ended", user_id=str(user_id), count=len(ended), reason=reason)
        return len(ended)

    def _refresh_claims(self, refresh_token: str) -> Claims:
        try:
            claims = self._tokens.decode(refresh_token)
        except InvalidTokenError:
            raise NotAuthenticatedError("Invalid or expired refresh token") from None
        if claims.type is not TokenType.REFRESH:
            raise NotAuthenticatedError("Invalid token type")
        if not claims.token_id:
            raise NotAuthenticatedError("Invalid refresh token; please log in again")
        if claims.expires_at <= self._clock.now().timestamp():
            raise NotAuthenticatedError("Invalid or expired refresh token")
        if claims.session_id in self._revoked:
            raise NotAuthenticatedError("Refresh token has been revoked")
        return claims

    async def _record_of(self, claims: Claims, origin: Origin) -> SessionRecord | None:
        """Return the record of a session; one that began before there were records gets it now."""
        record = await self._records.get(claims.session_id, claims.user_id)
        if record is None and await self._store.refresh_owner(claims.token_id) == claims.user_id:
            await self._records.add(_first_record(claims, origin))
            record = await self._records.get(claims.session_id, claims.user_id)
        return record

    async def _rotated(self, record: SessionRecord, now: datetime) -> SessionRecord:
        """Return the record with its newest token: a new one, unless somebody has just got one."""
        if not record.rotated_within_grace(now):
            await self._records.rotate(record.id, record.token_id, str(uuid4()), now)
        newest = await self._records.get(record.id, record.user_id)
        if newest is None or newest.ended_at is not None:
            raise NotAuthenticatedError("Refresh token has been revoked")
        return newest

    async def user(self, user_id: UserId) -> User:
        """Return the user of a session. Raises `UserNotFoundError`, `UnavailableError`."""
        user = await self._users.get(user_id)
        if user is None:
            raise UserNotFoundError
        return user

    def _access_token(self, user: User, refresh: Claims) -> str:
        return self._tokens.encode(self._claims(user, TokenType.ACCESS, ACCESS_LIFETIME, refresh))

    def _claims(
        self, user: User, kind: TokenType, lifetime: timedelta, refresh: Claims | None = None
    ) -> Claims:
        """Return what a new token says: one of the session of `refresh`, or the first one of a session, which gets its name."""
        now = int(self._clock.now().timestamp())
        return Claims(
            user_id=user.id,
            email=user.email,
            type=kind,
            token_id=str(uuid4()),
            issued_at=now,
            expires_at=now + int(lifetime.total_seconds()),
            session_id=refresh.session_id if refresh is not None else "",
            session_ends_at=refresh.session_ends_at if refresh is not None else 0,
        )


def _first_record(refresh: Claims, origin: Origin) -> SessionRecord:
    begun = datetime.fromtimestamp(refresh.issued_at, UTC)
    return SessionRecord(
        id=refresh.session_id,
        user_id=refresh.user_id,
        created_at=begun,
        last_used_at=begun,
        expires_at=datetime.fromtimestamp(refresh.session_ends_at, UTC),
        address=origin.address,
        user_agent=origin.user_agent,
        token_id=refresh.token_id,
    )


def _refresh_claims(user: User, record: SessionRecord) -> Claims:
    """Return what the newest refresh token of a session says: always the same, so that two who ask at once get one token."""
    ends_at = int(record.expires_at.timestamp())
    return Claims(
        user_id=user.id,
        email=user.email,
        type=TokenType.REFRESH,
        token_id=record.token_id,
        issued_at=int((record.rotated_at or record.created_at).timestamp()),
        expires_at=ends_at,
        session_id=record.id,
        session_ends_at=ends_at,
    )
