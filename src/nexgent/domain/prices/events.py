"""What happened to prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nexgent.domain.prices.models import TokenPrice


@dataclass(frozen=True, slots=True)
class PricesChanged:
    """One poll's accepted prices, changed or confirmed again."""

    prices: Sequence[TokenPrice]
    at: datetime
