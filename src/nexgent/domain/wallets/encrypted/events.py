"""What happened to keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nexgent.shared.types import WalletAddress


@dataclass(frozen=True, slots=True)
class WalletUnlocked:
    """The key is in memory; exits that failed for want of it can be tried again. `until` None: until it is locked."""

    wallet_address: WalletAddress
    until: datetime | None


@dataclass(frozen=True, slots=True)
class WalletLocked:
    """The key is not in memory any more.

    Reasons: `request`, `ttl`, `idle`, `deleted`, `moved` (another engine trades with it), `shutdown`.
    """

    wallet_address: WalletAddress
    reason: str
