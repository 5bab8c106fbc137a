"""One round of the worker: what happened becomes notifications, and what is due is sent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from nexgent.domain.notifications.errors import AddressLostError
from nexgent.domain.notifications.messages import messages
from nexgent.domain.notifications.models import (
    MAX_WAITING,
    Channel,
    Delivered,
    EventKind,
    Level,
    Message,
    Target,
    Waiting,
)
from nexgent.domain.notifications.noting import Noting
from nexgent.domain.notifications.ports import Outbox, Senders, Sources, TargetRepository
from nexgent.domain.notifications.reports import differs, lease_notifications, report, report_days
from nexgent.domain.notifications.timing import quiet_until, retry_at, too_old
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)

TARGETS_AT_ONCE = {Channel.APPRISE: 8, Channel.WEBHOOK: 32}
"""So many targets of a channel are served side by side. Each channel has places of its own: programs wait for nobody's chat."""
READ_AT_ONCE = {Channel.APPRISE: MAX_WAITING, Channel.WEBHOOK: 200}
"""So much of what is due is read at once. For people it is all that may wait, as what is more than a few becomes one message."""
TURN_SECONDS = 10.0
"""A program for which this is not enough comes again behind the others: many slow ones leave places for the rest."""
REFUSED_TIMES = 3
"""So often a message is offered to a target that takes others and not this one."""
_MINUTE = timedelta(minutes=1)
_MOST_LINES = 20


