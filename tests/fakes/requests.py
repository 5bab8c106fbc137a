"""Keys of repeatable requests in memory."""

from __future__ import annotations

from nexgent.domain.idempotency.models import First, StoredAnswer
from nexgent.shared.types import UserId


class FakeAnswers:
    """Keys in a dict. `failure` makes them unreachable."""

    def __init__(self) -> None:
        self.rows: dict[tuple[UserId, str], tuple[bytes, StoredAnswer | None]] = {}
        self.failure: Exception | None = None
        self.lost: set[tuple[UserId, str]] = set()

    async def begin(self, user_id: UserId, key: str, fingerprint: bytes) -> First | StoredAnswer:
        self._check()
        row = self.rows.get((user_id, key))
        if row is None:
            self.rows[user_id, key] = (fingerprint, None)
            return First.NONE
        if row[0] != fingerprint:
            return First.OTHER_REQUEST
        if row[1] is not None:
            return row[1]
        return First.UNKNOWN if (user_id, key) in self.lost else First.RUNNING

    async def finish(self, user_id: UserId, key: str, answer: StoredAnswer) -> None:
        self._check()
        self.rows[user_id, key] = (self.rows[user_id, key][0], answer)

    async def release(self, user_id: UserId, key: str) -> None:
        self._check()
        if self.rows[user_id, key][1] is None:
            del self.rows[user_id, key]

    def abandon(self, user_id: UserId, key: str) -> None:
        self.lost.add((user_id, key))

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
