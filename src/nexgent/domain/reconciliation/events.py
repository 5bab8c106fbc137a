"""What reconciliation found, for metrics."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.shared.types import WalletAddress


@dataclass(frozen=True, slots=True)
class WalletChecked:
    """A live wallet was held against the chain; `code` says why that was not possible."""

    wallet_address: WalletAddress
    booked: int
    code: str | None
