"""What a wallet was worth over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import WalletNotFoundError
from nexgent.domain.performance.models import Snapshot
from nexgent.domain.performance.ports import PerformanceQueries
from nexgent.domain.performance.summary import Timeframe
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NotFoundError
from nexgent.shared.types import AgentId, UserId, WalletAddress

# One hour more than a day, so that the first and the last point are a whole day apart.
_RECENT = timedelta(hours=25)


class WalletAccessError(NotFoundError):
    """No such wallet, or it is not one of the agent's."""

    code = WalletNotFoundError.code

    def __init__(self) -> None:
        super().__init__("Wallet not found or access denied")


class BalanceHistory:
    """Hourly snapshots of a day, or one per day since the beginning."""

    def __init__(self, *, directory: AgentDirectory, queries: PerformanceQueries, clock: Clock) -> None:
        self._directory = directory
        self._queries = queries
        self._clock = clock

    async def execute(
        self, agent_id: AgentId, user_id: UserId, wallet: WalletAddress, timeframe: Timeframe
    ) -> Sequence[Snapshot]:
        """Return the snapshots, oldest first. Raises `AgentNotFoundError`, `WalletAccessError`, `UnavailableError`."""
        agent = self._directory.owned(agent_id, user_id)
        if agent.wallet(wallet) is None:
            raise WalletAccessError
        if timeframe == "24h":
            return await self._queries.snapshots_since(agent_id, wallet, self._clock.now() - _RECENT)
        return await self._queries.daily_snapshots(agent_id, wallet)
