"""Candles, what happened beside them, and how fine they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from nexgent.domain.prices.models import PriceSource, RefusalReason
from nexgent.shared.types import AgentId, PositionId, SignalId, TokenAddress, TransactionId


class Resolution(StrEnum):
    """How much time a candle covers."""

    SECOND = "1s"
    MINUTE = "1m"
    HOUR = "1h"

    @property
    def seconds(self) -> int:
        """Return the time a candle covers."""
        return _SECONDS[self]


_SECONDS = {Resolution.SECOND: 1, Resolution.MINUTE: 60, Resolution.HOUR: 3600}


@dataclass(slots=True)
class Candle:
    """The accepted prices of a token in one period, in SOL per token. `source` is who said the last one."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    source: str

    def take(self, price: Decimal, source: str) -> None:
        """Take the next price."""
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close, self.source = price, source

    def follow(self, later: Candle) -> None:
        """Take the prices of a later part of the same period."""
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close, self.source = later.close, later.source


Place = tuple[TokenAddress, int]
"""A token, and the beginning of a period in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded since the last time: the last price of each second by the minute it lies in, and candles."""

    seconds: dict[Place, dict[int, Decimal]]
    minutes: dict[Place, Candle]
    hours: dict[Place, Candle]


@dataclass(frozen=True, slots=True)
class CandleRow:
    """A candle of a chart. Prices are exact decimals as text; of seconds nobody knows who said them."""

    time: datetime
    open: str
    high: str
    low: str
    close: str
    source: str | None = None


class MarkerKind(StrEnum):
    """What happened to a position."""

    SIGNAL = "signal"
    ENTRY = "entry"
    AVERAGE_DOWN = "average_down"
    PARTIAL_SALE = "partial_sale"
    EXIT = "exit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Something that happened at a moment of a chart. Amounts are SOL, prices SOL per token, where there are some."""

    time: datetime
    kind: MarkerKind
    agent_id: AgentId | None = None
    signal_id: SignalId | None = None
    transaction_id: TransactionId | None = None
    price_sol: Decimal | None = None
    amount_sol: Decimal | None = None
    profit_loss_sol: Decimal | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LinePoint:
    """Where stop, peak and next take-profit level of a position stood at the end of a minute, in SOL per token.

    There may be no stop, and no level left.
    """

    minute: datetime
    stop_price_sol: Decimal | None
    peak_price_sol: Decimal
    target_price_sol: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PositionLines:
    """How stop and peak of a position moved, oldest first; a minute in which neither did has no point."""

    position_id: PositionId
    agent_id: AgentId
    points: Sequence[LinePoint]


SourcePlace = tuple[TokenAddress, PriceSource, int]
"""A token, who said it, and the beginning of a minute in seconds since 1970."""
RefusalPlace = tuple[TokenAddress, PriceSource, datetime]
"""A token, whose word was not taken, and since when."""


@dataclass(frozen=True, slots=True)
class SourcesRecorded:
    """What was heard of sources since the last time: the last word of each in a minute, and refusals with their last moment
    and whether they ended then."""

    words: dict[SourcePlace, Decimal]
    refusals: dict[RefusalPlace, tuple[RefusalReason, datetime, bool]]


@dataclass(frozen=True, slots=True)
class SourcePoint:
    """What a source said last in a period that begins at `time`, in SOL per token as text."""

    time: datetime
    price: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """What a source said over time, oldest first; a period in which it said nothing has no point."""

    source: str
    points: Sequence[SourcePoint]


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A time during which the words of a source were not taken; without an end, that is so still.

    One that is not over was so at `until`, and somebody has said nothing of it since.
    """

    source: str
    reason: RefusalReason
    since: datetime
    until: datetime | None
    is_over: bool = False
