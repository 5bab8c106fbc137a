"""Shapes of charts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Path
from pydantic import BeforeValidator, Field, WithJsonSchema

from nexgent.api.encoding import iso
from nexgent.api.http.models import ApiModel, Query
from nexgent.api.http.problems import problem
from nexgent.api.http.queries import Whole
from nexgent.api.http.types import DecimalText, FlagInQuery, GivenMint, Instant, Mint, OptionalTime
from nexgent.domain.price_history.models import (
    CandleRow,
    LinePoint,
    Marker,
    MarkerKind,
    PositionLines,
    RefusalRow,
    Resolution,
    SourceLine,
)
from nexgent.domain.prices.models import RefusalReason
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.money import plain

MOST_CANDLES = 2000
MintInPath = Annotated[GivenMint, Path(alias="mint")]


def _resolution(value: object) -> object:
    given = value.strip() if isinstance(value, str) else value
    if given in {None, ""}:
        return Resolution.MINUTE
    if given not in set(Resolution):
        raise problem("it must be 1s, 1m or 1h")
    return given


class PriceHistoryQuery(Query):
    """Which part of a chart."""

    resolution: Annotated[
        Resolution, BeforeValidator(_resolution), WithJsonSchema({"type": "string", "examples": ["1m"]})
    ] = Field(default=Resolution.MINUTE, description="1s, 1m (the default) or 1h: what a candle covers")
    from_: OptionalTime = Field(
        default=None, alias="from", description="Not before (default: so many candles before `to`)"
    )
    to: OptionalTime = Field(default=None, description="Not after (default: now)")
    limit: Annotated[int, Whole(1)] = Field(
        default=500, description=f"The newest so many, up to {MOST_CANDLES} (default 500)"
    )
    sources: FlagInQuery = Field(
        default=None,
        description="true: with what each price source said, and whose word was not taken (default false)",
    )

    def check(self) -> None:
        """Raise `InvalidInputError` for a period that ends before it begins."""
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise InvalidInputError("Invalid from: it must not be after to")


class CandleOut(ApiModel):
    """Prices in SOL per token from `time` on; of seconds all four are the last one, and `source` is null."""

    time: Instant
    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    source: str | None


class MarkerOut(ApiModel):
    """What happened: a signal, or a trade with its price in SOL per token. An exit says why, and what it brought."""

    time: Instant
    kind: MarkerKind
    agent_id: UUID | None
    signal_id: int | None
    transaction_id: UUID | None
    price: DecimalText | None
    amount_sol: DecimalText | None
    profit_loss_sol: DecimalText | None
    reason: str | None


class LinePointOut(ApiModel):
    """Where stop, peak and next take-profit level of a position stood at the end of a minute, in SOL per token.

    Null is no stop, and no level that is left.
    """

    time: Instant
    stop_price: DecimalText | None
    peak_price: DecimalText
    target_price: DecimalText | None


class PositionLinesOut(ApiModel):
    """How stop, peak and next take-profit level of a position moved, oldest first. A minute in which none did has no point."""

    position_id: UUID
    agent_id: UUID
    points: list[LinePointOut]


class SourcePointOut(ApiModel):
    """What a source said last in the minute, in a chart of hours in the hour, that begins at `time`, in SOL per token."""

    time: Instant
    price: DecimalText


class SourceLineOut(ApiModel):
    """What a price source said over time, oldest first, accepted or not."""

    source: str
    points: list[SourcePointOut]


class SourceRefusalOut(ApiModel):
    """A time during which the words of a source were not taken; `until` is null while that is so.

    `in_doubt` tells that the price itself was in doubt meanwhile, so that nobody bought on it; else the source only had no say.
    """

    source: str
    reason: RefusalReason
    in_doubt: bool
    since: Instant
    until: Instant | None


class PriceHistoryOut(ApiModel):
    """The chart of a token, oldest first. A period without an accepted price has no candle.

    `lines` are those of the caller's positions, open and closed, as long as candles of a minute are kept. `sources` and
    `refusals` are empty unless asked for.
    """

    mint: Mint
    resolution: Resolution
    candles: list[CandleOut]
    markers: list[MarkerOut]
    lines: list[PositionLinesOut]
    sources: list[SourceLineOut]
    refusals: list[SourceRefusalOut]


def candle(row: CandleRow) -> dict[str, object]:
    """Return a candle as it is sent: up to two thousand at once, hence without a model."""
    return {
        "time": iso(row.time),
        "open": row.open,
        "high": row.high,
        "low": row.low,
        "close": row.close,
        "source": row.source,
    }


def marker(one: Marker) -> dict[str, object]:
    """Return a marker as it is sent."""

    def text(value: object) -> object:
        return None if value is None else str(value)

    return {
        "time": iso(one.time),
        "kind": one.kind.value,
        "agentId": text(one.agent_id),
        "signalId": one.signal_id,
        "transactionId": text(one.transaction_id),
        "price": None if one.price_sol is None else plain(one.price_sol),
        "amountSol": None if one.amount_sol is None else plain(one.amount_sol),
        "profitLossSol": None if one.profit_loss_sol is None else plain(one.profit_loss_sol),
        "reason": one.reason,
    }


def lines(one: PositionLines) -> dict[str, object]:
    """Return the lines of a position as they are sent."""
    return {
        "positionId": str(one.position_id),
        "agentId": str(one.agent_id),
        "points": [_point(point) for point in one.points],
    }


def _point(one: LinePoint) -> dict[str, object]:
    return {
        "time": iso(one.minute),
        "stopPrice": None if one.stop_price_sol is None else plain(one.stop_price_sol),
        "peakPrice": plain(one.peak_price_sol),
        "targetPrice": None if one.target_price_sol is None else plain(one.target_price_sol),
    }


def source_line(one: SourceLine) -> dict[str, object]:
    """Return what a source said as it is sent."""
    return {
        "source": one.source,
        "points": [{"time": iso(point.time), "price": point.price} for point in one.points],
    }


def refusal(one: RefusalRow) -> dict[str, object]:
    """Return a refusal as it is sent."""
    return {
        "source": one.source,
        "reason": one.reason.value,
        "inDoubt": one.reason.is_doubt,
        "since": iso(one.since),
        "until": None if one.until is None else iso(one.until),
    }
