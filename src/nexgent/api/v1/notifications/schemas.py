"""Shapes of notifications."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from nexgent.api.fields import shown
from nexgent.api.http.models import ApiModel, Body, left_out
from nexgent.api.http.problems import problem
from nexgent.api.http.queries import PageQuery
from nexgent.api.http.types import AnAgentId, Instant, OptionalTargetId
from nexgent.domain.notifications.manage import (
    MAX_AGENTS,
    MAX_DIGEST_SECONDS,
    MAX_URL_LENGTH,
    TargetChange,
)
from nexgent.domain.notifications.models import (
    DEFAULT_DIGEST_SECONDS,
    Channel,
    Delivery,
    EventKind,
    Level,
    NewTarget,
    QuietHours,
    Target,
    Wishes,
)
from nexgent.shared.names import MAX_NAME_LENGTH

_KINDS = [kind.value for kind in EventKind if kind is not EventKind.TEST]
_LEVELS = [level.value for level in Level]
_CHANNELS = [channel.value for channel in Channel]
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_NULL: dict[str, Any] = {"type": "null"}
_EXAMPLE: JsonDict = {
    "name": "My phone",
    "channel": "apprise",
    "url": "ntfy://my-secret-topic",
    "minLevel": "warning",
    "quietHours": {"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin"},
}

Kind = Literal[
    "position_opened",
    "position_closed",
    "trade_failed",
    "exit_delayed",
    "protection_tripped",
    "feed_stale",
    "wallet_locked",
    "wallet_unreconciled",
    "orphan_found",
    "engine_moved",
    "engine_stopped",
    "engine_trouble",
    "target_failing",
    "daily_report",
    "weekly_report",
]


def _one_of(allowed: Sequence[str], kind: type[StrEnum]) -> BeforeValidator:
    def read(value: object) -> object:
        if not isinstance(value, str) or value not in allowed:
            raise problem(f"one of {', '.join(allowed)} is required, received {shown(value)}")
        return kind(value)

    return BeforeValidator(read)


def _whole(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        raise problem(f"a whole number is required, received {shown(value)}")
    return value


def _time_of_day(value: object) -> object:
    if not isinstance(value, str) or _CLOCK.fullmatch(value) is None:
        raise problem(f"a time of the day such as 22:30 is required, received {shown(value)}")
    return value


AChannel = Annotated[
    Channel, _one_of(_CHANNELS, Channel), WithJsonSchema({"type": "string", "enum": _CHANNELS})
]
ALevel = Annotated[Level, _one_of(_LEVELS, Level), WithJsonSchema({"type": "string", "enum": _LEVELS})]
AKind = Annotated[EventKind, _one_of(_KINDS, EventKind), WithJsonSchema({"type": "string", "enum": _KINDS})]
TimeOfDay = Annotated[
    str,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["22:00"]}),
]
Name = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH})]
Url = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 4,
            "maxLength": MAX_URL_LENGTH,
            "examples": ["ntfy://my-secret-topic"],
        }
    ),
]
Digest = Annotated[
    int,
    BeforeValidator(_whole),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_DIGEST_SECONDS}),
]


class QuietHoursIn(Body):
    """From when until when, by the clock of a place; what is no danger waits meanwhile."""

    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    time_zone: Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Berlin"])]

    def hours(self) -> QuietHours:
        """Return them in minutes."""
        return QuietHours(_minute(self.from_), _minute(self.to), self.time_zone)


class TargetChangeIn(Body):
    """What to change; what is left out stays. null of `events`, `agentIds` and `quietHours`: all, all, none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    name: Name = left_out()
    url: Url = left_out()
    enabled: bool = left_out()
    events: list[AKind] | None = Field(default=None, max_length=len(_KINDS))
    min_level: ALevel = left_out()
    agent_ids: list[AnAgentId] | None = Field(default=None, max_length=MAX_AGENTS)
    quiet_hours: QuietHoursIn | None = None
    digest_seconds: Digest = left_out()

    def change(self) -> TargetChange:
        """Return what was given."""
        return TargetChange(name=self.name, url=self.url, enabled=self.enabled, wishes=self._wishes)

    def _wishes(self, known: Wishes) -> Wishes:
        given = self.model_fields_set
        if "events" in given:
            known = replace(known, events=frozenset(self.events) if self.events is not None else None)
        if "agent_ids" in given:
            agents = frozenset(self.agent_ids) if self.agent_ids is not None else None
            known = replace(known, agents=agents)
        if "quiet_hours" in given:
            quiet = self.quiet_hours.hours() if self.quiet_hours is not None else None
            known = replace(known, quiet=quiet)
        if "min_level" in given:
            known = replace(known, min_level=self.min_level)
        if "digest_seconds" in given:
            known = replace(known, digest_seconds=self.digest_seconds)
        return known


