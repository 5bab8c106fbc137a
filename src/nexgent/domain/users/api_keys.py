"""Create, list and revoke API keys. The key itself is shown once and never stored; its hash is."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from nexgent.domain.users.authenticate import KEY_PREFIX, key_hash
from nexgent.domain.users.errors import TooManyApiKeysError
from nexgent.domain.users.models import Scope
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.ids import new_id
from nexgent.shared.names import checked_name
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

SECRET_BYTES = 24
SHOWN_CHARACTERS = 8
MAX_KEYS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRecord:
    """A stored key as its owner sees it: all but the key."""

    id: UUID
    user_id: UserId
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key in the only moment it is known."""

    record: ApiKeyRecord
    key: str

    def __repr__(self) -> str:
        return f"NewApiKey({self.record.prefix}…)"


class ApiKeyRepository(Protocol):
    """The durable record of keys. All methods raise `UnavailableError` when it cannot be reached."""

    async def add(self, record: ApiKeyRecord, key_hash: str, *, most: int) -> bool:
        """Store a new key; False when its user has the most that are allowed. Keys made at once are counted too."""

    async def of_user(self, user_id: UserId) -> Sequence[ApiKeyRecord]:
        """Return a user's keys, newest first."""

    async def get(self, key_id: UUID, user_id: UserId) -> ApiKeyRecord | None:
        """Return a key of that user; a foreign one looks like a missing one."""

    async def delete(self, key_id: UUID, user_id: UserId) -> bool:
        """Remove a key of that user; tell whether it was there."""


class ApiKeyNotFoundError(NotFoundError):
    """No such key, or it belongs to another user."""

    code = "API_KEY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("API key not found")


class CreateApiKey:
    """Make a key of 24 random bytes for a user."""

    def __init__(
        self,
        *,
        keys: ApiKeyRepository,
        clock: Clock,
        most: int = MAX_KEYS,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._most = most

    async def execute(
        self, user_id: UserId, name: str, scopes: Sequence[Scope], expires_at: datetime | None = None
    ) -> NewApiKey:
        """Return the key and its record. Repeated scopes count once.

        Raises `InvalidInputError` for a blank or overlong name, no scope or an end that is past, `TooManyApiKeysError`,
        `UnavailableError`.
        """
        cleaned = checked_name(name)
        if not scopes:
            raise InvalidInputError("Invalid scopes: at least one is required")
        if expires_at is not None and expires_at <= self._clock.now():
            raise InvalidInputError("Invalid expiresAt: it must be in the future")
        key = KEY_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        record = ApiKeyRecord(
            id=new_id(),
            user_id=user_id,
            name=cleaned,
            prefix=key[:SHOWN_CHARACTERS],
            scopes=tuple(dict.fromkeys(scopes)),
            created_at=self._clock.now(),
            expires_at=expires_at,
        )
        if not await self._keys.add(record, key_hash(key), most=self._most):
            raise TooManyApiKeysError(f"At most {self._most} API keys are allowed; delete one first")
        log.info("api_key.created", key_id=str(record.id), scopes=[scope.value for scope in record.scopes])
        return NewApiKey(record, key)


class ListApiKeys:
    """Show a user's keys."""

    def __init__(self, *, keys: ApiKeyRepository) -> None:
        self._keys = keys

    async def execute(self, user_id: UserId) -> Sequence[ApiKeyRecord]:
        """Return the keys, newest first. Raises `UnavailableError`."""
        return await self._keys.of_user(user_id)

    async def one(self, key_id: UUID, user_id: UserId) -> ApiKeyRecord:
        """Return one key. Raises `ApiKeyNotFoundError`, `UnavailableError`."""
        record = await self._keys.get(key_id, user_id)
        if record is None:
            raise ApiKeyNotFoundError
        return record


class DeleteApiKey:
    """Revoke a key: in the store, and at once in this process. Other processes trust a key for seconds only."""

    def __init__(
        self,
        *,
        keys: ApiKeyRepository,
        forget: Callable[[UUID], None],
    ) -> None:
        """`forget` drops a key from the memory of the authenticator."""
        self._keys = keys
        self._forget = forget

    async def execute(self, key_id: UUID, user_id: UserId) -> None:
        """Raises `ApiKeyNotFoundError`, `UnavailableError`."""
        deleted = await self._keys.delete(key_id, user_id)
        if not deleted:
            raise ApiKeyNotFoundError
        self._forget(key_id)
        log.info("api_key.deleted", key_id=str(key_id))
