"""What is known of a request that may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class First(Enum):
    """What is known of an earlier request with the same key."""

    NONE = "none"
    OTHER_REQUEST = "other request"
    RUNNING = "running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was sent."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
