"""The way to an engine, without Redis: another process is the same application, as the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from nexgent.domain.forwarding.models import Answer, Command, NotBegun
from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import AgentId


class FakeForwarding:
    """Stands for `ForwardCommand`. `engine` carries commands out, while this process `trades`; without one nobody does."""

    def __init__(self) -> None:
        self.trades = True
        self.engine: Callable[[Command], Awaitable[Answer | NotBegun]] | None = None
        self.failure: UnavailableError | None = None
        self.unreadable: UnavailableError | None = None
        self.commands: list[tuple[Command, AgentId | None]] = []

    def require_engine(self, agent_id: AgentId | None) -> None:
        if not self.trades:
            raise EngineElsewhereError(agent_id)

    def trades_for(self, _agent_id: AgentId) -> bool:
        return self.trades

    async def by_engine(self, agent_ids: Collection[AgentId | None]) -> list[list[AgentId | None]]:
        if self.unreadable is not None:
            raise self.unreadable
        return [list(agent_ids)] if self.engine is not None or self.failure is not None else []

    async def execute(self, command: Command, agent_id: AgentId | None) -> Answer | None:
        self.commands.append((command, agent_id))
        if self.failure is not None:
            raise self.failure
        if self.engine is None:
            return None
        self.trades = True
        try:
            outcome = await self.engine(command)
        finally:
            self.trades = False
        return outcome if isinstance(outcome, Answer) else None
