"""What trading needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from nexgent.domain.ledger.models import Submission
from nexgent.domain.positions.models import PositionTrail
from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.trading.models import Fill, Quote, QuoteRequest, SwapOutcome
from nexgent.domain.trading.rules.liquidity import MarketReading
from nexgent.shared.types import PositionId, TokenAddress, WalletAddress


class SwapGateway(Protocol):
    """One way of swapping: on paper or for real. The use cases do not know which."""

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        """Return an offer. `urgent` is for exits: they go before entries in the rate budget.

        Raises `QuoteFailedError` (no route), `SwapUnavailableError` (try again).
        """

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        """Sign the quoted swap; return what has to be durable before it is sent, or None when nothing leaves the process.

        Raises `WalletNotLoadedError`, or `SwapNotSentError` when the transaction is not the one that was ordered.
        """

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        """Carry the swap out. Posting the same submission again is safe. An ambiguous answer is `StillUnknown`.

        Raises `SwapNotSentError` when it certainly did not and will not happen, `SwapHeldBackError` when it did not because this
        process may not trade.
        """

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        """Find out what became of a submission whose outcome is unknown, posting it again where that helps."""


class TokenDecimals(Protocol):
    """How many decimals a mint has."""

    async def decimals(self, token: TokenAddress) -> int:
        """Return the decimals. Raises `InvalidTokenError` or `TokenUnavailableError`; never a default."""


class WalletKeys(Protocol):
    """Which live wallets can sign."""

    def is_loaded(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet's key is in memory."""

    def refusal(self, wallet: WalletAddress) -> WalletNotLoadedError:
        """Return why a wallet that is not loaded cannot sign: there is no key, or it is locked."""


class TrailStore(Protocol):
    """The durable record of position trails (peak, stop, low): written on every move, read at start."""

    async def save(self, trails: Sequence[PositionTrail]) -> None:
        """Store the newest trails in one statement. An older version never overwrites a newer one, a stop never loosens."""

    async def load(self, positions: Collection[PositionId] | None = None) -> Sequence[PositionTrail]:
        """Return the stored trails of these positions; all there are when none are named."""


class MarketProbe(Protocol):
    """A source that knows pools: whether a token has a market at all. A price feed's silence is no answer to that."""

    @property
    def source(self) -> str:
        """Who this is; two probes of one upstream share a name, so that together they are one witness."""

    async def read(self, tokens: Sequence[TokenAddress]) -> Sequence[MarketReading]:
        """Return what is known of the tokens' markets. What cannot be said for certain is `MarketVerdict.UNKNOWN`.

        `DEAD` only when the upstream answered completely (no truncated list, no error) and no pool in any currency has depth.
        """


def fill_from_quote(quote: Quote) -> Fill:
    """Return the fill of a paper trade: the quote itself."""
    return Fill(
        in_amount_raw=quote.in_amount_raw,
        out_amount_raw=quote.out_amount_raw,
        total_in_raw=None,
        total_out_raw=None,
        fees=quote.fees,
        price_impact_ratio=quote.price_impact_ratio,
        slippage_bps=quote.slippage_bps,
        swap_usd_value=quote.swap_usd_value,
        routes_json=quote.routes_json,
        payload_json=quote.payload_json,
        signature=None,
    )
