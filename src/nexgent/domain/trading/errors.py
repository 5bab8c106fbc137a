"""Errors of trading."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from nexgent.shared.errors import (
    ConflictError,
    NexgentError,
    RejectedError,
    UnavailableError,
    UpstreamError,
)
from nexgent.shared.loops import LeftUnfinishedError
from nexgent.shared.types import PositionId, VenueName

log = structlog.get_logger(__name__)


class TradeRejectedError(RejectedError):
    """Purchase validation refuses; the code is one of the contract's."""

    def __init__(self, code: str, message: str, /, **details: object) -> None:
        super().__init__(message, **details)
        self.code = code  # type: ignore[misc]  # One class for the contract's dozen codes.


class UnexpectedTradeError(NexgentError):
    """Something failed that nobody has thought of. The log has the whole story; people are told that nothing was traded."""

    code = "EXECUTION_FAILED"

    def __init__(self) -> None:
        super().__init__("The trade could not be carried out")


def named(error: Exception) -> NexgentError:
    """Return an error as one that can be recorded and shown; what nobody expected is logged here, with its traceback."""
    if isinstance(error, NexgentError):
        return error
    log.error("trade.unexpected_error", error=type(error).__name__, exc_info=error)
    return UnexpectedTradeError()


class WalletNotLoadedError(ConflictError):
    """The key of a live wallet is not in memory."""

    code = "WALLET_NOT_LOADED"

    def __init__(self) -> None:
        super().__init__("The live wallet's key is not loaded; set WALLET_n for it and restart")


class QuoteFailedError(UpstreamError):
    """The swap provider answered that it cannot quote (no route, token not tradable …). Trying again soon is pointless."""

    code = "QUOTE_FAILED"


class OrderNotBuiltError(QuoteFailedError):
    """There is a quote and no transaction: the wallet lacks the tokens, or SOL for fees. That tells nothing of the token."""

    code = "ORDER_NOT_BUILT"


class SwapUnavailableError(UnavailableError):
    """The swap provider did not answer, or answered 429 or 5xx, before anything was sent. Safe to try again."""

    code = "SWAP_UNAVAILABLE"

    def __init__(
        self,
        message: str,
        details: Mapping[str, object] | None = None,
        *,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, **(details or {}))
        self.retry_after_seconds = retry_after_seconds


class SwapNotSentError(UpstreamError):
    """The signed swap was refused before it could land: it did not and will not happen."""

    code = "SWAP_FAILED"


class SwapHeldBackError(UnavailableError):
    """The signed swap was not posted: this process is not the engine (any more), or nobody could tell whether it is."""

    code = "SWAP_HELD_BACK"


class SwapLeftError(SwapHeldBackError):
    """It was not posted here and that is not recorded, so whoever is the engine may still post it."""

    code = LeftUnfinishedError.code


class UnsafeSwapError(SwapNotSentError):
    """The transaction offered is not the swap that was ordered, so it was not signed. The code names the rule."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # One class for the dozen rules of the inspection.


class UnknownVenueError(UnavailableError):
    """A swap was sent to a venue that is not configured any more: its outcome stays unknown until it is again."""

    code = "VENUE_UNKNOWN"

    def __init__(self, venue: VenueName) -> None:
        super().__init__(f"The swap was sent to the venue {venue!r}, which is not configured", venue=venue)


class TokenUnavailableError(UnavailableError):
    """The decimals of a token cannot be read at present; never guessed."""

    code = "DECIMALS_FETCH_FAILED"


class InvalidTokenError(RejectedError):
    """The address is not a token mint."""

    code = "INVALID_TOKEN"


NO_MARKET_CODES = frozenset({QuoteFailedError.code, "INVALID_SALE_PRICE"})
"""The provider answered, and its answer is that nobody buys the token. `OrderNotBuiltError` is none: it comes with a quote."""


class ZeroBalanceError(ConflictError):
    """The wallet holds nothing of the token any more."""

    code = "ZERO_BALANCE"

    def __init__(self, position_id: PositionId) -> None:
        super().__init__(
            "The wallet holds none of the token; there is nothing to sell", positionId=str(position_id)
        )


class SwapInDoubtError(UnavailableError):
    """The swap was sent and its outcome is not known yet. It is booked as soon as the chain tells."""

    code = "SWAP_UNKNOWN"

    def __init__(self, position_id: PositionId | None = None) -> None:
        super().__init__(
            "The swap was sent and the chain has not confirmed it yet; it will be booked as soon as it does",
            positionId=str(position_id) if position_id is not None else None,
        )
