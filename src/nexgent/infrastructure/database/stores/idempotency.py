"""Keys of repeatable requests, and their answers, in PostgreSQL.

Of a key only the hash is stored, and the answer is encrypted with the installation's secret and the key itself: it may hold an
API key that is shown once, and nobody but who sends the same key has a use for it.

A row names the request that made it: 8 bytes for the process, 8 for the request. Whether that request runs still is told, for
one of this process, by a set of its own, in which a request stands before its row can be seen and until its answer can; and for
one of another process by the row's time, which a process that lives moves along while the request runs.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections import deque
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import asyncpg
import msgspec
import structlog

from nexgent.domain.idempotency.models import First, StoredAnswer
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import idempotency as sql
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(hours=24)
RENEW_SECONDS = 15.0
"""How often a process says of its requests that they run still."""
SILENT_FOR = timedelta(minutes=2)
"""A request of another process of which nothing was said for so long has ended with that process."""
_SPARE_CLAIMS = 1_000


class _Answer(msgspec.Struct, array_like=True):
    headers: list[tuple[str, str]]
    body: str


class PostgresAnswerStore:
    """Implements `AnswerStore`. Each instance is a process of its own: it knows which of its requests still run."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], sealer: Sealer, clock: Clock) -> None:
        self._pool = pool
        self._sealer = sealer
        self._clock = clock
        self._process = secrets.token_bytes(8)
        self._numbers = count()
        self._noted: set[UUID] = set()
        self._running: dict[tuple[UserId, bytes], UUID] = {}
        self._not_begun: deque[UUID] = deque(maxlen=_SPARE_CLAIMS)

    async def begin(self, user_id: UserId, key: str, fingerprint: bytes) -> First | StoredAnswer:
        """Note that a request begins, or say what is known of the one before."""
        hashed = _hash(key)
        # What was sent may hold a passphrase; a plain hash of it could be guessed by whoever reads the table.
        fingerprint = self._sealer.fingerprint(_context(user_id, key), fingerprint)
        owner = UUID(bytes=self._process + next(self._numbers).to_bytes(8, "big"))
        # Before the row can be seen: whoever finds it has to know that its request runs.
        self._noted.add(owner)
        try:
            first = await self._claim(user_id, key, hashed, fingerprint, owner)
        except BaseException:
            # The row may be there all the same, but nothing was done: the key stays free for the next one.
            self._not_begun.append(owner)
            self._noted.discard(owner)
            raise
        if first is First.NONE:
            self._running[user_id, hashed] = owner
        else:
            self._noted.discard(owner)
        return first

    async def finish(self, user_id: UserId, key: str, answer: StoredAnswer) -> None:
        """Keep the answer."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
        plain = msgspec.json.encode(_Answer(headers, base64.b64encode(answer.body).decode()))
        sealed = self._sealer.seal(_context(user_id, key), plain)
        try:
            with translated_errors("keep an answer"):
                owner = self._running.get((user_id, _hash(key)))
                await self._pool.execute(sql.FINISH, user_id, _hash(key), owner, answer.status, sealed)
        finally:
            self.abandon(user_id, key)

    def abandon(self, user_id: UserId, key: str) -> None:
        """Leave the key without an answer for good, or with the one it has by now."""
        owner = self._running.pop((user_id, _hash(key)), None)
        if owner is not None:
            self._noted.discard(owner)

    async def release(self, user_id: UserId, key: str) -> None:
        """Forget the key."""
        try:
            with translated_errors("forget a request"):
                owner = self._running.get((user_id, _hash(key)))
                await self._pool.execute(sql.RELEASE, user_id, _hash(key), owner)
        finally:
            self.abandon(user_id, key)

    async def renew(self) -> None:
        """Say of the requests of this process that they run still, for other processes. Raises `UnavailableError`."""
        if self._running:
            with translated_errors("renew the note of a request"):
                await self._pool.execute(sql.RENEW, list(self._running.values()), self._clock.now())

    async def _claim(
        self, user_id: UserId, key: str, hashed: bytes, fingerprint: bytes, owner: UUID
    ) -> First | StoredAnswer:
        now = self._clock.now()
        ended: UUID | None = None
        while True:
            with translated_errors("note a request"):
                begun = await self._pool.fetchval(
                    sql.BEGIN, user_id, hashed, fingerprint, owner, now, now - KEPT_FOR, list(self._not_begun)
                )
                if begun is not None:
                    return First.NONE
                row = await self._pool.fetchrow(sql.FIND, user_id, hashed)
            if row is None:
                # The first one was released at this moment.
                continue
            if row["fingerprint"] != fingerprint:
                return First.OTHER_REQUEST
            if row["status"] is not None:
                return self._opened(user_id, key, row)
            if row["owner"].bytes[:8] != self._process:
                return First.RUNNING if now - row["created_at"] < SILENT_FOR else First.UNKNOWN
            if row["owner"] in self._noted:
                return First.RUNNING
            if row["owner"] == ended:
                return First.UNKNOWN
            # It may have ended since the row was read, and its answer is there by now. Look again, knowing that it has ended.
            ended = row["owner"]

    def _opened(self, user_id: UserId, key: str, row: asyncpg.Record) -> First | StoredAnswer:
        plain = self._sealer.open(_context(user_id, key), row["answer"])
        if plain is None:
            # The installation's secret was changed since.
            log.warning("idempotency.answer_unreadable", user_id=str(user_id))
            return First.UNKNOWN
        answer = msgspec.json.decode(plain, type=_Answer)
        headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers)
        return StoredAnswer(row["status"], headers, base64.b64decode(answer.body))


async def forget_old_answers(pool: asyncpg.Pool[asyncpg.Record], now: datetime) -> int:
    """Delete keys older than a day; return how many. Raises `UnavailableError`."""
    with translated_errors("forget old requests"):
        done = await pool.execute(sql.FORGET, now - KEPT_FOR)
    return int(done.rpartition(" ")[2])


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _context(user_id: UserId, key: str) -> bytes:
    return user_id.bytes + key.encode()
