"""What happened to prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from nexgent.domain.prices.models import Refusal, SolPrice, SourceWord, TokenPrice
from nexgent.shared.types import TokenAddress


@dataclass(frozen=True, slots=True)
class PricesChanged:
    """One poll's accepted prices, changed or confirmed again."""

    prices: Sequence[TokenPrice]
    at: datetime


@dataclass(frozen=True, slots=True)
class TokensDoubted:
    """Of all tokens that are asked for, those whose price is in doubt at this instant."""

    tokens: Sequence[TokenAddress]
    at: datetime


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token that agents hold, and what was paid for it last: SOL per token, and when."""

    token_address: TokenAddress
    price_sol: Decimal
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class TokensHeld:
    """What the agents of one engine hold: everything, or what is new since it said so last."""

    engine: str
    tokens: Sequence[HeldToken]
    everything: bool


@dataclass(frozen=True, slots=True)
class SolPriceSaid:
    """A source has said what a SOL costs, to whoever asks it for all engines. Whether it is believed is each one's to judge."""

    price: SolPrice


@dataclass(frozen=True, slots=True)
class SourcesHeard:
    """What each source said last of each token, now and then, and whose words were not taken, as soon as that changes."""

    words: Sequence[SourceWord]
    refusals: Sequence[Refusal]
    at: datetime
