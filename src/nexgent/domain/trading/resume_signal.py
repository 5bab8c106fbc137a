"""A signal that was left behind, by a crash or by an engine that lost its lease: a fresh one is traded, an old one is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import structlog

from nexgent.domain.agents.models import Agent
from nexgent.domain.signals.models import DecisionOutcome, Signal, SignalAction, SignalDecision, SignalTrade
from nexgent.domain.signals.ports import SignalTrades
from nexgent.domain.trading.process_signal import ProcessSignal
from nexgent.domain.trading.signal_candidates import Candidate, SignalCandidates
from nexgent.domain.trading.signal_decisions import SignalDecisions
from nexgent.shared.clock import Clock
from nexgent.shared.shards import ALL_SHARDS
from nexgent.shared.types import AgentId

SALE_AGE = timedelta(hours=1)
"""A signal that sells is acted on for so long: rather a late exit than none, and nothing is sold that was bought after it."""

log = structlog.get_logger(__name__)


class ResumeSignal:
    """Looks first what was traded for it before."""

    def __init__(
        self,
        *,
        process: ProcessSignal,
        candidates: SignalCandidates,
        decisions: SignalDecisions,
        trades: SignalTrades,
        clock: Clock,
        max_age_seconds: float,
    ) -> None:
        self._process = process
        self._candidates = candidates
        self._decisions = decisions
        self._trades = trades
        self._clock = clock
        self._max_age = timedelta(seconds=max_age_seconds)

    async def execute(self, signal: Signal, shards: int = ALL_SHARDS) -> None:
        """Decide on a signal that this process has taken, for these shards.

        Raises what keeps it from being decided; the signal has been let go then.
        """
        with self._process.at_work(signal):
            try:
                already = await self._trades.of_signal(signal.id)
                buys = signal.action is SignalAction.BUY
                max_age = self._max_age if buys else max(self._max_age, SALE_AGE)
                if self._clock.now() - signal.created_at > max_age:
                    await self._expire(signal, already, max_age, shards)
                    return
            except BaseException:
                self._process.let_go(signal.id, shards)
                raise
        await self._process.execute(signal, self._clock.monotonic(), already, shards)

    async def _expire(
        self, signal: Signal, done: Mapping[AgentId, SignalTrade], max_age: timedelta, shards: int
    ) -> None:
        """Record for every agent that the signal was too old to act on when it was reached."""
        reason = f"the signal was older than {max_age.total_seconds():.0f} s when it was reached"

        def decision(agent: Agent) -> SignalDecision:
            if agent.id in done:
                return self._decisions.earlier(signal, Candidate(agent, (), None), done[agent.id])
            return SignalDecision(
                signal_id=signal.id,
                agent_id=agent.id,
                outcome=DecisionOutcome.SKIPPED,
                code="SIGNAL_EXPIRED",
                reason=reason,
                gates=(),
                decided_at=self._clock.now(),
            )

        decisions = [decision(agent) for agent in self._candidates.agents(signal, shards)]
        await self._process.record(signal, decisions, shards)
        log.warning("signal.expired", signal_id=signal.id)
