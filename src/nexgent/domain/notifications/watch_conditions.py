"""The engine's share: it looks at what needs attention now and then, and notes what began and what is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

from nexgent.domain.attention.notices import Asked, ListNotices, Notice, NoticeKind, Severity
from nexgent.domain.ledger.share import EngineShare
from nexgent.domain.notifications.conditions import Conditions
from nexgent.domain.notifications.models import OutboxState, Target
from nexgent.domain.notifications.ports import ConditionStore
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId

WATCH_SECONDS = 2.0
FAILING_SECONDS = 60.0
"""So long nothing came through before it is shown."""


class KnownOutbox:
    """How it stood with the outbox at the last look, for metrics and for whoever shows what needs attention."""

    def __init__(self, *, store: ConditionStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.state = OutboxState()

    async def refresh(self) -> None:
        """Look. Raises `UnavailableError`."""
        self.state = await self._store.state(self._clock.now())


class WatchConditions:
    """Looks at memory, agent by agent, with the loop given back in between: no trade waits for it.

    Users who want to be told of nothing are not looked at. Only the engine tells; of several, each tells of its share of the
    agents, and the one that leads what concerns no agent.
    """

    def __init__(
        self,
        *,
        store: ConditionStore,
        outbox: KnownOutbox,
        notices: ListNotices,
        is_engine: Callable[[], bool],
        clock: Clock,
        share: EngineShare | None = None,
    ) -> None:
        self._share = share or EngineShare()
        self._shards = self._share.shards
        self._store = store
        self._outbox = outbox
        self._notices = notices
        self._is_engine = is_engine
        self._clock = clock
        self._conditions: Conditions | None = None

    async def tick(self) -> None:
        """Look once. Raises `UnavailableError`; whatever goes on is told at a later look."""
        if not self._is_engine():
            self._conditions = None
            return
        if self._shards != self._share.shards:
            # What others have told of agents that are ours now goes on, and what is theirs now is theirs to end.
            self._shards, self._conditions = self._share.shards, None
        now = self._clock.now()
        if self._conditions is None:
            ongoing = [
                one for one in await self._store.ongoing() if self._share.has(one.notification.agent_id)
            ]
            self._conditions = Conditions(ongoing, now=now)
        noticed = {user_id: await self._noticed(user_id) for user_id in self._outbox.state.listeners}
        change = self._conditions.step(noticed, now)
        if change.begun or change.over:
            await self._store.change(change.begun, change.over, change.told)
            self._conditions.done(change, now)

    async def _noticed(self, user_id: UserId) -> list[Notice]:
        found: list[Notice] = []
        for notices in self._notices.by_agent(user_id, self._share.acts_for):
            found += [notice for notice in notices if self._share.has(notice.agent_id)]
            await asyncio.sleep(0)
        return found


class FailingTargets:
    """A source of notices: targets of the user that take nothing, and an outbox that nobody empties."""

    def __init__(self, state: Callable[[], OutboxState]) -> None:
        self._state = state

    def of(self, asked: Asked) -> Iterable[Notice]:
        """Return one for each."""
        state = self._state()
        for target in state.failing:
            if target.user_id == asked.user_id and _lasts(target, asked.now):
                yield Notice(
                    kind=NoticeKind.NOTIFICATIONS,
                    severity=Severity.WARNING,
                    text=f"Nothing comes through to {target.name} ({target.shown}): {target.last_error or 'no answer'}",
                    since=target.failing_since,
                    about=str(target.id),
                )
        if (
            asked.user_id in state.listeners
            and state.overdue_seconds >= FAILING_SECONDS
            and not state.failing
        ):
            yield Notice(
                kind=NoticeKind.NOTIFICATIONS,
                severity=Severity.WARNING,
                text=f"Notifications wait for {int(state.overdue_seconds)} seconds; does the worker run?",
                about="worker",
            )


def _lasts(target: Target, now: datetime) -> bool:
    since = target.failing_since
    return since is not None and (now - since).total_seconds() >= FAILING_SECONDS
