"""What the sources said and whose word was not taken, for charts: told in summaries, never price by price.

A price costs a look into a dictionary, and an entry there when its word is refused. Everything else is done once a second for
what is refused then, which is nothing most of the time, and every ten seconds for all tokens.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nexgent.domain.prices.events import SourcesHeard
from nexgent.domain.prices.models import PriceSource, Refusal, RefusalReason
from nexgent.domain.prices.validation import PriceValidator, Verdict
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress

LOOK_SECONDS = 1.0
TELL_SECONDS = 10.0
CALM = timedelta(seconds=10)
"""Refusals of one kind that are no further apart than this are one: who lies every other second fills no table."""
_MOST_ENDED = 1000
_REASONS = {
    Verdict.UNCONFIRMED: RefusalReason.UNCONFIRMED,
    Verdict.CONTRADICTED: RefusalReason.CONTRADICTED,
    Verdict.FROZEN: RefusalReason.FROZEN,
    Verdict.STALE: RefusalReason.STALE,
    Verdict.NOT_A_PRICE: RefusalReason.NOT_A_PRICE,
    Verdict.NO_SOL_PRICE: RefusalReason.NO_SOL_PRICE,
}


@dataclass(slots=True)
class _Refused:
    reason: RefusalReason
    since: datetime
    until: datetime
    times: int = 1
    over: bool = False
    told: RefusalReason | None = None
    """As what it was told last; None when that was not yet, or when it has ended since."""

    @property
    def lasts(self) -> bool:
        """Once is nothing: the first of two sources that answer one poll is always alone for a moment."""
        return self.times > 1


class SourceWatch:
    """Hears every verdict, and publishes `SourcesHeard` now and then."""

    def __init__(self, *, validator: PriceValidator, publish: Callable[[object], None], clock: Clock) -> None:
        self._validator = validator
        self._publish = publish
        self._clock = clock
        self._refused: dict[tuple[TokenAddress, PriceSource], _Refused] = {}
        self._ended: deque[Refusal] = deque(maxlen=_MOST_ENDED)
        self._told_at: datetime | None = None

    def judged(self, token: TokenAddress, source: PriceSource, verdict: Verdict, now: datetime) -> None:
        """Take notice of what became of a source's word."""
        known = self._refused.get((token, source))
        reason = _REASONS.get(verdict)
        if reason is None:
            if known is not None and not known.over:
                known.over, known.until, known.told = True, now, None
            return
        if reason is RefusalReason.CONTRADICTED and not self._validator.doubtful(token):
            reason = RefusalReason.STRANGER
        if known is not None and _same_kind(known.reason, reason) and (known.lasts or not known.over):
            if known.over:
                known.over, known.told = False, None
            known.until = now
            known.times += 1
            if known.reason is RefusalReason.UNCONFIRMED:
                known.reason = reason
            return
        if known is not None and known.lasts and not (known.over and known.told):
            self._ended.append(replace(_refusal(token, source, known), is_over=True))
        self._refused[token, source] = _Refused(reason, now, now)

    async def tick(self) -> None:
        """Tell what has changed, and every ten seconds what still holds and what the sources said."""
        now = self._clock.now()
        due = self._told_at is None or (now - self._told_at).total_seconds() >= TELL_SECONDS
        refusals = list(self._ended)
        self._ended.clear()
        for (token, source), one in list(self._refused.items()):
            if one.lasts and (one.told is not one.reason or (due and not one.over)):
                refusals.append(_refusal(token, source, one))
                one.told = one.reason
            if now - one.until > CALM:
                del self._refused[token, source]
        words = []
        if due:
            words = self._validator.said_after(self._told_at or now - timedelta(seconds=TELL_SECONDS))
            self._told_at = now
        if words or refusals:
            self._publish(SourcesHeard(words, refusals, now))


def _refusal(token: TokenAddress, source: PriceSource, one: _Refused) -> Refusal:
    return Refusal(token, source, one.reason, one.since, one.until, one.over)


def _same_kind(one: RefusalReason, other: RefusalReason) -> bool:
    return one is other or (one.is_doubt and other.is_doubt)
