"""What counting and repeating requests needs from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from nexgent.domain.idempotency.models import First, StoredAnswer
from nexgent.shared.types import UserId


class AnswerStore(Protocol):
    """The durable record of keys. What waits for it raises `UnavailableError`."""

    async def begin(self, user_id: UserId, key: str, fingerprint: bytes) -> First | StoredAnswer:
        """Note that a request begins; return `First.NONE`, or what is known of the one before."""

    async def finish(self, user_id: UserId, key: str, answer: StoredAnswer) -> None:
        """Keep the answer."""

    async def release(self, user_id: UserId, key: str) -> None:
        """Forget the key: its request was not carried out."""

    def abandon(self, user_id: UserId, key: str) -> None:
        """Stop working on the key without an answer: nobody knows how far its request came. It stays `First.UNKNOWN`."""


class SharedCounters(Protocol):
    """Counters that all processes share."""

    async def hit(self, name: str, seconds: int) -> tuple[int, float]:
        """Count one; return how many there are in the window, and when it ends, in seconds from now.

        Raises `UnavailableError` when nobody answers in a moment.
        """

    async def add(self, counts: Mapping[str, tuple[int, int]]) -> Mapping[str, tuple[int, float]]:
        """Count many at once: by name how many, and the seconds of a window that begins with them.

        Returns by name what `hit` returns. Raises `UnavailableError`.
        """
