"""Notices that somebody should look after something, to notifications that it began and that it is over. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nexgent.domain.attention.notices import Notice, NoticeKind, Severity
from nexgent.domain.notifications.models import EventKind, Level, Notification
from nexgent.domain.notifications.ports import Condition
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId

OVER_AFTER = timedelta(seconds=60)
"""What is not seen any more for so long is over: what comes and goes is one condition and not fifty."""


@dataclass(frozen=True, slots=True)
class _Telling:
    """How a kind of notice is told: as what, after how long, and whether those of all positions are one."""

    event: EventKind
    after: timedelta
    together: bool = False


# Who trades is seen by the worker, which is there also when no engine is.
_TOLD: Mapping[NoticeKind, _Telling] = {
    NoticeKind.EXIT_DELAYED: _Telling(EventKind.EXIT_DELAYED, timedelta(seconds=10)),
    NoticeKind.PRICE_STALE: _Telling(EventKind.FEED_STALE, timedelta(seconds=30), together=True),
    NoticeKind.SOL_PRICE_STALE: _Telling(EventKind.FEED_STALE, timedelta(seconds=60)),
    NoticeKind.WALLET_LOCKED: _Telling(EventKind.WALLET_LOCKED, timedelta(seconds=5)),
    NoticeKind.WALLET_UNRECONCILED: _Telling(EventKind.WALLET_UNRECONCILED, timedelta(seconds=60)),
    NoticeKind.ORPHAN_TOKEN: _Telling(EventKind.ORPHAN_FOUND, timedelta(0)),
    NoticeKind.PROTECTION: _Telling(EventKind.PROTECTION_TRIPPED, timedelta(0)),
    NoticeKind.KILL_SWITCH: _Telling(EventKind.PROTECTION_TRIPPED, timedelta(0)),
    NoticeKind.ENGINE_NOT_READY: _Telling(EventKind.ENGINE_TROUBLE, timedelta(seconds=30)),
    NoticeKind.ENGINE_LATE: _Telling(EventKind.ENGINE_TROUBLE, timedelta(seconds=60)),
    NoticeKind.NOTIFICATIONS: _Telling(EventKind.TARGET_FAILING, timedelta(seconds=60)),
}
_LEVELS = {Severity.DANGER: Level.DANGER, Severity.WARNING: Level.WARNING, Severity.INFO: Level.INFO}
_TITLES = {
    NoticeKind.EXIT_DELAYED: "An exit is delayed",
    NoticeKind.PRICE_STALE: "No usable price",
    NoticeKind.SOL_PRICE_STALE: "The price of SOL is too old",
    NoticeKind.WALLET_LOCKED: "A wallet is locked",
    NoticeKind.WALLET_UNRECONCILED: "Books and chain differ",
    NoticeKind.ORPHAN_TOKEN: "Tokens without a position",
    NoticeKind.PROTECTION: "A protection has tripped",
    NoticeKind.KILL_SWITCH: "The kill switch is on",
    NoticeKind.ENGINE_NOT_READY: "Nothing is traded",
    NoticeKind.ENGINE_LATE: "The engine is late",
    NoticeKind.NOTIFICATIONS: "Notifications do not come through",
}


@dataclass(slots=True)
class _Seen:
    notice: Notice
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What began and what is over, and what is told of that."""

    begun: Sequence[Condition]
    over: Sequence[Condition]
    told: Sequence[Notification]


class Conditions:
    """What goes on, as far as it was told. `ongoing` is what was told before, by this process or another one.

    `step` says what has to be told; `done` takes it as told, once that is durable. Who fails in between is asked again.
    """

    def __init__(self, ongoing: Iterable[Condition] = (), *, now: datetime) -> None:
        self._ongoing = {(one.user_id, one.key): one for one in ongoing}
        self._last = dict.fromkeys(self._ongoing, now)
        self._new: dict[tuple[UserId, str], _Seen] = {}

    def step(self, noticed: Mapping[UserId, Iterable[Notice]], now: datetime) -> Change:
        """Take in what is noticed now."""
        seen: dict[tuple[UserId, str], Notice] = {}
        counts: dict[tuple[UserId, str], int] = {}
        for user_id, notices in noticed.items():
            for notice in notices:
                if notice.kind in _TOLD:
                    place = user_id, _key(notice)
                    seen.setdefault(place, notice)
                    counts[place] = counts.get(place, 0) + 1
        for place, notice in seen.items():
            if place in self._ongoing:
                self._last[place] = now
            elif place in self._new:
                self._new[place].last = now
            else:
                self._new[place] = _Seen(notice, now, now)
        self._new = {place: one for place, one in self._new.items() if place in seen}
        begun = [
            Condition(
                user_id=place[0], key=place[1], notification=_begun(place, one.notice, counts[place], now)
            )
            for place, one in self._new.items()
            if now - one.first >= _TOLD[one.notice.kind].after
        ]
        over = [one for place, one in self._ongoing.items() if now - self._last[place] >= OVER_AFTER]
        return Change(begun, over, [*(one.notification for one in begun), *(_over(one, now) for one in over)])

    def done(self, change: Change, now: datetime) -> None:
        """Remember that a change is durable."""
        for one in change.begun:
            place = one.user_id, one.key
            self._new.pop(place, None)
            self._ongoing[place], self._last[place] = one, now
        for one in change.over:
            place = one.user_id, one.key
            self._ongoing.pop(place, None)
            self._last.pop(place, None)


def _key(notice: Notice) -> str:
    if _TOLD[notice.kind].together:
        return notice.kind.value
    parts = (notice.kind.value, notice.agent_id, notice.wallet_address, notice.position_id, notice.about)
    return ":".join(str(part) for part in parts if part is not None)


def _begun(place: tuple[UserId, str], notice: Notice, count: int, now: datetime) -> Notification:
    others = count - 1
    who = f"{notice.agent_name}: " if notice.agent_name is not None else ""
    facts = {
        "state": "begun",
        "code": notice.code,
        "walletAddress": notice.wallet_address,
        "positionId": notice.position_id,
        "tokenAddress": notice.token_address,
        "tokenSymbol": notice.token_symbol,
    }
    identity = new_id()
    return Notification(
        id=identity,
        user_id=place[0],
        key=f"begun:{identity}",
        kind=_TOLD[notice.kind].event,
        level=_LEVELS[notice.severity],
        title=f"{who}{_TITLES[notice.kind]}",
        text=notice.text if not others else f"{notice.text} (and {others} more)",
        at=now,
        agent_id=notice.agent_id,
        facts={name: str(value) for name, value in facts.items() if value is not None},
    )


def _over(condition: Condition, now: datetime) -> Notification:
    began = condition.notification
    return Notification(
        id=new_id(),
        user_id=condition.user_id,
        # Of one that began, there is one end.
        key=f"over:{began.id}",
        kind=began.kind,
        level=Level.INFO,
        title=f"Over: {began.title}",
        text=f"It began at {began.at:%Y-%m-%d %H:%M:%S} UTC: {began.text}",
        at=now,
        agent_id=began.agent_id,
        facts={**began.facts, "state": "over"},
    )
