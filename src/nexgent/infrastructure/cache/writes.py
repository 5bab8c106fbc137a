"""Changes of Redis, collected until they go out as a few large commands."""

from __future__ import annotations

from collections.abc import Mapping

from redis.asyncio.client import Pipeline

# A burst adds a member to each of a thousand sets. A command for each takes longer to pack, and its answer to read, than what it
# says. Should one of the keys not be a set, those before it have their member, and get it once more with the next attempt.
_EACH = "for i, key in ipairs(KEYS) do redis.call('{}', key, ARGV[i]) end"
_ADD_EACH, _REMOVE_EACH = _EACH.format("SADD"), _EACH.format("SREM")


class WriteBatch:
    """Values to set, keys to delete and members of sets to add or remove. The last word about a key or member wins."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._deleted: set[str] = set()
        self._added: dict[str, set[str]] = {}
        self._removed: dict[str, set[str]] = {}

    @property
    def values(self) -> dict[str, bytes]:
        """The strings to set."""
        return self._values

    def put(self, key: str, value: bytes) -> None:
        """Set a string to a value."""
        self._values[key] = value
        self._deleted.discard(key)

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._deleted.add(key)
        self._values.pop(key, None)

    def add(self, key: str, member: str) -> None:
        """Add a member to a set."""
        self._added.setdefault(key, set()).add(member)
        self._removed.get(key, set()).discard(member)

    def remove(self, key: str, member: str) -> None:
        """Remove a member from a set."""
        self._removed.setdefault(key, set()).add(member)
        self._added.get(key, set()).discard(member)

    def fill(self, pipeline: Pipeline) -> None:
        """Put the commands into a pipeline: values before the sets that name them, deletions last."""
        if self._values:
            pipeline.mset(self._values)
        _each(pipeline, _ADD_EACH, self._added)
        _each(pipeline, _REMOVE_EACH, self._removed)
        if self._deleted:
            pipeline.unlink(*self._deleted)


def _each(pipeline: Pipeline, script: str, members_of: Mapping[str, set[str]]) -> None:
    keys = [key for key, members in members_of.items() for _ in members]
    if keys:
        pipeline.eval(script, len(keys), *keys, *(one for members in members_of.values() for one in members))
