"""Daily and weekly reports, and what is told of the engine's lease. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from nexgent.domain.notifications.models import EventKind, Level, Notification
from nexgent.domain.notifications.ports import LeaseSeen, Result
from nexgent.domain.notifications.trades import amount
from nexgent.shared.ids import derived_id
from nexgent.shared.money import plain
from nexgent.shared.types import UserId

REPORT_AFTER = timedelta(minutes=5)
"""After midnight (UTC): what was sold just before is in the tables then."""
LAPSED_SECONDS = 60.0
"""Nobody trades for so long before it is told: a restart takes less."""
_CENT = Decimal("0.01")


def report_days(kind: EventKind, now: datetime) -> tuple[date, date] | None:
    """Return the first and the last day of the report that is to be there by now: yesterday, or the week before this one."""
    today = (now.astimezone(UTC) - REPORT_AFTER).date()
    if kind is EventKind.DAILY_REPORT:
        return today - timedelta(days=1), today - timedelta(days=1)
    if kind is EventKind.WEEKLY_REPORT:
        monday = today - timedelta(days=today.weekday())
        return monday - timedelta(days=7), monday - timedelta(days=1)
    return None


def report(
    kind: EventKind, first: date, last: date, results: Sequence[Result], user_id: UserId, now: datetime
) -> Notification:
    """Return a report of a user, real money first. Its key names kind and days, so that there is one."""
    key = f"{kind.value}:{first.isoformat()}"
    span = first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"
    head = f"{'Day' if first == last else 'Week'} {span}"
    facts = {"from": first.isoformat(), "to": last.isoformat()}
    ordered = sorted(results, key=lambda one: not one.live)
    if ordered:
        title = f"{head}: {_brought(ordered[0])}" + (f"; {_brought(ordered[1])}" if ordered[1:] else "")
    else:
        title = f"{head}: no trade was closed"
    for one in ordered:
        facts |= _facts(one)
    return Notification(
        id=derived_id("notification", user_id, key),
        user_id=user_id,
        key=key,
        kind=kind,
        level=Level.INFO,
        title=title,
        text="\n".join(_line(one) for one in ordered) or "Days are those of UTC.",
        at=now,
        facts=facts,
    )


def _brought(result: Result) -> str:
    return f"{amount(result.profit_sol, signed=True)} SOL{'' if result.live else ' on paper'}"


def _line(result: Result) -> str:
    won = f"{100 * result.wins // result.trades:d} %"
    return (
        f"{'Real money' if result.live else 'On paper'}: {result.trades} closed trade{'' if result.trades == 1 else 's'}, "
        f"{won} won, {result.profit_usd.quantize(_CENT):+f} USD; "
        f"best {amount(result.best_sol, signed=True)}, worst {amount(result.worst_sol, signed=True)} SOL"
    )


def _facts(result: Result) -> dict[str, str]:
    found = {
        "trades": str(result.trades),
        "wins": str(result.wins),
        "profitLossSol": plain(result.profit_sol),
        "profitLossUsd": plain(result.profit_usd),
        "bestSol": plain(result.best_sol),
        "worstSol": plain(result.worst_sol),
    }
    mode = "live" if result.live else "simulation"
    return {f"{mode}.{name}": value for name, value in found.items()}


def differs(last: LeaseSeen, seen: LeaseSeen) -> bool:
    """Tell whether there is anything new about who trades."""
    return last.epoch != seen.epoch or _lapsed(last) != _lapsed(seen)


def lease_notifications(
    last: LeaseSeen | None, seen: LeaseSeen, listeners: Iterable[UserId], now: datetime
) -> list[Notification]:
    """Return what is to be told of who trades, when that is not what was told last."""
    if last is None:
        return []
    if seen.epoch != last.epoch:
        # The process is named by host and number; another number on the same host is a restart.
        moved = _host(seen.owner) != _host(last.owner)
        facts = {
            "epoch": str(seen.epoch),
            "holder": seen.owner or "",
            "formerHolder": last.owner or "",
        }
        return [
            _of_engine(
                user_id,
                f"engine:{seen.epoch}",
                EventKind.ENGINE_MOVED,
                Level.WARNING if moved else Level.INFO,
                f"{_host(seen.owner)} trades now" if moved else "The engine has started again",
                f"It has taken the engine's lease after {last.owner or 'nobody'}; whatever was under way goes on there"
                if moved
                else f"On {_host(seen.owner)}; whatever was under way goes on",
                now,
                facts,
            )
            for user_id in listeners
        ]
    if _lapsed(seen) and not _lapsed(last):
        return [
            _of_engine(
                user_id,
                f"engine-stopped:{seen.epoch}:{int(now.timestamp())}",
                EventKind.ENGINE_STOPPED,
                Level.DANGER,
                "Nobody trades",
                f"The engine ({last.owner or 'nobody'}) has not renewed its lease for {int(seen.lapsed_seconds)} seconds: "
                "no stop loss acts until one runs again",
                now,
                {"epoch": str(seen.epoch), "formerHolder": last.owner or ""},
            )
            for user_id in listeners
        ]
    if _lapsed(last) and not _lapsed(seen):
        return [
            _of_engine(
                user_id,
                f"engine-back:{seen.epoch}:{int(now.timestamp())}",
                EventKind.ENGINE_STOPPED,
                Level.INFO,
                "The engine trades again",
                f"{seen.owner or 'It'} renews its lease again",
                now,
                {"epoch": str(seen.epoch), "state": "over"},
            )
            for user_id in listeners
        ]
    return []


def _lapsed(lease: LeaseSeen) -> bool:
    return lease.lapsed_seconds >= LAPSED_SECONDS


def _host(owner: str | None) -> str:
    return (owner or "nobody").rpartition(":")[0] or (owner or "nobody")


def _of_engine(
    user_id: UserId,
    key: str,
    kind: EventKind,
    level: Level,
    title: str,
    text: str,
    now: datetime,
    facts: dict[str, str],
) -> Notification:
    return Notification(
        id=derived_id("notification", user_id, key),
        user_id=user_id,
        key=key,
        kind=kind,
        level=level,
        title=title,
        text=text,
        at=now,
        facts=facts,
    )
