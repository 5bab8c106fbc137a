"""Errors of encrypted wallets. None carries a passphrase, a key or a part of one."""

from __future__ import annotations

from datetime import datetime

from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.users.errors import AccountLockedError
from nexgent.shared.errors import ConflictError, ForbiddenError, InvalidInputError, UnavailableError
from nexgent.shared.types import WalletAddress


class WalletExistsError(ConflictError):
    """The agent has a wallet of that type already, or the address is known."""

    code = "WALLET_EXISTS"


class WeakPassphraseError(InvalidInputError):
    """The passphrase would be guessed too soon."""

    code = "WEAK_PASSPHRASE"


class InvalidPrivateKeyError(InvalidInputError):
    """What was given to import is not a key. The message never quotes it."""

    code = "INVALID_PRIVATE_KEY"

    def __init__(self, problem: str) -> None:
        super().__init__(f"Invalid privateKey: {problem}")


class InvalidPassphraseError(ForbiddenError):
    """The passphrase does not open the key, or the stored key was tampered with: the cipher cannot tell which."""

    code = "INVALID_PASSPHRASE"

    def __init__(self) -> None:
        super().__init__("Forbidden: the passphrase is wrong")


class WalletLockedOutError(AccountLockedError):
    """Too many wrong passphrases; wait. Clients see it as they see a locked account."""

    code = "WALLET_LOCKED_OUT"

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.message = "The wallet refuses passphrases after too many wrong ones; try again later"


class WalletLockedError(WalletNotLoadedError):
    """The wallet's key is stored, but has to be unlocked before it can sign."""

    code = "WALLET_LOCKED"

    def __init__(self) -> None:
        super().__init__()
        self.message = "The wallet is locked; unlock it with its passphrase"


class LockedMeanwhileError(ConflictError):
    """Somebody locked the wallet while it was being unlocked; the lock wins."""

    code = "WALLET_LOCKED_MEANWHILE"

    def __init__(self) -> None:
        super().__init__("The wallet was locked while it was being unlocked; unlock it again")


class ManagedByEnvironmentError(ConflictError):
    """The key comes from the environment and is always in memory."""

    code = "WALLET_MANAGED_BY_ENVIRONMENT"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__(
            "The wallet's key comes from the environment (WALLET_n) and cannot be locked",
            walletAddress=wallet,
        )


class NotExportableError(ConflictError):
    """Only keys that are stored here can be exported."""

    code = "WALLET_NOT_EXPORTABLE"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__(
            "The wallet has no stored key; only encrypted wallets can be exported", walletAddress=wallet
        )


class DamagedSecretError(ConflictError):
    """What is stored cannot be a key sealed by this program. No passphrase helps; a backup does."""

    code = "WALLET_SECRET_DAMAGED"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__(
            "The stored key of the wallet is damaged and cannot be read; restore it from a backup",
            walletAddress=wallet,
        )


class PassphrasesBusyError(UnavailableError):
    """More passphrases are waiting than can be checked in reasonable time."""

    code = "PASSPHRASES_BUSY"

    def __init__(self) -> None:
        super().__init__("Too many passphrases are being checked at once; try again in a moment")
