"""What notifications need from outside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from nexgent.domain.ledger.models import Entry, Intent
from nexgent.domain.notifications.models import (
    Address,
    Channel,
    Delivered,
    Delivery,
    Message,
    NewTarget,
    Notification,
    OutboxState,
    Outcome,
    Target,
    Waiting,
)
from nexgent.shared.types import UserId


class TargetRepository(Protocol):
    """Where targets are kept. All methods raise `UnavailableError` when it cannot be reached."""

    async def add(self, new: NewTarget) -> None:
        """Store a target and its address."""

    async def of_user(self, user_id: UserId) -> Sequence[Target]:
        """Return a user's targets, newest first."""

    async def find(self, target_id: UUID) -> Target | None:
        """Return a target, whoever owns it."""

    async def address_of(self, target_id: UUID) -> Address | None:
        """Return where messages go; None when that cannot be read any more."""

    async def save(self, target: Target) -> bool:
        """Store what its owner can change beside the address; tell whether the target is still there."""

    async def set_address(self, new: NewTarget) -> bool:
        """Replace the address, and forget that the old one failed; tell whether the target is still there."""

    async def well(self, target_id: UUID) -> None:
        """Note that a target takes messages: what waits for it need not rest any longer."""

    async def remove(self, target_id: UUID, user_id: UserId) -> bool:
        """Delete a target of that user; tell whether it was there."""

    async def deliveries(
        self,
        user_id: UserId,
        *,
        limit: int,
        offset: int = 0,
        before: int | None = None,
        target_id: UUID | None = None,
    ) -> Sequence[Delivery]:
        """Return what was or will be delivered to a user, newest first; `before` is the id of a delivery."""


class Sender(Protocol):
    """Gets messages to addresses of one channel. Whatever happens there is an outcome and no error."""

    async def check(self, url: str) -> str:
        """Return what may be shown of an address. Raises `InvalidAddressError`, `ChannelMissingError`."""
        ...

    def send(self, address: Address, messages: Sequence[Message]) -> AsyncGenerator[Outcome, None]:
        """Send one after the other and say of each what became of it; nothing is sent after one that was not sent."""
        ...


Senders = Mapping[Channel, Sender]


class Outbox(Protocol):
    """What is to be delivered, durably. All methods raise `UnavailableError` when it cannot be reached."""

    async def route(self, now: datetime) -> int:
        """Decide for each new notification who is told and when; return how many deliveries there are more."""
        ...

    async def claim_due(self, now: datetime, channel: Channel, *, limit: int) -> Sequence[Target]:
        """Return targets of a channel for which something is due. For a moment they are the caller's alone."""
        ...

    async def due(self, target_id: UUID, now: datetime, *, limit: int) -> Sequence[Waiting]:
        """Return what is due at a target: what matters most first, then the oldest."""
        ...

    async def sent_since(self, target_id: UUID, since: datetime) -> int:
        """Return how many messages went to a target."""
        ...

    async def sent(self, target_id: UUID, delivered: Sequence[Delivered]) -> None:
        """Note messages that came through, in their order; the target stays the caller's for a while longer."""
        ...

    async def give_up(self, target_id: UUID, deliveries: Sequence[int], error: str) -> None:
        """Note that these will not be delivered."""
        ...

    async def failed(
        self, target: Target, deliveries: Sequence[int], error: str, *, now: datetime, retry_at: datetime
    ) -> None:
        """Note that an attempt failed; the target rests until `retry_at`."""
        ...

    async def postpone(self, deliveries: Sequence[int], due_at: datetime) -> None:
        """Let these wait."""
        ...

    async def release(self, target_id: UUID) -> None:
        """Give a claimed target back."""
        ...


@dataclass(frozen=True, slots=True)
class TradeLine:
    """A line of the journal that ends a trade, whose it is, and what was intended."""

    entry: Entry
    user_id: UserId
    agent_name: str
    live: bool
    intent: Intent | None


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """How it stands with the engine's lease by the database's clock."""

    epoch: int
    owner: str | None
    lapsed_seconds: float
    """How long nobody has it; 0 while somebody does."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a user's closed trades of some days brought, in SOL and USD, with real money or on paper."""

    user_id: UserId
    live: bool
    trades: int
    wins: int
    profit_sol: Decimal
    profit_usd: Decimal
    best_sol: Decimal
    worst_sol: Decimal


class Sources(Protocol):
    """Where the worker learns what happened. All methods raise `UnavailableError`."""

    async def note_trades(self) -> int:
        """Turn what the journal has since the last time into notifications; return how many lines were read."""
        ...

    async def lease(self) -> LeaseSeen | None:
        """Return who trades; None when nobody ever did."""
        ...

    async def last_lease(self) -> LeaseSeen | None:
        """Return what `told_lease` was last told."""
        ...

    async def told_lease(self, seen: LeaseSeen, notifications: Sequence[Notification]) -> None:
        """Remember it and keep what is to be told, both or neither."""
        ...

    async def listeners(self) -> frozenset[UserId]:
        """Return users who want to be told of anything."""
        ...

    async def results(self, first: date, last: date) -> Sequence[Result]:
        """Return what closed trades of these days (UTC, both included) brought, by user, where there are any."""
        ...

    async def add(self, notifications: Sequence[Notification]) -> None:
        """Keep what is to be told; what is known already stays as it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that goes on and was told. `key` names it among a user's."""

    user_id: UserId
    key: str
    notification: Notification


class ConditionStore(Protocol):
    """What goes on, durably. All methods raise `UnavailableError`."""

    async def ongoing(self) -> Sequence[Condition]:
        """Return everything that was told to have begun and not to be over."""
        ...

    async def change(
        self,
        begun: Sequence[Condition],
        over: Sequence[Condition],
        notifications: Sequence[Notification],
    ) -> None:
        """Remember what began and what is over, and keep what is to be told, all or nothing."""
        ...

    async def state(self, now: datetime) -> OutboxState:
        """Return how it stands with what is to be delivered."""
        ...
