"""Record what each source says, by the minute, and whose word was not taken, in the worker.

As with prices, what is kept here is what came since the last time something was written, bounded while the store is away; two
workers that hear the same write the same.
"""

from __future__ import annotations

from decimal import Context
from typing import Any, Protocol

import structlog

from nexgent.domain.price_history.models import SourcesRecorded
from nexgent.domain.prices.events import SourcesHeard
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

MOST_WAITING = 50_000
MINUTE = 60
_SHOWN = Context(prec=12)


class SourceStore(Protocol):
    """Where they are kept."""

    async def add_sources(self, recorded: SourcesRecorded) -> None:
        """Put what was heard together with what is there. Doing so twice changes nothing. Raises `UnavailableError`."""


class SourceRecorder:
    """Hear summaries, write them now and then."""

    def __init__(self, *, store: SourceStore) -> None:
        self._store = store
        self._waiting = SourcesRecorded({}, {})

    @property
    def waiting(self) -> int:
        """How many rows wait to be written."""
        return len(self._waiting.words) + len(self._waiting.refusals)

    def on_sources(self, event: SourcesHeard) -> None:
        """Take a summary."""
        words, refusals = self._waiting.words, self._waiting.refusals
        for word in event.words:
            second = int(word.at.timestamp())
            words[word.token_address, word.source, second - second % MINUTE] = _SHOWN.plus(word.price_sol)
        for one in event.refusals:
            refusals[one.token_address, one.source, one.since] = one.reason, one.until, one.is_over
        _bound(words)
        _bound(refusals)

    async def flush(self) -> int:
        """Write what waits; return how many rows. What cannot be written waits on."""
        if not self.waiting:
            return 0
        written, self._waiting = self._waiting, SourcesRecorded({}, {})
        try:
            await self._store.add_sources(written)
        except BaseException as error:
            newer = self._waiting
            self._waiting = SourcesRecorded(written.words | newer.words, written.refusals | newer.refusals)
            if not isinstance(error, UnavailableError):
                raise
            log.warning(
                "price_history.sources_delayed",
                waiting=self.waiting,
                error=type(error.__cause__ or error).__name__,
            )
            return 0
        return len(written.words) + len(written.refusals)


def _bound(waiting: dict[Any, Any]) -> None:
    """Drop what has waited for longest."""
    while len(waiting) > MOST_WAITING:
        del waiting[next(iter(waiting))]
