"""Many notifications, few messages: flood control. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from nexgent.domain.notifications.models import Channel, EventKind, Level, Message, Waiting

MESSAGES_A_MINUTE = 20
"""To one target for people; what is more waits and comes as a digest."""
EACH_BY_ITSELF = 3
"""Of one kind; more of them are one message."""
_LINES = 10
_LONGEST_LINE = 160
_WORDS = {
    EventKind.POSITION_OPENED: "positions opened",
    EventKind.POSITION_CLOSED: "positions closed",
    EventKind.TRADE_FAILED: "trades failed",
    EventKind.EXIT_DELAYED: "notices about delayed exits",
    EventKind.PROTECTION_TRIPPED: "notices of protections",
    EventKind.FEED_STALE: "notices about prices",
    EventKind.WALLET_LOCKED: "notices about locked wallets",
    EventKind.WALLET_UNRECONCILED: "notices about wallets and the chain",
    EventKind.ORPHAN_FOUND: "notices about tokens without a position",
    EventKind.ENGINE_MOVED: "changes of the engine",
    EventKind.ENGINE_STOPPED: "notices about the engine",
    EventKind.ENGINE_TROUBLE: "notices about the engine",
    EventKind.TARGET_FAILING: "notices about notifications",
    EventKind.DAILY_REPORT: "daily reports",
    EventKind.WEEKLY_REPORT: "weekly reports",
    EventKind.TEST: "tests",
}


def messages(channel: Channel, waiting: Sequence[Waiting], sent_in_last_minute: int) -> list[Message]:
    """Return what to send now of what is due (oldest first); the most important comes first.

    Programs get each notification by itself. People get a few of a kind each by itself and more of them as one, at most
    `MESSAGES_A_MINUTE`: where that would be passed, the rest is one message. Nothing of what waits is left out unless the
    minute is used up; then only danger goes out, as one message.
    """
    ordered = sorted(waiting, key=lambda one: -one.notification.level.rank)
    if channel is Channel.WEBHOOK:
        return [_single(one) for one in ordered]
    left = MESSAGES_A_MINUTE - sent_in_last_minute
    if left <= 0:
        danger = [one for one in ordered if one.notification.level is Level.DANGER]
        return [_digest(danger)] if danger else []
    found: list[list[Waiting]] = []
    for group in _by_kind(ordered):
        found += [group] if len(group) > EACH_BY_ITSELF else [[one] for one in group]
    if len(found) > left:
        rest = [one for group in found[left - 1 :] for one in group]
        found = [*found[: left - 1], rest]
    return [_single(group[0]) if len(group) == 1 else _digest(group) for group in found]


def _by_kind(ordered: Sequence[Waiting]) -> list[list[Waiting]]:
    groups: dict[tuple[Level, EventKind], list[Waiting]] = {}
    for one in ordered:
        groups.setdefault((one.notification.level, one.notification.kind), []).append(one)
    return list(groups.values())


def _single(waiting: Waiting) -> Message:
    notification = waiting.notification
    return Message(
        deliveries=(waiting.id,),
        level=notification.level,
        title=notification.title,
        text=notification.text,
        notification=notification,
    )


def _digest(group: Sequence[Waiting]) -> Message:
    if len(group) == 1:
        return _single(group[0])
    counts: dict[EventKind, int] = {}
    for one in group:
        counts[one.notification.kind] = counts.get(one.notification.kind, 0) + 1
    title = ", ".join(f"{count} {_WORDS[kind]}" for kind, count in counts.items())
    lines = [_line(one) for one in group[:_LINES]]
    others = len(group) - _LINES
    if others > 0:
        lines.append(f"… and {others} more")
    return Message(
        deliveries=tuple(one.id for one in group),
        level=max((one.notification.level for one in group), key=lambda level: level.rank),
        title=title,
        text="\n".join(lines),
    )


def _line(waiting: Waiting) -> str:
    notification = waiting.notification
    text = f"{notification.at:%H:%M:%S} {notification.title}: {notification.text}".replace("\n", " ")
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"
