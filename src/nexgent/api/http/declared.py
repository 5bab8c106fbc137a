"""What an endpoint declares beside its parameters, as dependencies of its route: its limit, how it is repeated, whether it
is kept, and what it is in the audit log.

Each is looked at by `ApiRoute` before and after the endpoint runs; as a dependency it does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from fastapi import Depends

from nexgent.api.rate_limits import Limit


class Repeat(Enum):
    """What a POST with an `Idempotency-Key` does when it comes again."""

    ANSWERED_AGAIN = "answered again"
    """The first answer comes again; nothing is done twice."""
    BY_NATURE = "by nature"
    """A position is sold once and a deposit is booked once, whoever asks again: any failure frees the key."""
    NOT_KEPT = "not kept"
    """Repeating does no harm, and the answer (a wallet's key, a ticket) does not belong in a table: the header is ignored."""


class Storing(Enum):
    """Who may keep an answer."""

    ANY = "any"
    NONE = "none"
    """No cache of a browser or proxy: it tells of keys, be it only that there are some."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a call is called in the audit log; without a name it is not written down."""

    name: str


@dataclass(frozen=True, slots=True)
class Declared:
    """A marker in the list of a route's dependencies."""

    value: Limit | Repeat | Storing | Action

    async def __call__(self) -> None:
        """Do nothing: the route has looked at the value."""


def limited(most: int, *, by_key: bool = False, exact: bool = True, counted_as: str = "") -> Any:
    """Declare how many requests a minute are taken from one address (`by_key`: from one API key) on one path, or on that path
    and the one named together."""
    return Depends(Declared(Limit(most, by_key=by_key, exact=exact, counted_as=counted_as)))


def audited(name: str) -> Any:
    """Declare what a call is called in the audit log. Without it, what writes is called after its path."""
    return Depends(Declared(Action(name)))


ONCE_BY_NATURE: Any = Depends(Declared(Repeat.BY_NATURE))
NOT_KEPT: Any = Depends(Declared(Repeat.NOT_KEPT))
NOT_STORED: Any = Depends(Declared(Storing.NONE))
NOT_AUDITED: Any = Depends(Declared(Action("")))
"""For an endpoint or a whole router: it is written down elsewhere, or is no business of safety."""
