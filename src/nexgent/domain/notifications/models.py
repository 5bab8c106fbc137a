"""Targets, notifications and their deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from nexgent.shared.types import AgentId, UserId

MAX_TARGETS = 50
MAX_WAITING = 3_000
"""So many deliveries wait for one target; of more, the oldest of the least important are given up, and that is told.

A target for people that has had its messages of a minute is silent for up to a minute, and what happens meanwhile must fit in:
this is 40 a second.
"""
DEFAULT_DIGEST_SECONDS = 10


class EventKind(StrEnum):
    """What a notification is about."""

    POSITION_OPENED = "position_opened"
    POSITION_CLOSED = "position_closed"
    TRADE_FAILED = "trade_failed"
    EXIT_DELAYED = "exit_delayed"
    PROTECTION_TRIPPED = "protection_tripped"
    FEED_STALE = "feed_stale"
    WALLET_LOCKED = "wallet_locked"
    WALLET_UNRECONCILED = "wallet_unreconciled"
    ORPHAN_FOUND = "orphan_found"
    ENGINE_MOVED = "engine_moved"
    ENGINE_STOPPED = "engine_stopped"
    ENGINE_TROUBLE = "engine_trouble"
    TARGET_FAILING = "target_failing"
    DAILY_REPORT = "daily_report"
    WEEKLY_REPORT = "weekly_report"
    TEST = "test"
    """Asked for by the owner of a target; goes to that target whatever it takes otherwise."""


class Level(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    DANGER = "danger"

    @property
    def rank(self) -> int:
        """Greater is more important."""
        return _RANKS[self]


_RANKS = {Level.INFO: 0, Level.WARNING: 1, Level.DANGER: 2}


class Channel(StrEnum):
    """How a target is reached."""

    APPRISE = "apprise"
    """An address of the library apprise, for people: one message, or one for many."""
    WEBHOOK = "webhook"
    """A signed POST for programs: one for each notification."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one minute of the day to another one (it may be the next day's), by the clock of a time zone."""

    start_minute: int
    end_minute: int
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a target is told, and when."""

    events: frozenset[EventKind] | None = None
    """None is everything."""
    min_level: Level = Level.INFO
    agents: frozenset[AgentId] | None = None
    """Only what concerns these, and what concerns no single agent; None is all."""
    quiet: QuietHours | None = None
    """What is no danger waits until they are over."""
    digest_seconds: int = DEFAULT_DIGEST_SECONDS
    """How long what is no danger waits for more of its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a user wants to be told. Its address is not in here: it is a secret."""

    id: UUID
    user_id: UserId
    name: str
    channel: Channel
    shown: str
    """What may be shown of the address."""
    wishes: Wishes
    enabled: bool
    created_at: datetime
    updated_at: datetime
    sent_count: int = 0
    failed_count: int = 0
    """Deliveries that were given up."""
    last_sent_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    failing_since: datetime | None = None
    """Since when nothing came through; None while all is well."""
    failures: int = 0
    """Attempts in a row that failed."""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where messages go, and with what they are signed. Neither is ever shown again."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    """Of a webhook."""


@dataclass(frozen=True, slots=True)
class NewTarget:
    """A target with its address, in the only moment the address and the secret are at hand."""

    target: Target
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One thing a user may want to be told. `key` names it: of one key there is one notification, however often it is noticed."""

    id: UUID
    user_id: UserId
    key: str
    kind: EventKind
    level: Level
    title: str
    text: str
    at: datetime
    agent_id: AgentId | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """For programs. Amounts are exact decimal texts, times ISO-8601."""


class DeliveryState(StrEnum):
    """What became of a notification at a target."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    """Given up: it was too old, the target refused it, or too much was waiting. `error` says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notification and a target, for lists."""

    id: int
    notification: Notification
    target_id: UUID
    target_name: str
    state: DeliveryState
    attempts: int
    due_at: datetime
    sent_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A delivery that is due."""

    id: int
    notification: Notification
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent at once: one notification, or many as a digest."""

    deliveries: tuple[int, ...]
    level: Level
    title: str
    text: str
    notification: Notification | None = None
    """The only one, when it is one."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that came through: the deliveries that were in it, and when."""

    deliveries: tuple[int, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of sending one message."""

    sent: bool
    error: str | None = None
    """For people, without any secret."""
    refused: bool = False
    """Whether the target is well and does not want this message."""
    retry_after_seconds: float = 0.0
    """What the target asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """How it stands with everything that is to be delivered."""

    waiting: int = 0
    overdue_seconds: float = 0.0
    """How long the oldest delivery is due that was not made."""
    failed: int = 0
    """Deliveries that were given up in the last day."""
    failing: tuple[Target, ...] = ()
    """Targets that do not take anything at present."""
    listeners: frozenset[UserId] = frozenset()
    """Users who want to be told of anything."""
