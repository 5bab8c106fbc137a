"""Why an operation on a position did not happen, or not entirely."""

from __future__ import annotations

from decimal import Decimal

from nexgent.shared.errors import ConflictError, RejectedError
from nexgent.shared.money import plain
from nexgent.shared.types import PositionId


class PartiallySoldError(ConflictError):
    """The swap sold less than it was asked to; what it sold is booked and the position stays open."""

    code = "PARTIALLY_SOLD"

    def __init__(self, position_id: PositionId) -> None:
        super().__init__(
            "Only a part of the position was sold; close it again to sell the rest",
            positionId=str(position_id),
        )


class ExitPendingError(ConflictError):
    """The position is being left; nothing else is done with it."""

    code = "EXIT_PENDING"

    def __init__(self, position_id: PositionId) -> None:
        super().__init__("The position is being sold", positionId=str(position_id))


class PriceMovedError(ConflictError):
    """The quote is not for the price at which the operation was decided: it is decided anew, at the price there is then."""

    code = "PRICE_MOVED"

    def __init__(self, position_id: PositionId, decided: Decimal, quoted: Decimal) -> None:
        super().__init__(
            f"Decided at a price of {decided:.6g} SOL; the swap provider quotes {quoted:.6g} SOL by now",
            positionId=str(position_id),
            decidedPriceSol=plain(decided),
            quotedPriceSol=plain(quoted),
        )


class NotDueError(RejectedError):
    """On the newest state the rule does not call for the operation (any more)."""

    code = "NOT_DUE"

    def __init__(self, position_id: PositionId, reason: str) -> None:
        super().__init__(f"Nothing to do: {reason}", positionId=str(position_id), reason=reason)
