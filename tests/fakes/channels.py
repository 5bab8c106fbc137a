"""Channels of shards, without a Redis."""

from __future__ import annotations

from nexgent.shared.shards import numbers_of


class FakeChannels:
    """Shards that are heard, of a Redis that may not answer."""

    def __init__(self) -> None:
        self.heard: set[int] = set()
        self.answers = True

    async def follow(self, shards: int) -> bool:
        if self.answers:
            self.heard |= set(numbers_of(shards))
        return self.answers

    async def unfollow(self, shards: int) -> None:
        self.heard -= set(numbers_of(shards))
