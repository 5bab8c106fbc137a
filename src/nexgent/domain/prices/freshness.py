"""Whether a source still looks at the market, or repeats what it said once while the market moves on.

A token nobody trades stands still everywhere, and a source is not frozen for saying so. It is frozen when nothing it says is new,
of no token and not even of SOL, while another one tells of moves up and down: once away and back is a lie or a spike, the market
goes to and fro. Figures that follow from the price of SOL alone are no moves: a move changes a token's price in SOL and in USD.
Of SOL itself the price in USD counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from nexgent.domain.prices.models import PriceObservation, PriceSource
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress

TURNS = 4
"""So often another source has to change its direction before a source that stands still is called frozen."""
REPEATS = 3
"""So often a source has to repeat itself: one that was not asked says nothing new either."""
_ROUNDING = Decimal("0.00001")


@dataclass(slots=True)
class _Heard:
    """The figures a source gave last, and which way they went."""

    price_sol: Decimal | None
    price_usd: Decimal | None
    direction: int = 0


@dataclass(slots=True)
class _Source:
    heard: dict[TokenAddress, _Heard] = field(default_factory=dict)
    turns: int = 0
    """How often a price it tells has turned."""
    news_at: datetime | None = None
    repeats: int = 0
    others_turned: int = 0
    """How often prices of others had turned when this one last said something new."""


class SourceFreshness:
    """When each source last said something new."""

    def __init__(self, sources: Sequence[PriceSource], frozen_after: timedelta) -> None:
        self._sources = {source: _Source() for source in sources}
        self._frozen_after = frozen_after
        self._turns = 0

    def note(self, observation: PriceObservation) -> None:
        """Take notice of what a source says, whatever becomes of it. Raises `KeyError` for a source there is not."""
        source = self._sources[observation.source]
        price_sol, price_usd = _finite(observation.price_sol), _finite(observation.price_usd)
        heard = source.heard.get(observation.token_address)
        if heard is not None and price_sol == heard.price_sol and price_usd == heard.price_usd:
            source.repeats += 1
            return
        if heard is None:
            source.heard[observation.token_address] = _Heard(price_sol, price_usd)
            if source.news_at is not None:
                # A token heard of for the first time says nothing about when its price was looked up.
                source.repeats += 1
                return
        else:
            in_sol = None if observation.token_address == SOL_MINT else price_sol
            self._note_turn(source, heard, in_sol, price_usd)
            heard.price_sol, heard.price_usd = price_sol, price_usd
        source.news_at, source.repeats = observation.observed_at, 0
        source.others_turned = self._turns - source.turns

    def suspect(self, source: PriceSource, now: datetime) -> bool:
        """Tell whether a source may turn out to be frozen: others have moved for half the time already. News clear it."""
        return self._stands_still(source, now, self._frozen_after / 2, turns=1)

    def frozen(self, source: PriceSource, now: datetime) -> bool:
        """Tell whether a source repeats itself while others move."""
        return self._stands_still(source, now, self._frozen_after, turns=TURNS)

    def forget(self, token: TokenAddress) -> None:
        """Drop the figures of a token nobody asks for any more."""
        for source in self._sources.values():
            source.heard.pop(token, None)

    def _stands_still(
        self, name: PriceSource, now: datetime, for_as_long_as: timedelta, *, turns: int
    ) -> bool:
        source = self._sources[name]
        return (
            source.repeats >= REPEATS
            and self._turns - source.turns - source.others_turned >= turns
            and source.news_at is not None
            and now - source.news_at >= for_as_long_as
        )

    def _note_turn(
        self, source: _Source, heard: _Heard, price_sol: Decimal | None, price_usd: Decimal | None
    ) -> None:
        in_sol, in_usd = _direction(heard.price_sol, price_sol), _direction(heard.price_usd, price_usd)
        direction = in_usd if in_sol is None else in_sol
        if not direction or in_usd not in (None, direction):
            return
        if heard.direction not in (0, direction):
            source.turns += 1
            self._turns += 1
        heard.direction = direction


def _finite(figure: Decimal | None) -> Decimal | None:
    return figure if figure is not None and figure.is_finite() else None


def _direction(before: Decimal | None, after: Decimal | None) -> int | None:
    """Return 1 for up, -1 for down, 0 for the same but for rounding, None where there is nothing to compare."""
    if before is None or after is None:
        return None
    if abs(after - before) <= abs(before) * _ROUNDING:
        return 0
    return 1 if after > before else -1
