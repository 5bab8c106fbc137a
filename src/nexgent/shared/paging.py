"""Where a page of an ordered list ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

IdT = TypeVar("IdT")


@dataclass(frozen=True, slots=True)
class PageCursor(Generic[IdT]):
    """The time and id of the last row of a page, newest first; the next page begins with the row that is older than both.

    The id decides between equal times, so rows that come in meanwhile neither repeat a row nor push one out.
    """

    time: datetime
    id: IdT
