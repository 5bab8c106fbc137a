"""Errors of the wallets package."""

from __future__ import annotations

from nexgent.shared.errors import ConflictError, InvalidInputError, NotFoundError
from nexgent.shared.types import WalletAddress


class UnknownWalletAddressError(NotFoundError):
    """No such wallet, or it belongs to another user."""

    code = "WALLET_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Wallet not found")


class WalletInUseError(ConflictError):
    """The address belongs to another agent, or is the other wallet of the same one."""

    code = "WALLET_IN_USE"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__("The wallet address is already assigned", walletAddress=wallet)


class OpenPositionsError(ConflictError):
    """The wallet holds positions; whoever takes it away would lose them."""

    code = "OPEN_POSITIONS"

    def __init__(self, wallet: WalletAddress, count: int) -> None:
        super().__init__(
            "The present wallet has open positions; close them first",
            walletAddress=wallet,
            openPositions=count,
        )


class WalletBusyError(ConflictError):
    """A trade has begun and not ended, or ended only now; money may be moving."""

    code = "TRADE_IN_PROGRESS"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__(
            "A trade of this wallet is in progress; try again when it has finished", walletAddress=wallet
        )


class ResetFailedError(InvalidInputError):
    """The wallet cannot be reset as it is."""

    code = "RESET_FAILED"
