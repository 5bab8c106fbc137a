"""What the live check needs from outside. Nothing here signs or sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nexgent.domain.live_check.models import NodeReading, PriceReading, RateTier
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.shared.findings import Finding
from nexgent.shared.types import TokenAddress, WalletAddress


class LiveMarket(Protocol):
    """The services a live trade depends on."""

    @property
    def tier(self) -> RateTier:
        """How often the swap provider may be asked."""

    async def upstreams(self) -> Sequence[Finding]:
        """Return what one small request to each service found, and how this machine's clock compares. Never raises."""

    async def balance_lamports(self, wallet: WalletAddress) -> int:
        """Return what the chain says the wallet holds. Raises `UpstreamError`, `UnavailableError`."""

    async def node(self) -> NodeReading:
        """Return what the node says, waiting a few seconds for its slot to move. Raises as `balance_lamports`."""

    async def prices(self, token: TokenAddress) -> Sequence[PriceReading]:
        """Return what each price source has for a token. Never raises."""

    async def order(self, request: QuoteRequest) -> Quote:
        """Return an offer with a transaction. Raises `QuoteFailedError`, `SwapUnavailableError`."""

    async def inspect(self, quote: Quote, wallet: WalletAddress) -> None:
        """Decode the transaction, hold it against the order and have it simulated.

        Raises `UnsafeSwapError`, `SwapNotSentError`.
        """
