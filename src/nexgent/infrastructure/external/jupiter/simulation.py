"""Swaps on paper, against real quotes."""

from __future__ import annotations

from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.models import Landed, Quote, QuoteRequest, StillUnknown, SwapOutcome
from nexgent.domain.trading.ports import fill_from_quote
from nexgent.domain.trading.rules.simulation_costs import (
    REFERENCE_COSTS,
    SimulationCosts,
    with_simulation_costs,
)
from nexgent.infrastructure.external.jupiter.swap import JupiterSwapClient
from nexgent.infrastructure.external.single_flight import SingleFlight
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import WalletAddress


class SimulationSwapGateway:
    """A `SwapGateway` that never sends anything: the quote is the fill. Equal quotes asked for at once share one call."""

    def __init__(self, client: JupiterSwapClient, costs: SimulationCosts = REFERENCE_COSTS) -> None:
        self._client = client
        self._costs = costs
        self._quotes: SingleFlight[tuple[QuoteRequest, bool], Quote] = SingleFlight()
        # A burst fills at one quote, agent after agent.
        self._newest: tuple[Quote, Landed] | None = None

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        """Return an offer. Raises `QuoteFailedError`, `SwapUnavailableError`."""
        if request.taker is not None:
            return await self._client.order(request, urgent=urgent)
        return await self._quotes.run((request, urgent), lambda: self._client.order(request, urgent=urgent))

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        """Return None: nothing leaves the process."""
        del quote, wallet
        return None

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        """Return the quote as the fill, at what it would have cost."""
        del submission
        if self._newest is None or self._newest[0] is not quote:
            buying = quote.request.input_mint == SOL_MINT
            fill = with_simulation_costs(fill_from_quote(quote), self._costs, buying=buying)
            self._newest = quote, Landed(fill=fill)
        return self._newest[1]

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        """Never needed: a paper trade has no submission."""
        del submission, wallet, request
        return StillUnknown(reason="a paper trade is never submitted, so there is nothing to find out")

    async def close(self) -> None:
        """Give up quotes under way."""
        await self._quotes.close()
