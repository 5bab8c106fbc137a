"""Keys of repeatable requests, and their answers, in PostgreSQL.

Of a key only the hash is stored, and the answer is encrypted with the installation's secret and the key itself: it may hold an
API key that is shown once, and nobody but who sends the same key has a use for it.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg
import msgspec
import structlog

from nexgent.domain.requests.models import First, StoredAnswer
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.security.sealing import SealBrokenError, Sealer
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(hours=24)
LONGEST_REQUEST = timedelta(minutes=2)
"""A request of another process that is older than this has ended with that process."""

_BEGIN = """
INSERT INTO idempotency_keys (user_id, key_hash, fingerprint, owner, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id, key_hash) DO UPDATE
    SET fingerprint = excluded.fingerprint, owner = excluded.owner, created_at = excluded.created_at,
        status = NULL, answer = NULL
    WHERE idempotency_keys.created_at < $6
RETURNING key_hash
"""
_FIND = """
SELECT fingerprint, owner, status, answer, created_at FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2
"""
_FINISH = """
UPDATE idempotency_keys SET status = $4, answer = $5 WHERE user_id = $1 AND key_hash = $2 AND owner = $3
"""
_RELEASE = (
    "DELETE FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2 AND owner = $3 AND status IS NULL"
)
_FORGET = "DELETE FROM idempotency_keys WHERE created_at < $1"


class _Answer(msgspec.Struct, array_like=True):
    headers: list[tuple[str, str]]
    body: str


class PostgresAnswerStore:
    """Implements `AnswerStore`. Each instance is a process of its own: it knows which of its requests still run."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], sealer: Sealer, clock: Clock) -> None:
        self._pool = pool
        self._sealer = sealer
        self._clock = clock
        self._owner = uuid4()
        self._running: set[tuple[UserId, bytes]] = set()

    async def begin(self, user_id: UserId, key: str, fingerprint: bytes) -> First | StoredAnswer:
        """Note that a request begins, or say what is known of the one before."""
        hashed = _hash(key)
        # What was sent may hold a passphrase; a plain hash of it could be guessed by whoever reads the table.
        fingerprint = self._sealer.fingerprint(_context(user_id, key), fingerprint)
        now = self._clock.now()
        while True:
            with translated_errors("note a request"):
                begun = await self._pool.fetchval(
                    _BEGIN, user_id, hashed, fingerprint, self._owner, now, now - KEPT_FOR
                )
                if begun is not None:
                    self._running.add((user_id, hashed))
                    return First.NONE
                row = await self._pool.fetchrow(_FIND, user_id, hashed)
            # Without a row, the first one was released at this moment.
            if row is not None:
                return self._known(user_id, key, hashed, fingerprint, row, now)

    async def finish(self, user_id: UserId, key: str, answer: StoredAnswer) -> None:
        """Keep the answer."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
        plain = msgspec.json.encode(_Answer(headers, base64.b64encode(answer.body).decode()))
        sealed = self._sealer.seal(_context(user_id, key), plain)
        try:
            with translated_errors("keep an answer"):
                await self._pool.execute(_FINISH, user_id, _hash(key), self._owner, answer.status, sealed)
        finally:
            self._running.discard((user_id, _hash(key)))

    def abandon(self, user_id: UserId, key: str) -> None:
        """Leave the key without an answer for good."""
        self._running.discard((user_id, _hash(key)))

    async def release(self, user_id: UserId, key: str) -> None:
        """Forget the key."""
        try:
            with translated_errors("forget a request"):
                await self._pool.execute(_RELEASE, user_id, _hash(key), self._owner)
        finally:
            self._running.discard((user_id, _hash(key)))

    def _known(
        self,
        user_id: UserId,
        key: str,
        hashed: bytes,
        fingerprint: bytes,
        row: asyncpg.Record,
        now: datetime,
    ) -> First | StoredAnswer:
        if row["fingerprint"] != fingerprint:
            return First.OTHER_REQUEST
        if row["status"] is not None:
            return self._opened(user_id, key, row)
        if row["owner"] == self._owner:
            return First.RUNNING if (user_id, hashed) in self._running else First.UNKNOWN
        return First.RUNNING if now - row["created_at"] < LONGEST_REQUEST else First.UNKNOWN

    def _opened(self, user_id: UserId, key: str, row: asyncpg.Record) -> First | StoredAnswer:
        try:
            plain = self._sealer.open(_context(user_id, key), row["answer"])
        except SealBrokenError:
            # The installation's secret was changed since.
            log.warning("idempotency.answer_unreadable", user_id=str(user_id))
            return First.UNKNOWN
        answer = msgspec.json.decode(plain, type=_Answer)
        headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers)
        return StoredAnswer(row["status"], headers, base64.b64decode(answer.body))


async def forget_old_answers(pool: asyncpg.Pool[asyncpg.Record], now: datetime) -> int:
    """Delete keys older than a day; return how many. Raises `UnavailableError`."""
    with translated_errors("forget old requests"):
        done = await pool.execute(_FORGET, now - KEPT_FOR)
    return int(done.rpartition(" ")[2])


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _context(user_id: UserId, key: str) -> bytes:
    return user_id.bytes + key.encode()
