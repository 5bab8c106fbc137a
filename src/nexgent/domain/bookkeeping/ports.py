"""What keeping the books by hand needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nexgent.domain.ledger.models import Entry
from nexgent.shared.types import AgentId, ClosedTradeId, TransactionId, WalletAddress


@dataclass(frozen=True, slots=True)
class StreamExcerpt:
    """Chosen entries of a wallet's stream, in order; `seq` is the stream's last durable entry when they were read."""

    seq: int
    entries: Sequence[Entry]


class HandEntries(Protocol):
    """What the journal says about single records. All methods raise `UnavailableError` when it cannot be read."""

    async def of_transaction(
        self, wallet: WalletAddress, agent_id: AgentId, transaction_id: TransactionId
    ) -> StreamExcerpt:
        """Return the entries that made, edited or removed a transaction, and the resets of the wallet, in order.

        A trade of the engine is found when the read tables contain it.
        """

    async def is_recorded_by_hand(self, wallet: WalletAddress, closed_trade_id: ClosedTradeId) -> bool:
        """Tell whether somebody recorded the closed trade; otherwise the engine made it."""
