"""What a live check asks for, and what it is told by the world."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from nexgent.shared.types import TokenAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveWishes:
    """What the caller names: how much SOL the wallet may hold at most and has to hold at least, and the token to try."""

    cap_sol: Decimal | None = None
    minimum_sol: Decimal | None = None
    token: TokenAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReading:
    """What a Solana node says of its chain: two slots, and the time between the answers."""

    genesis: str
    first_slot: int
    second_slot: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PriceReading:
    """When a source says that a price was observed; nothing when it has none."""

    source: str
    observed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTier:
    """How often the swap provider may be asked. `requests_per_minute` 0 is no limit of ours."""

    requests_per_minute: int
    has_key: bool
    local: bool
    """Whether it runs on this machine, as a sandbox does: then no key is needed."""
