"""Create, look at, change, try and delete targets."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.notifications.errors import (
    AddressLostError,
    DeliveryFailedError,
    InvalidAddressError,
    TargetNotFoundError,
    TooManyTargetsError,
)
from nexgent.domain.notifications.models import (
    MAX_TARGETS,
    Address,
    Channel,
    EventKind,
    Level,
    Message,
    NewTarget,
    Notification,
    QuietHours,
    Target,
    Wishes,
)
from nexgent.domain.notifications.ports import Senders, TargetRepository
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.names import checked_name
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

MAX_URL_LENGTH = 2_048
MAX_AGENTS = 100
MAX_DIGEST_SECONDS = 3_600
SECRET_PREFIX = "whsec_"  # noqa: S105 -- what secrets begin with (standardwebhooks.com)
TEST_SECONDS = 30.0
_SECRET_BYTES = 32
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChange:
    """What is given of a target; None leaves it as it is. `wishes` makes the new ones of those it has."""

    name: str | None = None
    url: str | None = None
    wishes: Callable[[Wishes], Wishes] | None = None
    enabled: bool | None = None


class NotificationTargets:
    """A user's targets. Others do not exist for them."""

    def __init__(
        self, *, directory: AgentDirectory, targets: TargetRepository, senders: Senders, clock: Clock
    ) -> None:
        self._directory = directory
        self._targets = targets
        self._senders = senders
        self._clock = clock

    async def create(self, user_id: UserId, channel: Channel, change: TargetChange) -> NewTarget:
        """Return the target; of a webhook with the secret its messages are signed with.

        Raises `InvalidInputError` (also `InvalidAddressError`), `AgentNotFoundError`, `ChannelMissingError`,
        `TooManyTargetsError`, `UnavailableError`.
        """
        if change.name is None or change.url is None:
            raise InvalidInputError("name and url are required")
        now = self._clock.now()
        target = self._changed(
            Target(
                id=new_id(),
                user_id=user_id,
                name="",
                channel=channel,
                shown="",
                wishes=Wishes(),
                enabled=True,
                created_at=now,
                updated_at=now,
            ),
            change,
        )
        if len(await self._targets.of_user(user_id)) >= MAX_TARGETS:
            raise TooManyTargetsError(f"At most {MAX_TARGETS} targets are allowed; delete one first")
        url = _checked_url(change.url)
        target = replace(target, shown=await self._senders[channel].check(url))
        new = NewTarget(
            target, Address(url=url, secret=_new_secret() if channel is Channel.WEBHOOK else None)
        )
        await self._targets.add(new)
        log.info("notification_target.created", target_id=str(target.id), channel=channel.value)
        return new

    async def all(self, user_id: UserId) -> Sequence[Target]:
        """Return the targets, newest first. Raises `UnavailableError`."""
        return await self._targets.of_user(user_id)

    async def one(self, target_id: UUID, user_id: UserId) -> Target:
        """Return a target. Raises `TargetNotFoundError`, `UnavailableError`."""
        target = await self._targets.find(target_id)
        if target is None or target.user_id != user_id:
            raise TargetNotFoundError
        return target

    async def change(self, target_id: UUID, user_id: UserId, change: TargetChange) -> Target:
        """Return the changed target. A webhook's secret stays when its address changes.

        Raises `TargetNotFoundError`, `AgentNotFoundError`, `InvalidInputError`, `ChannelMissingError`, `AddressLostError`,
        `UnavailableError`.
        """
        target = replace(
            self._changed(await self.one(target_id, user_id), change), updated_at=self._clock.now()
        )
        if change.url is not None:
            url = _checked_url(change.url)
            known = await self._targets.address_of(target_id)
            if known is None and target.channel is Channel.WEBHOOK:
                raise AddressLostError
            target = replace(target, shown=await self._senders[target.channel].check(url))
            address = Address(url=url, secret=known.secret if known is not None else None)
            if not await self._targets.set_address(NewTarget(target, address)):
                raise TargetNotFoundError
        if not await self._targets.save(target):
            raise TargetNotFoundError
        return await self.one(target_id, user_id)

    async def delete(self, target_id: UUID, user_id: UserId) -> None:
        """Delete, with what waits for it. Raises `TargetNotFoundError`, `UnavailableError`."""
        if not await self._targets.remove(target_id, user_id):
            raise TargetNotFoundError
        log.info("notification_target.deleted", target_id=str(target_id))

    async def test(self, target_id: UUID, user_id: UserId) -> None:
        """Send a message now, whatever the target wants to be told. When it comes through, what waits follows at once.

        Raises `TargetNotFoundError`, `AddressLostError`, `DeliveryFailedError`, `UnavailableError`.
        """
        target = await self.one(target_id, user_id)
        address = await self._targets.address_of(target_id)
        if address is None:
            raise AddressLostError
        notification = Notification(
            id=new_id(),
            user_id=user_id,
            key="test",
            kind=EventKind.TEST,
            level=Level.INFO,
            title="Nexgent: a test",
            text=f"Notifications to {target.name} come through.",
            at=self._clock.now(),
        )
        message = Message(
            deliveries=(),
            level=Level.INFO,
            title=notification.title,
            text=notification.text,
            notification=notification,
        )
        try:
            async with (
                asyncio.timeout(TEST_SECONDS),
                aclosing(self._senders[target.channel].send(address, [message])) as outcomes,
            ):
                async for outcome in outcomes:
                    if not outcome.sent:
                        raise DeliveryFailedError(f"It did not come through: {outcome.error or 'no answer'}")
        except TimeoutError:
            raise DeliveryFailedError("It did not come through: no answer in time") from None
        await self._targets.well(target_id)

    def _changed(self, target: Target, change: TargetChange) -> Target:
        name = target.name if change.name is None else checked_name(change.name)
        known = target.wishes
        wishes = change.wishes(known) if change.wishes is not None else known
        if wishes != known:
            _check_wishes(wishes)
        # An agent that was deleted since may stay in the list.
        for agent_id in (wishes.agents or frozenset()) - (known.agents or frozenset()):
            self._directory.owned(agent_id, target.user_id)
        enabled = target.enabled if change.enabled is None else change.enabled
        return replace(target, name=name, wishes=wishes, enabled=enabled)


