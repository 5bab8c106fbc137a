"""Errors of reconciliation and of what belongs to it."""

from __future__ import annotations

from nexgent.shared.errors import (
    ConflictError,
    NotFoundError,
    RejectedError,
    UnavailableError,
    UpstreamError,
)
from nexgent.shared.types import PositionId, TokenAddress, WalletAddress


class InconsistentNodeError(UnavailableError):
    """A node contradicts itself, another one, or what it said before: nothing it says is booked."""

    code = "NODE_INCONSISTENT"


class WalletMovingError(ConflictError):
    """Trades move the wallet: nobody can compare it at this moment."""

    code = "TRADE_IN_PROGRESS"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__(
            "A trade of this wallet is in progress or has just ended; try again in half a minute",
            walletAddress=wallet,
        )


class NoOrphanError(NotFoundError):
    """The wallet has no such tokens, or a position accounts for all of them."""

    code = "NO_ORPHAN"

    def __init__(self, mint: TokenAddress) -> None:
        super().__init__(
            "Token not found: the wallet holds none of it that no position accounts for", tokenAddress=mint
        )


class PositionExistsError(ConflictError):
    """There is an open position in the token already."""

    code = "POSITION_EXISTS"

    def __init__(self, mint: TokenAddress, position_id: PositionId) -> None:
        super().__init__(
            "The wallet has an open position in this token; what lies beside it can be adopted when it is closed",
            tokenAddress=mint,
            positionId=str(position_id),
        )


class NoPriceError(RejectedError):
    """Nobody knows what the token is worth."""

    code = "PRICE_UNKNOWN"

    def __init__(self, mint: TokenAddress) -> None:
        super().__init__("No source has a price of this token; say what it cost (costSol)", tokenAddress=mint)


class NothingToReclaimError(ConflictError):
    """There are no deposits to be had back, or less than it costs."""

    code = "NOTHING_TO_RECLAIM"

    def __init__(self) -> None:
        super().__init__("No token account of the wallet is empty or holds more than its deposit")


class RentFailedError(UpstreamError):
    """The transaction did not happen, or failed on the chain; nothing but its fee is lost."""

    code = "RENT_FAILED"


class RentInDoubtError(UnavailableError):
    """The transaction was sent and its outcome is not known yet. It is booked as soon as the chain tells."""

    code = "RENT_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(
            "The transaction was sent and the chain has not confirmed it yet; it will be booked as soon as it does"
        )
