"""Errors of keeping the books by hand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from nexgent.shared.errors import ConflictError, NotFoundError, RejectedError
from nexgent.shared.money import plain
from nexgent.shared.types import PositionId, TokenAddress, TransactionId, WalletAddress


class BalanceNotFoundError(RejectedError):
    """The wallet holds nothing of the token that a transaction takes from it."""

    code = "BALANCE_NOT_FOUND"

    def __init__(self, mint: TokenAddress, symbol: str, required: Decimal) -> None:
        super().__init__(
            "Balance not found for token",
            requiredAmount=plain(required),
            tokenAddress=mint,
            tokenSymbol=symbol,
        )


class UnknownBalanceError(NotFoundError):
    """No such balance, or it belongs to another user."""

    def __init__(self) -> None:
        super().__init__("Balance not found")


class BalanceExistsError(ConflictError):
    """The wallet has a balance of the token already."""

    code = "BALANCE_EXISTS"

    def __init__(self, wallet: WalletAddress, mint: TokenAddress) -> None:
        super().__init__(
            "The wallet already has a balance of this token; update it instead",
            walletAddress=wallet,
            tokenAddress=mint,
        )


class BalanceInUseError(ConflictError):
    """Part of the balance backs an open position or is reserved by a trade under way."""

    code = "BALANCE_IN_USE"

    def __init__(self, mint: TokenAddress, bound: Decimal, *, by_position: bool) -> None:
        reason = (
            f"{plain(bound)} of it belong to an open position; close the position first"
            if by_position
            else f"{plain(bound)} of it are reserved by a trade under way; try again when it has finished"
        )
        super().__init__(f"The balance is in use: {reason}", tokenAddress=mint, inUse=plain(bound))


class UnknownTransactionError(NotFoundError):
    """No such transaction."""

    def __init__(self) -> None:
        super().__init__("Transaction not found")


class TransactionInUseError(ConflictError):
    """An open position was bought or partly sold with the transaction."""

    code = "TRANSACTION_IN_USE"

    def __init__(self, transaction_id: TransactionId, position_id: PositionId) -> None:
        super().__init__(
            "The transaction belongs to an open position and cannot be deleted; close the position first",
            transactionId=str(transaction_id),
            positionId=str(position_id),
        )


class UnknownClosedTradeError(NotFoundError):
    """No such closed trade."""

    def __init__(self) -> None:
        super().__init__("Historical swap not found")


class EngineRecordError(ConflictError):
    """What the engine has traded is what happened: only remarks about it can be edited."""

    code = "ENGINE_RECORD"

    def __init__(self, what: str, fields: Sequence[str], editable: Sequence[str]) -> None:
        super().__init__(
            f"The engine made this {what}, and what happened cannot be edited ({', '.join(fields)}); "
            f"what can: {', '.join(editable)}",
            fields=list(fields),
        )
