"""Whether a token is dead and what is left of a position in it is lost. Pure.

A missing price proves nothing: feeds fail, rate limits bite, pairs move. What counts is that sources which look at pools say, in
several polls over a while, that there is no market, that more than one source says so and none says otherwise, and that the swap
provider refused to quote a sale that was really tried meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from nexgent.domain.trading.rules.liquidity import MarketReading, MarketVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffRules:
    """How much evidence it takes."""

    min_polls: int = 5
    min_sources: int = 2
    min_duration: timedelta = timedelta(minutes=10)
    max_gap: timedelta = timedelta(minutes=5)
    """Evidence that was not repeated for so long starts again."""
    min_refused_sales: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMarketEvidence:
    """What speaks for the death of a token, without a break and without a contradiction."""

    polls: int = 0
    sources: frozenset[str] = frozenset()
    first_at: datetime | None = None
    last_at: datetime | None = None


NO_EVIDENCE = DeadMarketEvidence()


class WriteOffStep(StrEnum):
    """What to do about a position."""

    WAIT = "wait"
    TRY_SALE = "try_sale"
    WRITE_OFF = "write_off"


class WriteOffReason(StrEnum):
    """Why no more is done."""

    NO_EVIDENCE = "NO_EVIDENCE"
    TOO_FEW_POLLS = "TOO_FEW_POLLS"
    TOO_FEW_SOURCES = "TOO_FEW_SOURCES"
    TOO_SHORT = "TOO_SHORT"
    NO_SALE_REFUSED = "NO_SALE_REFUSED"
    PROVEN = "PROVEN"


@dataclass(frozen=True, slots=True)
class WriteOffDecision:
    """The next step and what led to it."""

    step: WriteOffStep
    reason: WriteOffReason


def add_poll(
    evidence: DeadMarketEvidence, readings: Iterable[MarketReading], now: datetime, rules: WriteOffRules
) -> DeadMarketEvidence:
    """Return the evidence after one poll of all sources. One source that sees a market ends all suspicion."""
    dead: set[str] = set()
    for reading in readings:
        if reading.verdict is MarketVerdict.ALIVE:
            return NO_EVIDENCE
        if reading.verdict is MarketVerdict.DEAD:
            dead.add(reading.source)
    if evidence.last_at is not None and now - evidence.last_at > rules.max_gap:
        evidence = NO_EVIDENCE
    if not dead:
        return evidence
    return replace(
        evidence,
        polls=evidence.polls + 1,
        sources=evidence.sources | dead,
        first_at=evidence.first_at if evidence.first_at is not None else now,
        last_at=now,
    )


def decide_write_off(
    evidence: DeadMarketEvidence, refused_sales: int, now: datetime, rules: WriteOffRules
) -> WriteOffDecision:
    """Decide about a position whose sale the provider refused to quote `refused_sales` times since the evidence began."""
    if evidence.first_at is None or evidence.last_at is None or now - evidence.last_at > rules.max_gap:
        return WriteOffDecision(WriteOffStep.WAIT, WriteOffReason.NO_EVIDENCE)
    if evidence.polls < rules.min_polls:
        return WriteOffDecision(WriteOffStep.WAIT, WriteOffReason.TOO_FEW_POLLS)
    if len(evidence.sources) < rules.min_sources:
        return WriteOffDecision(WriteOffStep.WAIT, WriteOffReason.TOO_FEW_SOURCES)
    if evidence.last_at - evidence.first_at < rules.min_duration:
        return WriteOffDecision(WriteOffStep.WAIT, WriteOffReason.TOO_SHORT)
    if refused_sales < rules.min_refused_sales:
        return WriteOffDecision(WriteOffStep.TRY_SALE, WriteOffReason.NO_SALE_REFUSED)
    return WriteOffDecision(WriteOffStep.WRITE_OFF, WriteOffReason.PROVEN)
