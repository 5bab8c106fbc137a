"""Prices as they are observed and as they are accepted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from nexgent.shared.types import TokenAddress

PriceSource = NewType("PriceSource", str)
"""Who said it, by the name its client gives itself: which sources there are is known where they are put together."""


@dataclass(frozen=True, slots=True)
class PriceObservation:
    """What one source answered for one token. Nothing is trusted yet: the value may be zero, absurd or old."""

    token_address: TokenAddress
    source: PriceSource
    price_sol: Decimal | None
    """SOL per token; None when the source only knows USD."""
    price_usd: Decimal | None
    observed_at: datetime
    """When the answer arrived, or the publish time where the source gives one."""
    liquidity_usd: Decimal | None = None
    liquidity_sol: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """A price that was accepted: finite, positive, fresh, plausible."""

    token_address: TokenAddress
    price_sol: Decimal
    price_usd: Decimal | None
    source: PriceSource
    """Who said it. Where the sources stand on both sides of a price, it has not moved, and this is who keeps it fresh."""
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class SolPrice:
    """USD per SOL."""

    price_usd: Decimal
    published_at: datetime
    source: PriceSource


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What a feed answered for a batch: the three different results of asking for a price.

    A token in `observations` was answered; one in `absent` was asked for and is unknown to the source;
    one in `failed` could not be asked (error, timeout, rate limit).
    """

    observations: tuple[PriceObservation, ...]
    absent: frozenset[TokenAddress]
    failed: frozenset[TokenAddress]


@dataclass(frozen=True, slots=True)
class SourceWord:
    """What a source said last of a token, in SOL per token, accepted or not."""

    token_address: TokenAddress
    source: PriceSource
    price_sol: Decimal
    at: datetime


class RefusalReason(StrEnum):
    """Why the word of a source is not taken."""

    UNCONFIRMED = "unconfirmed"
    """It says another price, which nobody has confirmed or denied yet."""
    CONTRADICTED = "contradicted"
    """It says another price, and another source denies it."""
    STRANGER = "stranger"
    """It has never agreed with anybody about this token, so it has no say."""
    FROZEN = "frozen"
    STALE = "stale"
    NOT_A_PRICE = "not_a_price"
    NO_SOL_PRICE = "no_sol_price"

    @property
    def is_doubt(self) -> bool:
        """Tell whether the price itself is in doubt meanwhile: nobody buys on it."""
        return self in (RefusalReason.UNCONFIRMED, RefusalReason.CONTRADICTED)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A time during which the words of a source about a token were not taken.

    `until` is when that was so last, or, when it `is_over`, when the source was believed again.
    """

    token_address: TokenAddress
    source: PriceSource
    reason: RefusalReason
    since: datetime
    until: datetime
    is_over: bool = False
