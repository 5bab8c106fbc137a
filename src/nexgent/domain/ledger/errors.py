"""Errors of the ledger."""

from __future__ import annotations

from decimal import Decimal

from nexgent.shared.errors import ConflictError, NexgentError, RejectedError, UnavailableError
from nexgent.shared.money import plain
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress


class LedgerInvariantError(NexgentError):
    """An entry would break the books. A programming error: nothing was written."""

    code = "LEDGER_INVARIANT"


class StaleWalletError(ConflictError):
    """Another writer was faster; the wallet was read again and the decision has to be taken anew."""

    code = "WALLET_CHANGED"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__("The wallet changed meanwhile; decide again", walletAddress=wallet)


class JournalUnavailableError(UnavailableError):
    """The journal cannot be written at present; nothing was recorded."""

    code = "JOURNAL_UNAVAILABLE"

    def __init__(
        self, message: str = "The journal cannot be written at present; nothing was changed"
    ) -> None:
        super().__init__(message)


class NotTheEngineError(JournalUnavailableError):
    """This process may not trade (any more): another one holds the engine's lease, or nobody does. Nothing was recorded."""

    code = "NOT_THE_ENGINE"

    def __init__(
        self, message: str = "This process does not hold the engine's lease and trades nothing"
    ) -> None:
        super().__init__(message)


class EngineElsewhereError(NotTheEngineError):
    """Another process trades for this agent. That was seen before anything else: nothing has begun, so it may be asked to do it.

    `agent_id` is None for what is nobody's: any engine may do it.
    """

    def __init__(
        self, agent_id: AgentId | None, message: str = "Another process trades for this agent at present"
    ) -> None:
        super().__init__(message)
        self.agent_id = agent_id


class JournalArchivedError(ConflictError):
    """Entries that are needed were archived: the journal begins behind them."""

    code = "JOURNAL_ARCHIVED"


class InsufficientBalanceError(RejectedError):
    """The wallet holds less than asked for, counting what open trades have reserved."""

    code = "INSUFFICIENT_BALANCE"

    def __init__(self, mint: TokenAddress, symbol: str, available: Decimal, required: Decimal) -> None:
        super().__init__(
            "Insufficient balance",
            currentBalance=plain(available),
            requiredAmount=plain(required),
            tokenAddress=mint,
            tokenSymbol=symbol,
        )


class UnknownWalletError(RejectedError):
    """The ledger has no stream for the wallet."""

    code = "WALLET_NOT_FOUND"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__("Wallet not found", walletAddress=wallet)
