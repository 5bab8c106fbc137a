"""Decide whether anything forbids an entry. Pure: facts, configuration and time in, gates out.

All protections that are on leave a gate, also after the first that blocks: the decision record shows the whole picture.
Comparisons are multiplied out, so that a limit is exact; divisions serve only the texts, which are made when they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from nexgent.domain.agents.config_models import NO_PROTECTIONS, ProtectionsConfig
from nexgent.domain.protections.models import (
    NOTHING_IN_THE_WAY,
    Finding,
    KillSwitch,
    ProtectionFacts,
    ProtectionVerdict,
)
from nexgent.shared.money import CONTEXT, plain

KILL_SWITCH = "KILL_SWITCH"
MAX_DAILY_LOSS = "MAX_DAILY_LOSS"
MAX_DRAWDOWN = "MAX_DRAWDOWN"
LOSS_STREAK = "LOSS_STREAK"
TOKEN_COOLDOWN = "TOKEN_COOLDOWN"  # noqa: S105 -- a code, no secret
MAX_TRADES_PER_HOUR = "MAX_TRADES_PER_HOUR"
MAX_EXPOSURE = "MAX_EXPOSURE"
PROTECTIONS_NOT_READ = "PROTECTIONS_NOT_READ"
NOT_READ = ProtectionVerdict(
    (Finding("protections", lambda: "being read", lambda: "read", False),),
    PROTECTIONS_NOT_READ,
    "what the wallet's trades have brought is being read, as its agent got protections a moment ago",
)
"""An entry of a wallet whose results are not known yet."""

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
_SHOWN = Decimal("0.0001")
_MINUTE_MICROSECONDS = Decimal(60_000_000)

# Code and reason of a block, made only when it is needed.
_Block = Callable[[], tuple[str, str]]


class _Findings:
    """Findings in the making; the first that does not pass decides."""

    __slots__ = ("all", "block")

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self.block: _Block | None = None

    def add(
        self,
        name: str,
        value: Callable[[], str | None],
        limit: Decimal | int | str,
        passed: bool,
        block: _Block,
    ) -> None:
        self.all.append(Finding(name, value, lambda: _text(limit), passed))
        if not passed and self.block is None:
            self.block = block


def evaluate_protections(
    facts: ProtectionFacts, config: ProtectionsConfig, now: datetime
) -> ProtectionVerdict:
    """Return what every protection that is on says about an entry. Only for purchases and DCA buys, never for a sale."""
    switches = (("system", facts.system_switch), ("user", facts.user_switch))
    engaged = any(switch is not None and switch.engaged for _, switch in switches)
    if config is NO_PROTECTIONS and not engaged:
        return NOTHING_IN_THE_WAY
    found = _Findings()
    for scope, switch in switches:
        if switch is not None and switch.engaged:
            _kill_switch(found, scope, switch)
    _losses(found, facts, config)
    _loss_streak(found, facts, config, now)
    _cooldown(found, facts, config, now)
    _frequency(found, facts, config)
    _exposure(found, facts, config)
    if found.block is None:
        return ProtectionVerdict(tuple(found.all))
    code, reason = found.block()
    return ProtectionVerdict(tuple(found.all), code, reason)


def cooldown_of(config: ProtectionsConfig) -> timedelta | None:
    """Return how long a token that was left must not be bought, None without such a protection."""
    return _minutes(config.token_cooldown_minutes) if config.token_cooldown_minutes is not None else None


def _kill_switch(found: _Findings, scope: str, switch: KillSwitch) -> None:
    whose = "all agents" if scope == "system" else "all agents of this user"
    because = f": {switch.reason}" if switch.reason else ""
    found.add(
        f"kill_switch_{scope}",
        lambda: "engaged",
        "released",
        False,
        lambda: (KILL_SWITCH, f"the kill switch stops {whose}{because}"),
    )


def _losses(found: _Findings, facts: ProtectionFacts, config: ProtectionsConfig) -> None:
    loss = max(_ZERO, -facts.profit_today_sol)
    limit_sol, limit_pct = config.max_daily_loss_sol, config.max_daily_loss_percent
    if limit_sol is not None:
        found.add(
            "max_daily_loss_sol",
            lambda: plain(loss),
            limit_sol,
            loss < limit_sol,
            lambda: (MAX_DAILY_LOSS, f"lost {plain(loss)} SOL today, the limit is {plain(limit_sol)} SOL"),
        )
    if limit_pct is not None:
        # What the wallet was worth at midnight, had nothing been paid in or out since.
        started = CONTEXT.subtract(facts.equity_sol, facts.profit_today_sol)
        _share_gate(
            found, "max_daily_loss_percent", loss, started, limit_pct, MAX_DAILY_LOSS, "of its worth today"
        )
    drawdown_pct = config.max_drawdown_percent
    if drawdown_pct is not None:
        peak = CONTEXT.add(facts.equity_sol, facts.below_peak_sol)
        _share_gate(
            found,
            "max_drawdown_percent",
            facts.below_peak_sol,
            peak,
            drawdown_pct,
            MAX_DRAWDOWN,
            "since its peak",
        )


def _share_gate(
    found: _Findings, name: str, loss: Decimal, whole: Decimal, limit_pct: Decimal, code: str, of_what: str
) -> None:
    """A loss that reaches the limit blocks; where nothing is left to compare with, any loss does."""
    reached = loss > 0 and CONTEXT.multiply(loss, _HUNDRED) >= CONTEXT.multiply(limit_pct, whole)
    found.add(
        name,
        lambda: _percent(loss, whole),
        limit_pct,
        not reached,
        lambda: (code, f"lost {_percent(loss, whole)} % {of_what}, the limit is {plain(limit_pct)} %"),
    )


def _loss_streak(found: _Findings, facts: ProtectionFacts, config: ProtectionsConfig, now: datetime) -> None:
    limit = config.max_loss_streak
    if limit is None:
        return
    until = None
    if facts.loss_streak >= limit and facts.last_loss_at is not None:
        until = facts.last_loss_at + _minutes(config.loss_streak_pause_minutes)
    found.add(
        "max_loss_streak",
        lambda: str(facts.loss_streak),
        limit,
        until is None or now >= until,
        lambda: (LOSS_STREAK, f"{facts.loss_streak} losses in a row, paused until {_at(until)}"),
    )


def _cooldown(found: _Findings, facts: ProtectionFacts, config: ProtectionsConfig, now: datetime) -> None:
    minutes = config.token_cooldown_minutes
    if minutes is None:
        return
    closed_at = facts.token_closed_at
    until = closed_at + _minutes(minutes) if closed_at is not None else None
    found.add(
        "token_cooldown_minutes",
        lambda: _at(closed_at),
        minutes,
        until is None or now >= until,
        lambda: (
            TOKEN_COOLDOWN,
            f"the token was left at {_at(closed_at)}, it may be bought from {_at(until)}",
        ),
    )


def _frequency(found: _Findings, facts: ProtectionFacts, config: ProtectionsConfig) -> None:
    limit = config.max_trades_per_hour
    if limit is None:
        return
    count = facts.entries_last_hour
    found.add(
        "max_trades_per_hour",
        lambda: str(count),
        limit,
        count < limit,
        lambda: (MAX_TRADES_PER_HOUR, f"{count} purchases within the last hour, the limit is {limit}"),
    )


def _exposure(found: _Findings, facts: ProtectionFacts, config: ProtectionsConfig) -> None:
    exposure = facts.exposure_sol
    limit_sol, limit_pct = config.max_exposure_sol, config.max_exposure_percent
    if limit_sol is not None:
        found.add(
            "max_exposure_sol",
            lambda: plain(exposure),
            limit_sol,
            exposure <= limit_sol,
            lambda: (
                MAX_EXPOSURE,
                f"{plain(exposure)} SOL would be at stake, the limit is {plain(limit_sol)} SOL",
            ),
        )
    if limit_pct is not None:
        found.add(
            "max_exposure_percent",
            lambda: _percent(exposure, facts.equity_sol),
            limit_pct,
            CONTEXT.multiply(exposure, _HUNDRED) <= CONTEXT.multiply(limit_pct, facts.equity_sol),
            lambda: (
                MAX_EXPOSURE,
                f"{_percent(exposure, facts.equity_sol)} % of the wallet would be at stake, the limit is {plain(limit_pct)} %",
            ),
        )


def _text(limit: Decimal | int | str) -> str:
    return plain(limit) if isinstance(limit, Decimal) else str(limit)


def _minutes(minutes: Decimal) -> timedelta:
    return timedelta(microseconds=int(CONTEXT.multiply(minutes, _MINUTE_MICROSECONDS)))


def _percent(part: Decimal, whole: Decimal) -> str:
    if whole <= 0:
        return "100" if part > 0 else "0"
    share = CONTEXT.divide(CONTEXT.multiply(part, _HUNDRED), whole)
    return plain(share.quantize(_SHOWN, context=CONTEXT))


def _at(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None
