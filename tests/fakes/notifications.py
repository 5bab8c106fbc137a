"""Targets of notifications in memory, and a sender that writes down what it was given."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from uuid import UUID

from nexgent.domain.notifications.errors import InvalidAddressError
from nexgent.domain.notifications.models import Address, Delivery, Message, NewTarget, Outcome, Target
from nexgent.shared.types import UserId


class FakeTargets:
    """Rows in dicts."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Target] = {}
        self.addresses: dict[UUID, Address] = {}
        self.delivered: list[Delivery] = []

    async def add(self, new: NewTarget) -> None:
        self.rows[new.target.id] = new.target
        self.addresses[new.target.id] = new.address

    async def of_user(self, user_id: UserId) -> Sequence[Target]:
        own = [target for target in self.rows.values() if target.user_id == user_id]
        return sorted(own, key=lambda target: target.created_at, reverse=True)

    async def find(self, target_id: UUID) -> Target | None:
        return self.rows.get(target_id)

    async def address_of(self, target_id: UUID) -> Address | None:
        return self.addresses.get(target_id)

    async def save(self, target: Target) -> bool:
        row = self.rows.get(target.id)
        if row is None:
            return False
        # What happened to it is not its owner's to change.
        self.rows[target.id] = replace(
            row,
            name=target.name,
            wishes=target.wishes,
            enabled=target.enabled,
            updated_at=target.updated_at,
        )
        return True

    async def set_address(self, new: NewTarget) -> bool:
        row = self.rows.get(new.target.id)
        if row is None:
            return False
        self.rows[new.target.id] = replace(
            row, shown=new.target.shown, failing_since=None, failures=0, retry_at=None
        )
        self.addresses[new.target.id] = new.address
        return True

    async def well(self, target_id: UUID) -> None:
        if (row := self.rows.get(target_id)) is not None:
            self.rows[target_id] = replace(row, failing_since=None, failures=0, retry_at=None)

    async def remove(self, target_id: UUID, user_id: UserId) -> bool:
        target = self.rows.get(target_id)
        if target is None or target.user_id != user_id:
            return False
        del self.rows[target_id], self.addresses[target_id]
        return True

    async def deliveries(
        self,
        user_id: UserId,
        *,
        limit: int,
        offset: int = 0,
        before: int | None = None,
        target_id: UUID | None = None,
    ) -> Sequence[Delivery]:
        found = [
            one
            for one in sorted(self.delivered, key=lambda one: -one.id)
            if one.notification.user_id == user_id
            and (before is None or one.id < before)
            and (target_id is None or one.target_id == target_id)
        ]
        return found[offset : offset + limit]


class FakeSender:
    """Takes everything, or answers with what it was told to."""

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, Message]] = []

    async def check(self, url: str) -> str:
        if url.startswith("nope://"):
            raise InvalidAddressError("Invalid url: no service of apprise has such an address")
        return f"{url.partition('://')[0]}://…"

    async def send(self, address: Address, messages: Sequence[Message]) -> AsyncGenerator[Outcome, None]:
        for message in messages:
            outcome = self.answers.pop(0) if self.answers else Outcome(True)
            self.got.append((address.url, message))
            yield outcome
            if not outcome.sent:
                return