class CollectNotifications:
    """Notes what is to be told of the journal, of the engine's lease and of days that are over."""

    def __init__(self, *, sources: Sources, outbox: Outbox, clock: Clock) -> None:
        self._sources = sources
        self._outbox = outbox
        self._clock = clock
        self._reported: dict[EventKind, tuple[date, date]] = {}

    async def execute(self) -> None:
        """Do one round. Raises `UnavailableError`; the next one carries on."""
        now = self._clock.now()
        for _ in range(_MOST_LINES):
            if not await self._sources.note_trades():
                break
        await self._look_at_lease(now)
        await self._report(now)
        await self._outbox.route(now)

    async def _look_at_lease(self, now: datetime) -> None:
        seen = await self._sources.lease()
        if seen is None:
            return
        last = await self._sources.last_lease()
        if last is not None and not differs(last, seen):
            return
        listeners = await self._sources.listeners()
        await self._sources.told_lease(seen, lease_notifications(last, seen, listeners, now))

    async def _report(self, now: datetime) -> None:
        for kind in (EventKind.DAILY_REPORT, EventKind.WEEKLY_REPORT):
            days = report_days(kind, now)
            if days is None or self._reported.get(kind) == days:
                continue
            results = await self._sources.results(*days)
            listeners = await self._sources.listeners()
            await self._sources.add(
                [
                    report(kind, *days, [one for one in results if one.user_id == user_id], user_id, now)
                    for user_id in listeners
                ]
            )
            self._reported[kind] = days


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a round has sent, and how many messages failed."""

    sent: int = 0
    failed: int = 0


class DeliverNotifications:
    """Sends what is due. Each target is served by itself: one that is slow or dead delays no other one."""

    def __init__(self, *, outbox: Outbox, targets: TargetRepository, senders: Senders, clock: Clock) -> None:
        self._outbox = outbox
        self._targets = targets
        self._senders = senders
        self._clock = clock
        self._serving: dict[UUID, asyncio.Task[DeliveryReport]] = {}
        self._channels: dict[UUID, Channel] = {}

    async def execute(self) -> DeliveryReport:
        """Begin to serve targets for which something is due, and return what came of those that have ended meanwhile.

        A target that takes long is still being served when this returns. Raises `UnavailableError`.
        """
        ended = [target_id for target_id, task in self._serving.items() if task.done()]
        reports = [self._serving.pop(target_id).result() for target_id in ended]
        for channel, places in TARGETS_AT_ONCE.items():
            free = places - sum(self._channels[target_id] is channel for target_id in self._serving)
            if free <= 0:
                continue
            for target in await self._outbox.claim_due(self._clock.now(), channel, limit=free):
                if target.id not in self._serving:
                    self._channels[target.id] = channel
                    self._serving[target.id] = asyncio.create_task(
                        self._serve(target), name="notifications.serve"
                    )
        self._channels = {target_id: self._channels[target_id] for target_id in self._serving}
        return DeliveryReport(sum(one.sent for one in reports), sum(one.failed for one in reports))

    async def drain(self) -> DeliveryReport:
        """Return when nobody is being served any more."""
        if self._serving:
            await asyncio.wait(self._serving.values())
        ended = [self._serving.pop(target_id).result() for target_id in list(self._serving)]
        return DeliveryReport(sum(one.sent for one in ended), sum(one.failed for one in ended))

    async def stop(self) -> None:
        """Cancel whoever is being served: what was not noted as sent is sent again by the next worker."""
        tasks = list(self._serving.values())
        self._serving.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, target: Target) -> DeliveryReport:
        try:
            return await self._send_due(target)
        except Exception as error:
            log.warning("notifications.target_failed", target_id=str(target.id), error=type(error).__name__)
            return DeliveryReport(failed=1)

    async def _send_due(self, target: Target) -> DeliveryReport:
        limit = READ_AT_ONCE[target.channel]
        over_at = self._clock.monotonic() + TURN_SECONDS if target.channel is Channel.WEBHOOK else math.inf
        sent = 0
        while True:
            now = self._clock.now()
            due = await self._outbox.due(target.id, now, limit=limit)
            waiting = await self._still_wanted(target, due, now)
            recent = await self._outbox.sent_since(target.id, now - _MINUTE)
            to_send = messages(target.channel, waiting, recent)
            through, failed = await self._send(target, waiting, to_send, over_at)
            sent += through
            if failed:
                return DeliveryReport(sent, 1)
            # People get what came meanwhile with the next round: then more of it is one message.
            if len(due) < limit or self._clock.monotonic() >= over_at or target.channel is Channel.APPRISE:
                await self._outbox.release(target.id)
                return DeliveryReport(sent)

    async def _send(
        self, target: Target, waiting: Sequence[Waiting], to_send: Sequence[Message], over_at: float
    ) -> tuple[int, bool]:
        """Send until one message does not come through or the turn is over; return how many did, and whether one did not."""
        if not to_send:
            return 0, False
        address = await self._targets.address_of(target.id)
        if address is None:
            await self._failed(target, to_send[0], AddressLostError().message)
            return 0, True
        attempts = {one.id: one.attempts for one in waiting}
        sent = 0
        async with (
            Noting(partial(self._outbox.sent, target.id)) as noting,
            aclosing(self._senders[target.channel].send(address, to_send)) as outcomes,
        ):
            async for outcome in outcomes:
                message = to_send[sent]
                if not outcome.sent:
                    await noting.finish()
                    tried = 1 + min(attempts[one] for one in message.deliveries)
                    error = outcome.error or "it did not come through"
                    if outcome.refused and tried >= REFUSED_TIMES:
                        await self._outbox.give_up(target.id, message.deliveries, error)
                    await self._failed(target, message, error, outcome.retry_after_seconds)
                    return sent, True
                sent += 1
                await noting.add(Delivered(message.deliveries, self._clock.now()))
                if self._clock.monotonic() >= over_at:
                    break
        return sent, False

    async def _still_wanted(self, target: Target, due: Sequence[Waiting], now: datetime) -> list[Waiting]:
        """Leave out what is too old by now, and what has to wait until the night is over."""
        old = [one.id for one in due if too_old(one.notification, now)]
        if old:
            await self._outbox.give_up(target.id, old, "it was too old before it came through")
            log.warning("notifications.given_up", target_id=str(target.id), count=len(old))
        left = [one for one in due if not too_old(one.notification, now)]
        until = quiet_until(target.wishes.quiet, now)
        if until is None:
            return left
        quiet = [one for one in left if one.notification.level is not Level.DANGER]
        if quiet:
            await self._outbox.postpone([one.id for one in quiet], until)
        return [one for one in left if one.notification.level is Level.DANGER]

    async def _failed(
        self, target: Target, message: Message, error: str, at_least_seconds: float = 0.0
    ) -> None:
        now = self._clock.now()
        await self._outbox.failed(
            target,
            message.deliveries,
            error,
            now=now,
            retry_at=retry_at(target.failures + 1, now, at_least_seconds),
        )
        log.info(
            "notifications.attempt_failed",
            target_id=str(target.id),
            channel=target.channel.value,
            failures=target.failures + 1,
        )