def _check_wishes(wishes: Wishes) -> None:
    if not 0 <= wishes.digest_seconds <= MAX_DIGEST_SECONDS:
        raise InvalidInputError(
            f"Invalid digestSeconds: a whole number from 0 to {MAX_DIGEST_SECONDS} is required"
        )
    if wishes.agents is not None and len(wishes.agents) > MAX_AGENTS:
        raise InvalidInputError(f"Invalid agentIds: at most {MAX_AGENTS} are allowed")
    if wishes.quiet is not None:
        _check_quiet(wishes.quiet)


def _check_quiet(quiet: QuietHours) -> None:
    if not (0 <= quiet.start_minute < _DAY_MINUTES and 0 <= quiet.end_minute < _DAY_MINUTES):
        raise InvalidInputError("Invalid quietHours: times of the day such as 22:30 are required")
    if quiet.start_minute == quiet.end_minute:
        # It would be never, and whoever set it may have meant all day.
        raise InvalidInputError("Invalid quietHours: they begin and end at the same time")
    try:
        ZoneInfo(quiet.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError("Invalid quietHours: a time zone such as Europe/Berlin is required") from None


def _checked_url(url: str) -> str:
    url = url.strip()
    # Of services with a name alone, such as ntfy://, nobody can say who would be told.
    told = url.partition("://")[2].strip("/ ")
    if not told or len(url) > MAX_URL_LENGTH or not url.isprintable():
        raise InvalidAddressError(
            "Invalid url: an address with a scheme, such as ntfy://topic or https://host, "
            f"of at most {MAX_URL_LENGTH} characters is required"
        )
    return url


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
