"""What processing a signal asks besides the engine: market figures, and trades of before a crash."""

from __future__ import annotations

from collections.abc import Mapping

from nexgent.domain.signals.models import SignalTrade, TokenMetrics
from nexgent.shared.types import AgentId, SignalId, TokenAddress


class FakeTokenMetrics:
    """Figures by token; counts how often it was asked."""

    def __init__(self) -> None:
        self.figures: dict[TokenAddress, TokenMetrics] = {}
        self.asked = 0

    async def metrics(self, token: TokenAddress) -> TokenMetrics | None:
        self.asked += 1
        return self.figures.get(token)


class FakeSignalTrades:
    """Trades by signal and agent."""

    def __init__(self) -> None:
        self.trades: dict[SignalId, dict[AgentId, SignalTrade]] = {}

    async def of_signal(self, signal_id: SignalId) -> Mapping[AgentId, SignalTrade]:
        return self.trades.get(signal_id, {})
