"""Marks in Redis that say who has filled it: without the mark of its writer, a copy cannot be trusted.

There is one for everything, or, where several engines share the work, one for each shard.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.texts import as_text
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, SHARDS, numbers_of

FILLING = "filling:"
# Whoever has taken a mark away meanwhile wants the copies to be made again.
_FINISH = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end"
_FINISH_EACH = """
for i = 3, #ARGV do
    if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[1] then redis.call('HSET', KEYS[1], ARGV[i], ARGV[2]) end
end
"""


class MirrorMarks:
    """The marks of one mirror."""

    def __init__(self, keys: CacheKeys, *, by_shard: bool = False) -> None:
        self.by_shard = by_shard
        self._keys = keys
        self._mine = uuid4().hex

    def ask(self, pipeline: Pipeline, shards: int) -> None:
        """Put the question whose marks there are into a pipeline. The set of shards is not empty."""
        if self.by_shard:
            pipeline.hmget(self._keys.mirror_shards(), _fields(shards))
        else:
            pipeline.get(self._keys.mirror_boot())

    def lost(self, answer: Any, shards: int) -> int:
        """Return those of the shards whose mark is not ours, by the answer to the question."""
        if not self.by_shard:
            return NO_SHARDS if self._is_mine(answer) else ALL_SHARDS
        lost = NO_SHARDS
        for number, mark in zip(numbers_of(shards), answer, strict=True):
            if not self._is_mine(mark):
                lost |= 1 << number
        return lost

    def _is_mine(self, mark: bytes | str | None) -> bool:
        return mark is not None and as_text(mark) == self._mine

    async def begin(self, redis: Redis, shards: int) -> str:
        """Say that copies are being made; return what `finish` needs. Raises what redis raises."""
        filling = f"{FILLING}{uuid4().hex}"
        if self.by_shard:
            marks = dict.fromkeys(_fields(shards), filling)
            await redis.hset(self._keys.mirror_shards(), mapping=marks)  # type: ignore[misc]  # redis types both worlds.
        else:
            await redis.set(self._keys.mirror_boot(), filling)
        return filling

    async def finish(self, redis: Redis, shards: int, filling: str) -> None:
        """Mark as filled what has been marked as being filled since `begin`. Raises what redis raises."""
        if self.by_shard:
            arguments = [filling, self._mine, *_fields(shards)]
            await redis.register_script(_FINISH_EACH)(keys=[self._keys.mirror_shards()], args=arguments)
        else:
            await redis.register_script(_FINISH)(keys=[self._keys.mirror_boot()], args=[filling, self._mine])


def is_filled(whole: bytes | str | None, shards: dict[Any, Any]) -> bool:
    """Tell by all marks there are whether everything has been filled: by one process, or shard by shard by several."""
    if _is_done(whole):
        return True
    return len(shards) == SHARDS and all(_is_done(mark) for mark in shards.values())


def _is_done(mark: bytes | str | None) -> bool:
    return mark is not None and not as_text(mark).startswith(FILLING)


def _fields(shards: int) -> list[str]:
    return [str(number) for number in numbers_of(shards)]
