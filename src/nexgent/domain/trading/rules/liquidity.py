"""What a source says about the market of a token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from nexgent.shared.types import TokenAddress


class MarketVerdict(StrEnum):
    """Whether a token can still be sold, as far as one source knows."""

    ALIVE = "alive"
    DEAD = "dead"
    """The source answered, completely, and there is no market worth the name: in any quote currency, not in SOL alone."""
    UNKNOWN = "unknown"
    """The source did not answer, or not completely. Unreachable is not the same as empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketReading:
    """One answer of one source about one token."""

    token_address: TokenAddress
    source: str
    verdict: MarketVerdict
    observed_at: datetime
    depth_sol: Decimal | None = None
    """The worth of the deepest pool's quote side in SOL, where the source tells."""
