"""SOL/USD: Pyth's stream, polled while that is down, other sources while Pyth is stale or says what nobody expected.

Never a constant, and never a jump that nobody has confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from nexgent.domain.prices.models import SolPrice
from nexgent.domain.prices.sol_validation import SolGateRules, SolPriceValidator
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.json_values import BadJsonError
from nexgent.infrastructure.external.pyth.hermes import HermesUpdates, StreamEndedError
from nexgent.infrastructure.external.pyth.updates import PYTH, sol_price_of
from nexgent.shared.backoff import Backoff, backoff_seconds
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)

_MAX_BACKOFF_SECONDS = 30.0
_MAX_POLL_BACKOFF_SECONDS = 60.0
_NOT_ALLOWED = (401, 403)
_DOUBT_SECONDS = 1.0

SolPriceFallback = Callable[[], Awaitable[SolPrice | None]]
"""Another source of SOL/USD, asked while Pyth has nothing fresh or is in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythTiming:
    """How often and how patiently Pyth is asked, in seconds."""

    silence_seconds: float = 30.0
    """A stream that says nothing for so long is opened again."""
    poll_seconds: float = 3.0
    """Between two polls while the stream does not deliver."""
    fallback_seconds: float = 10.0
    """Between two questions to the fallbacks while there is no price of Pyth's."""
    first_backoff_seconds: float = 1.0
    planned_reconnect_seconds: float = 23 * 3600.0
    """The server ends a stream after a day; ours is opened anew before."""


class PythSolPriceFeed:
    """`SolPriceFeed`. Run `run()` as a task; the readers need nothing else."""

    def __init__(
        self,
        *,
        hermes: HermesUpdates,
        clock: Clock,
        fallbacks: Sequence[SolPriceFallback] = (),
        max_age_seconds: float = 30.0,
        timing: PythTiming = PythTiming(),
        on_said: Callable[[SolPrice], None] = lambda _: None,
    ) -> None:
        """`on_said` hears every word of a source, believed or not."""
        self._on_said = on_said
        self._hermes = hermes
        self._clock = clock
        self._fallbacks = tuple(fallbacks)
        self._validator = SolPriceValidator(SolGateRules(max_age=timedelta(seconds=max_age_seconds)))
        self._doubt = asyncio.Event()
        self._timing = timing
        self._fallback_seconds = min(timing.fallback_seconds, max_age_seconds / 2)
        self._streaming = False
        self._poll_failures = 0
        self._warned_about_key = False

    @property
    def streaming(self) -> bool:
        """Tell whether the stream is open and has brought an update."""
        return self._streaming

    def current(self, now: datetime) -> SolPrice | None:
        """Return the accepted price while it is fresh and not in doubt: Pyth's, or a fallback's while Pyth has none."""
        return self._validator.current(now)

    def latest(self) -> SolPrice | None:
        """Return the last price that was accepted, however old, for display only."""
        return self._validator.latest()

    def take_over(self, price: SolPrice) -> None:
        """Have a word of a source judged that another process has asked."""
        self._validator.judge(price, self._clock.now())

    async def run(self) -> None:
        """Keep the price current until cancelled."""
        self._streaming = False
        await self._poll()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stream_for_ever(), name="sol-price-stream")
            group.create_task(self._poll_for_ever(), name="sol-price-poll")
            if self._fallbacks:
                group.create_task(self._fall_back_for_ever(), name="sol-price-fallback")

    async def _stream_for_ever(self) -> None:
        backoff = Backoff(
            self._timing.first_backoff_seconds, max(_MAX_BACKOFF_SECONDS, self._timing.first_backoff_seconds)
        )
        while True:
            try:
                async with self._hermes.stream(
                    silence_seconds=self._timing.silence_seconds,
                    planned_reconnect_seconds=self._timing.planned_reconnect_seconds,
                ) as updates:
                    async for update in updates:
                        if self._take(update):
                            self._streaming = True
                            updates.heard()
            except (StreamEndedError, UpstreamCallError) as error:
                self._note_refusal(error)
                reason = str(error)
            except Exception:
                log.exception("sol_price.stream_failed")
                reason = "unexpected"
            # A stream that has worked is opened again at once; only one that never does is tried less and less often.
            if self._streaming:
                backoff.reset()
            self._streaming = False
            pause = backoff.failed()
            log.info("sol_price.stream_ended", reason=reason, reconnect_in_seconds=round(pause, 1))
            await asyncio.sleep(pause)

    async def _poll_for_ever(self) -> None:
        """Ask for the latest price as long as the stream does not deliver."""
        while True:
            longest = max(_MAX_POLL_BACKOFF_SECONDS, self._timing.poll_seconds)
            await asyncio.sleep(backoff_seconds(self._poll_failures + 1, self._timing.poll_seconds, longest))
            if not self._streaming:
                await self._poll()

    async def _poll(self) -> None:
        try:
            latest = await self._hermes.latest()
        except UpstreamCallError as error:
            self._poll_failures += 1
            self._note_refusal(error)
            return
        except Exception:
            # The loop of the feed has to outlive whatever one poll does.
            self._poll_failures += 1
            log.exception("sol_price.poll_failed")
            return
        self._poll_failures = 0
        self._take(latest)

    async def _fall_back_for_ever(self) -> None:
        """Ask the others while Pyth is silent, and at once when it says something nobody would have expected."""
        told = False
        while True:
            self._doubt.clear()
            if not self._validator.heard(PYTH, self._clock.now()):
                price = await self._ask_others()
                if price is not None and not told:
                    log.warning("sol_price.fallback_used", source=price.source)
                    told = True
            in_doubt = self._validator.doubtful(self._clock.now())
            pause = min(self._fallback_seconds, _DOUBT_SECONDS) if in_doubt else self._fallback_seconds
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._doubt.wait()

    async def _ask_others(self) -> SolPrice | None:
        """Return the first accepted price of the others; all of them are asked while a jump waits for a witness."""
        for ask in self._fallbacks:
            try:
                price = await ask()
            except Exception:
                log.exception("sol_price.fallback_failed")
                continue
            now = self._clock.now()
            if price is not None:
                self._on_said(price)
            if price is not None and self._validator.judge(price, now) and not self._validator.doubtful(now):
                return price
        return None

    def _take(self, body: bytes) -> bool:
        """Have a price judged; tell whether it was a usable update of our feed, believed or not."""
        now = self._clock.now()
        try:
            price = sol_price_of(body, feed_id=self._hermes.feed_id, now=now)
        except BadJsonError:
            return False
        if price is None:
            return False
        self._on_said(price)
        before = self._validator.doubtful(now)
        if not self._validator.judge(price, now) and not before and self._validator.doubtful(now):
            log.warning("sol_price.jump", price_usd=str(price.price_usd), source=price.source)
            self._doubt.set()
        return True

    def _note_refusal(self, error: Exception) -> None:
        if (
            isinstance(error, UpstreamCallError)
            and error.status in _NOT_ALLOWED
            and not self._warned_about_key
        ):
            self._warned_about_key = True
            log.warning(
                "sol_price.not_allowed", status=error.status, hint="set PYTH_API_KEY, or PYTH_HERMES_URL"
            )
