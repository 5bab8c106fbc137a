"""Encoded pieces of lists, kept as long as what they show has not changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")

_MAX_FRAGMENTS = 100_000


class FragmentCache(Generic[T]):
    """The JSON of immutable values by id. A new state of a value is a new object, which is what is compared."""

    def __init__(self) -> None:
        self._kept: dict[UUID, tuple[T, bytes]] = {}

    def get(self, key: UUID, value: T, encode: Callable[[T], bytes]) -> bytes:
        """Return the JSON of a value, encoding it when it is not the one that was encoded last."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] is value:
            return kept[1]
        content = encode(value)
        if len(self._kept) >= _MAX_FRAGMENTS:
            self._kept.clear()
        self._kept[key] = (value, content)
        return content
