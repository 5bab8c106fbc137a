"""Find out who a request comes from. Verified tokens and keys are remembered, so the usual case costs a look-up in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from uuid import UUID

from nexgent.domain.users.errors import InvalidTokenError, MissingScopeError, NotAuthenticatedError
from nexgent.domain.users.events import TokenRevoked
from nexgent.domain.users.models import ApiKey, Caller, Claims, Scope, TokenType
from nexgent.domain.users.ports import ApiKeyStore, TokenCodec
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId

KEY_PREFIX = "nex_"
KEY_LENGTHS = range(36, 41)
_MAX_REMEMBERED = 10_000
_KEY_TRUST_SECONDS = 5.0


def has_key_format(text: str) -> bool:
    """Tell whether a text looks like an API key."""
    return text.startswith(KEY_PREFIX) and len(text) in KEY_LENGTHS


def key_hash(key: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


class RevokedTokens:
    """Access tokens and sessions that were ended, in memory: filled at start, grown by logouts here and in other processes."""

    def __init__(self, publish: Callable[[object], None] | None = None) -> None:
        self._expiry: dict[str, int] = {}
        self._sessions_from: Mapping[UserId, datetime] = {}
        self._gone: frozenset[UserId] = frozenset()
        self._publish = publish

    def __contains__(self, token_id: str) -> bool:
        return token_id in self._expiry

    def ended(self, claims: Claims) -> bool:
        """Tell whether a token or its session was ended, alone or with all others of its user."""
        return (
            claims.token_id in self._expiry
            or claims.session_id in self._expiry
            or self.ended_with_others(claims.user_id, claims.issued_at)
        )

    def ended_with_others(self, user_id: UserId, issued_at: int) -> bool:
        """Tell whether what a user was given then (seconds since 1970) ended with all their sessions, or with the user."""
        begun = self._sessions_from.get(user_id)
        return user_id in self._gone or (begun is not None and issued_at < int(begun.timestamp()))

    def load_gone(self, users: Collection[UserId]) -> None:
        """Take over who was deleted, of those who are connected; nobody comes back under the same id."""
        self._gone |= frozenset(users)

    def load_sessions(self, sessions_from: Mapping[UserId, datetime]) -> None:
        """Take over from when on the sessions of users count. What was learned meanwhile stays."""
        known = self._sessions_from
        self._sessions_from = {
            user_id: max(begun, known.get(user_id, begun)) for user_id, begun in sessions_from.items()
        } | {user_id: begun for user_id, begun in known.items() if user_id not in sessions_from}

    def end_before(self, user_id: UserId, moment: datetime) -> None:
        """End all that a user was given before a moment."""
        self.load_sessions({user_id: moment})

    def load(self, revoked: Mapping[str, int]) -> None:
        """Take over what is stored; nothing known is forgotten."""
        self._expiry.update(revoked)

    def add(self, token_id: str, expires_at: int, now_seconds: float) -> None:
        """Void a token and tell about it; drop those whose time has passed anyway."""
        if len(self._expiry) % 256 == 0:
            self.forget_expired(now_seconds)
        event = TokenRevoked(token_id, expires_at)
        self.on_revoked(event)
        if self._publish is not None:
            self._publish(event)

    def on_revoked(self, event: TokenRevoked) -> None:
        """Void a token that was logged out, here or elsewhere."""
        self._expiry[event.token_id] = event.expires_at

    def forget_expired(self, now_seconds: float) -> None:
        """Drop tokens that nobody would accept any more."""
        self._expiry = {key: end for key, end in self._expiry.items() if end > now_seconds}


class Authenticator:
    """Check tokens and API keys."""

    def __init__(
        self, *, tokens: TokenCodec, keys: ApiKeyStore, revoked: RevokedTokens, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._revoked = revoked
        self._clock = clock
        self._callers: dict[str, Caller] = {}
        self._known_keys: dict[str, tuple[ApiKey, float]] = {}

    def by_token(self, authorization: str | None) -> Caller:
        """Return the user of an `Authorization` header. Raises `NotAuthenticatedError` with the contract's texts."""
        if not authorization:
            raise NotAuthenticatedError("Authorization header required")
        return self._by_access_token(_bearer(authorization))

    async def by_token_or_key(
        self, authorization: str | None, api_key: str | None, scope: Scope, *, reading: bool = False
    ) -> Caller:
        """Return the user of a token, or the key of either header if it has the scope, or for `reading` the one to read.

        Raises `NotAuthenticatedError`, `MissingScopeError`, `UnavailableError` when keys cannot be looked up.
        """
        if api_key is not None and has_key_format(api_key):
            return await self._by_key(api_key, scope, reading)
        if not authorization:
            raise NotAuthenticatedError("Authorization required")
        credential = _bearer(authorization)
        if has_key_format(credential):
            return await self._by_key(credential, scope, reading)
        return self._by_access_token(credential)

    def has_ended(self, session_id: str, user_id: UserId, issued_at: int) -> bool:
        """Tell whether a session is over before its time, alone or with all others of its user."""
        return session_id in self._revoked or self._revoked.ended_with_others(user_id, issued_at)

    async def still_trusts(self, hashed_key: str, scope: Scope) -> bool:
        """Tell whether an API key is still there and has a scope. Raises `UnavailableError` when that cannot be looked up."""
        try:
            await self._by_key_hash(hashed_key, scope)
        except (NotAuthenticatedError, MissingScopeError):
            return False
        return True

    def forget_key(self, key_id: UUID) -> None:
        """Stop trusting a key that was deleted."""
        self._known_keys = {name: known for name, known in self._known_keys.items() if known[0].id != key_id}

    def _by_access_token(self, token: str) -> Caller:
        caller = self._callers.get(token)
        if caller is None:
            caller = self._verified(token)
        claims = caller.claims
        assert claims is not None
        if claims.expires_at <= self._clock.now().timestamp():
            self._callers.pop(token, None)
            raise NotAuthenticatedError("Token expired")
        if self._revoked.ended(claims):
            raise NotAuthenticatedError("Token has been revoked")
        return caller

    def _verified(self, token: str) -> Caller:
        claims = self._decoded(token)
        if claims.type is not TokenType.ACCESS:
            raise NotAuthenticatedError("Invalid token type")
        if len(self._callers) >= _MAX_REMEMBERED:
            for oldest in list(self._callers)[: _MAX_REMEMBERED // 2]:
                del self._callers[oldest]
        caller = self._callers[token] = Caller(user_id=claims.user_id, claims=claims)
        return caller

    def _decoded(self, token: str) -> Claims:
        try:
            return self._tokens.decode(token)
        except InvalidTokenError as error:
            text = error.message if error.complete else "Authentication failed"
            raise NotAuthenticatedError(text) from None

    async def _by_key(self, text: str, scope: Scope, reading: bool) -> Caller:
        return await self._by_key_hash(key_hash(text), scope, reading=reading)

    async def _by_key_hash(self, hashed: str, scope: Scope, *, reading: bool = False) -> Caller:
        known = self._known_keys.get(hashed)
        now = self._clock.monotonic()
        if known is None or known[1] <= now:
            key = await self._keys.find(hashed)
            if key is None:
                self._known_keys.pop(hashed, None)
                raise NotAuthenticatedError("Invalid API key")
            if len(self._known_keys) >= _MAX_REMEMBERED:
                self._known_keys.clear()
            # Another process may delete a key: trust it only for a moment.
            self._known_keys[hashed] = (key, now + _KEY_TRUST_SECONDS)
        else:
            key = known[0]
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise NotAuthenticatedError("API key has expired")
        if not key.allows(scope, reading=reading):
            raise MissingScopeError(scope)
        return Caller(user_id=key.user_id, key=key)


def _bearer(authorization: str) -> str:
    scheme, _, credential = authorization.partition(" ")
    if scheme != "Bearer" or not credential or " " in credential:
        raise NotAuthenticatedError("Invalid authorization header format")
    return credential
