"""Where swaps are carried out: venues by name and mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.errors import UnknownVenueError
from nexgent.domain.trading.models import Fill, Quote
from nexgent.domain.trading.ports import SwapGateway, fill_from_quote
from nexgent.domain.trading.rules.simulation_costs import (
    REFERENCE_COSTS,
    SimulationCosts,
    with_simulation_costs,
)
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import VenueName


@dataclass(frozen=True, slots=True)
class Venue:
    """One place to swap at, on paper or for real."""

    name: VenueName
    mode: TradingMode
    gateway: SwapGateway
    costs: SimulationCosts = REFERENCE_COSTS
    """What a fill of `gateway` lacks of its quote, on paper; a live one is told by the chain."""

    @property
    def live(self) -> bool:
        """Tell whether swaps are signed and sent."""
        return self.mode is TradingMode.LIVE

    def expected(self, quote: Quote) -> Fill:
        """Return what carrying out a quote now would bring: on paper exactly, for real if the market stands still."""
        fill = fill_from_quote(quote)
        return with_simulation_costs(fill, self.costs, buying=quote.request.input_mint == SOL_MINT)


class SwapVenues:
    """All venues. Of each mode the first takes what is new; what was sent is followed up at the venue it was sent to."""

    def __init__(self, venues: Sequence[Venue]) -> None:
        self.all = tuple(venues)
        self._by_key = {(venue.name, venue.mode): venue for venue in venues}
        self._first: dict[TradingMode, Venue] = {}
        for venue in venues:
            self._first.setdefault(venue.mode, venue)

    def of_mode(self, mode: TradingMode) -> Venue:
        """Return where new trades of a mode go."""
        return self._first[mode]

    def of(self, submission: Submission) -> Venue:
        """Return where a swap was sent to. Raises `UnknownVenueError`: nobody else can tell what became of it."""
        venue = self._by_key.get((submission.venue, TradingMode.LIVE))
        if venue is None:
            raise UnknownVenueError(submission.venue)
        return venue
