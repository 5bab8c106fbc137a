"""What a rule about an open position is: when it wants to be asked, what it says then, and what it calls for.

Named tuples because a burst of prices makes thousands of them, and they are made three times as fast as frozen dataclasses.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Protocol

from nexgent.domain.agents.models import Agent
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.shared.money import CONTEXT

_HUNDRED = Decimal(100)
_MARGIN = Decimal("1E-9")
"""A price computed by division may miss the exact boundary by its last digit; this is far wider than that, and far narrower
than a price moves."""


class PositionOrderKind(StrEnum):
    """What is done with part of a position."""

    TAKE_PROFIT = "take_profit"
    DCA = "dca"


class Look(NamedTuple):
    """When a rule wants to be asked: at prices from `low_sol` to `high_sol`, None for no bound, from an instant on.

    The instant is in seconds since 1970. Bounds are rounded towards looking: being asked in vain costs a moment, not being
    asked may cost a position.
    """

    low_sol: Decimal | None = None
    high_sol: Decimal | None = None
    from_seconds: float = -math.inf

    @classmethod
    def at_gain(
        cls,
        entry_price_sol: Decimal,
        *,
        at_least: Decimal | None = None,
        at_most: Decimal | None = None,
        from_seconds: float = -math.inf,
    ) -> Look:
        """Return the look at gains over the entry from and to so many percent; losses are negative."""
        low = CONTEXT.multiply(entry_price_sol, _share(at_least, -_MARGIN)) if at_least is not None else None
        high = CONTEXT.multiply(entry_price_sol, _share(at_most, _MARGIN)) if at_most is not None else None
        return cls(low, high, from_seconds)

    def covers(self, price_sol: Decimal, now_seconds: float) -> bool:
        """Tell whether the rule wants to be asked."""
        return (
            (self.low_sol is None or self.low_sol <= price_sol)
            and (self.high_sol is None or price_sol <= self.high_sol)
            and self.from_seconds <= now_seconds
        )


class Moment(NamedTuple):
    """A position at a price. The trail is as the price has moved it."""

    position: Position
    trail: PositionTrail
    agent: Agent
    price_sol: Decimal
    now: datetime


class PositionRule(Protocol):
    """A rule about an open position. Pure and quick: it is asked within the price loop."""

    @property
    def calls_for(self) -> CloseReason | PositionOrderKind:
        """Return what to do when the rule speaks: leave the position for a reason, or trade a part of it."""

    @property
    def follows_trail(self) -> bool:
        """Tell whether its look depends on the trail, which prices move."""

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        """Return when to ask the rule about a position; None is never.

        Of the agent its configuration counts and whether it trades by itself in that wallet, and never whose the position is.
        """

    def speaks(self, moment: Moment) -> bool:
        """Decide, exactly."""


@lru_cache(maxsize=256)
def _share(percent: Decimal, margin: Decimal) -> Decimal:
    """Return a price so many percent above the entry as a share of it. Bounds may lie around zero, so a margin is one as well."""
    return CONTEXT.add(CONTEXT.divide(CONTEXT.add(_HUNDRED, percent), _HUNDRED), margin)
