"""Changes of Redis, collected until they go out as a few large commands."""

from __future__ import annotations

from redis.asyncio.client import Pipeline


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
        for key, members in self._added.items():
            if members:
                pipeline.sadd(key, *members)
        for key, members in self._removed.items():
            if members:
                pipeline.srem(key, *members)
        if self._deleted:
            pipeline.unlink(*self._deleted)
