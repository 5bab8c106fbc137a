"""The way to an engine, without Redis: another process is the same application, as the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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
        self.commands: list[tuple[Command, AgentId | None]] = []

    def require_engine(self, agent_id: AgentId | None) -> None:
        if not self.trades:
            raise EngineElsewhereError(agent_id)

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
