"""Changes of Redis, collected until they go out as a few large commands."""

from __future__ import annotations

from collections import defaultdict

from redis.asyncio.client import Pipeline

# A burst adds a member to each of a thousand sets. A command for each takes longer to pack, and its answer to read, than what it
# says; those of a token, one set, are named in one. Should one of the keys not be a set, those before it have their member, and
# get it once more with the next attempt.
_EACH = "for i, key in ipairs(KEYS) do redis.call('{}', key, ARGV[i]) end"
_ADD_EACH, _REMOVE_EACH = _EACH.format("SADD"), _EACH.format("SREM")


class WriteBatch:
    """Values to set, keys to delete and members of sets to add or remove. The last word about a key or member wins."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._deleted: set[str] = set()
        # What is to become of each member of a set: whether it is added or removed.
        self._members: dict[str, dict[str, bool]] = defaultdict(dict)

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
        self._members[key][member] = True

    def remove(self, key: str, member: str) -> None:
        """Remove a member from a set."""
        self._members[key][member] = False

    def fill(self, pipeline: Pipeline) -> None:
        """Put the commands into a pipeline: values before the sets that name them, deletions last."""
        if self._values:
            pipeline.mset(self._values)
        alone: dict[bool, dict[str, str]] = {True: {}, False: {}}
        for key, members in self._members.items():
            if len(members) == 1:
                [(member, is_in)] = members.items()
                alone[is_in][key] = member
                continue
            if added := [member for member, is_in in members.items() if is_in]:
                pipeline.sadd(key, *added)
            if removed := [member for member, is_in in members.items() if not is_in]:
                pipeline.srem(key, *removed)
        for script, changes in ((_ADD_EACH, alone[True]), (_REMOVE_EACH, alone[False])):
            if changes:
                pipeline.eval(script, len(changes), *changes, *changes.values())
        if self._deleted:
            pipeline.unlink(*self._deleted)
