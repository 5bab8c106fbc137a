"""What forwarding needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from nexgent.domain.forwarding.models import Answer, Command, EngineAddress, NotBegun
from nexgent.shared.types import AgentId


class Engines(Protocol):
    """Which engines there are. All methods raise `UnavailableError`."""

    async def engine_of(self, agent_id: AgentId | None) -> EngineAddress | None:
        """Return who trades for an agent, or for what is nobody's; None when nobody does."""
        ...

    async def engines_of(
        self, agent_ids: Collection[AgentId | None]
    ) -> Mapping[AgentId | None, EngineAddress]:
        """Return who trades for each of these; those that nobody trades for are left out."""
        ...

    async def lives(self, engine: EngineAddress) -> bool:
        """Tell whether an engine still has its lease."""
        ...


class SentCommand(Protocol):
    """A command that was sent to an engine."""

    @property
    def taken(self) -> bool:
        """Tell whether it is known that the engine has taken it."""
        ...

    async def outcome(self, seconds: float) -> Answer | NotBegun | None:
        """Wait at most so long for what becomes of it; None when nothing is known. Raises `UnavailableError`."""
        ...

    async def withdraw(self) -> bool:
        """Take it back; False when the engine was faster. One that is taken back is never begun. Raises `UnavailableError`."""
        ...

    def close(self) -> None:
        """Wait for it no longer."""
        ...


class CommandQueue(Protocol):
    """The way to the engines."""

    async def send(
        self, engine: EngineAddress, command: Command, *, begin_within_seconds: float
    ) -> SentCommand:
        """Send a command that is not to be begun later than that.

        Raises `EngineUnreachableError` and `EngineBusyError`: then it is never begun; `OutcomeUnknownError`.
        """
        ...
