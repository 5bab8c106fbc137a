"""What somebody should look after, from whoever knows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId, PositionId, TokenAddress, UserId, WalletAddress


class NoticeKind(StrEnum):
    """What it is about."""

    EXIT_DELAYED = "exit_delayed"
    PRICE_STALE = "price_stale"
    SOL_PRICE_STALE = "sol_price_stale"
    WALLET_LOCKED = "wallet_locked"
    WALLET_UNRECONCILED = "wallet_unreconciled"
    ORPHAN_TOKEN = "orphan_token"  # noqa: S105 -- a token of the chain
    PROTECTION = "protection"
    KILL_SWITCH = "kill_switch"
    ENGINE_ELSEWHERE = "engine_elsewhere"
    ENGINE_NOT_READY = "engine_not_ready"
    ENGINE_LATE = "engine_late"
    NOTIFICATIONS = "notifications"


class Severity(StrEnum):
    """How much it matters: money is in danger, something does not work, or it is good to know."""

    DANGER = "danger"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing, in words for people, with what it concerns. `since` is when it began, where that is known."""

    kind: NoticeKind
    severity: Severity
    text: str
    code: str | None = None
    agent_id: AgentId | None = None
    agent_name: str | None = None
    wallet_address: WalletAddress | None = None
    position_id: PositionId | None = None
    token_address: TokenAddress | None = None
    token_symbol: str | None = None
    since: datetime | None = None
    about: str | None = None
    """What else tells it from others of its kind; not for people."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and when."""

    user_id: UserId
    agents: Sequence[Agent]
    now: datetime


class NoticeSource(Protocol):
    """Somebody who knows of one kind of trouble. It looks at memory only."""

    def of(self, asked: Asked) -> Iterable[Notice]:
        """Return what concerns a user."""
        ...


_ORDER = list(Severity)


def by_weight(notices: Iterable[Notice]) -> list[Notice]:
    """Return them, what matters most first."""
    return sorted(notices, key=lambda notice: _ORDER.index(notice.severity))


class ListNotices:
    """All of a user's, what matters most first."""

    def __init__(self, *, directory: AgentDirectory, sources: Sequence[NoticeSource], clock: Clock) -> None:
        self._directory = directory
        self._sources = sources
        self._clock = clock

    def execute(self, user_id: UserId) -> list[Notice]:
        """Return them."""
        found = self._of(Asked(user_id, self._directory.of_user(user_id), self._clock.now()))
        return by_weight(found)

    def by_agent(
        self, user_id: UserId, concerned: Callable[[AgentId], bool] = lambda _: True
    ) -> Iterator[list[Notice]]:
        """Return them in parts, each found as it is taken: what concerns no agent, then agent by agent, repetitions left out.

        For whoever has time: between two parts the loop may be given back. Only agents are looked at that are `concerned`.
        """
        now = self._clock.now()
        general = self._of(Asked(user_id, (), now))
        yield general
        for agent in self._directory.of_user(user_id):
            if not concerned(agent.id):
                continue
            yield [notice for notice in self._of(Asked(user_id, (agent,), now)) if notice not in general]

    def _of(self, asked: Asked) -> list[Notice]:
        return [notice for source in self._sources for notice in source.of(asked)]