class TargetIn(TargetChangeIn):
    """A target to create. `channel` apprise takes an address of that library, webhook one of http(s)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    url: Url
    channel: AChannel


class QuietHoursOut(ApiModel):
    """From when until when, by the clock of a place."""

    from_: str = Field(alias="from", examples=["22:00"])
    to: str = Field(examples=["07:00"])
    time_zone: str = Field(examples=["Europe/Berlin"])


class TargetOut(ApiModel):
    """Where its owner is told. `address` is what may be shown of it; `lastError` what was wrong the last time."""

    id: UUID
    name: str
    channel: Literal["apprise", "webhook"]
    address: str = Field(examples=["ntfy://… (ntfy)"])
    enabled: bool
    events: list[Kind] | None
    min_level: Literal["info", "warning", "danger"]
    agent_ids: list[UUID] | None
    quiet_hours: QuietHoursOut | None
    digest_seconds: int = Field(examples=[DEFAULT_DIGEST_SECONDS])
    created_at: Instant
    updated_at: Instant
    sent_count: int
    failed_count: int
    last_sent_at: Instant | None
    last_error: str | None
    last_error_at: Instant | None
    failing_since: Instant | None
    retry_at: Instant | None

    @classmethod
    def of(cls, target: Target) -> TargetOut:
        """Return a target without its address."""
        return cls.model_construct(**_facts(target))


class NewTargetOut(TargetOut):
    """A target; of a webhook with the secret its messages are signed with, which is shown this once."""

    secret: str | None

    @classmethod
    def with_secret(cls, new: NewTarget) -> NewTargetOut:
        """Return a target with its secret."""
        return cls.model_construct(**_facts(new.target), secret=new.address.secret)


class TargetsOut(ApiModel):
    """All targets of the user."""

    items: list[TargetOut]


class DeliveriesQuery(PageQuery):
    """Which part of the list."""

    target_id: OptionalTargetId = Field(default=None, description="Only what went to this target")


class DeliveryOut(ApiModel):
    """A notification and what became of it at a target: waiting, sent, or failed (given up) for the reason in `error`."""

    id: int
    notification_id: UUID
    at: Instant
    kind: Kind
    level: Literal["info", "warning", "danger"]
    title: str
    text: str
    agent_id: UUID | None
    facts: dict[str, str]
    target_id: UUID
    target_name: str
    state: Literal["waiting", "sent", "failed"]
    attempts: int
    due_at: Instant
    sent_at: Instant | None
    error: str | None

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryOut:
        """Return a delivery."""
        told = delivery.notification
        return cls.showing(
            delivery,
            notification_id=told.id,
            at=told.at,
            kind=told.kind.value,
            level=told.level.value,
            title=told.title,
            text=told.text,
            agent_id=told.agent_id,
            facts=dict(told.facts),
            state=delivery.state.value,
        )


def _facts(target: Target) -> dict[str, Any]:
    wishes = target.wishes
    quiet = wishes.quiet
    return {
        "id": target.id,
        "name": target.name,
        "channel": target.channel.value,
        "address": target.shown,
        "enabled": target.enabled,
        "events": sorted(kind.value for kind in wishes.events) if wishes.events is not None else None,
        "min_level": wishes.min_level.value,
        "agent_ids": sorted(wishes.agents) if wishes.agents is not None else None,
        "quiet_hours": QuietHoursOut.model_construct(
            from_=_clock(quiet.start_minute), to=_clock(quiet.end_minute), time_zone=quiet.zone
        )
        if quiet is not None
        else None,
        "digest_seconds": wishes.digest_seconds,
        "created_at": target.created_at,
        "updated_at": target.updated_at,
        "sent_count": target.sent_count,
        "failed_count": target.failed_count,
        "last_sent_at": target.last_sent_at,
        "last_error": target.last_error,
        "last_error_at": target.last_error_at,
        "failing_since": target.failing_since,
        "retry_at": target.retry_at,
    }


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
