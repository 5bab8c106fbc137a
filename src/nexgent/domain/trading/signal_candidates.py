"""Who may act on a signal: the agents of its user, each held against its own filters."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from nexgent.domain.agents.config_models import SignalsConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.eligibility import (
    Eligibility,
    EligibilityFacts,
    evaluate_eligibility,
    needs_token_figures,
)
from nexgent.domain.agents.models import Agent, Wallet
from nexgent.domain.ledger.share import EngineShare
from nexgent.domain.signals.models import Gate, Signal, SignalAction, SignalDraft, TokenMetrics
from nexgent.domain.signals.ports import TokenMetricsSource
from nexgent.domain.trading.errors import named
from nexgent.domain.trading.orders.purchases import Buyer
from nexgent.shared.ids import purchase_intent_id
from nexgent.shared.shards import ALL_SHARDS, is_in
from nexgent.shared.structs import as_struct

log = structlog.get_logger(__name__)

METRICS_TIMEOUT_SECONDS = 8.0


@as_struct
@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent, what its filters found, and a code and a reason where it does not act."""

    agent: Agent
    gates: tuple[Gate, ...]
    refusal: tuple[str, str] | None

    @property
    def wallet(self) -> Wallet | None:
        """The wallet the agent trades with in its present mode."""
        return self.agent.wallet_for(self.agent.trading_mode)

    def buyer(self, signal: Signal) -> Buyer | None:
        """Return who buys, None where the agent does not act."""
        wallet = self.wallet
        if self.refusal is not None or wallet is None:
            return None
        return Buyer(self.agent, wallet, purchase_intent_id(self.agent.id, signal.id))


class SignalCandidates:
    """Knows the agents, and asks for a token's figures where somebody has bounds on them."""

    def __init__(
        self, *, directory: AgentDirectory, metrics: TokenMetricsSource, share: EngineShare | None = None
    ) -> None:
        """This process decides for agents in the `share`."""
        self.share = share or EngineShare()
        self._directory = directory
        self._metrics = metrics

    def agents(self, signal: Signal, shards: int = ALL_SHARDS) -> list[Agent]:
        """Return the agents of these shards whose business a signal is."""
        if signal.user_id is None:
            return []
        agents = self._directory.each_of_user(signal.user_id)
        if shards == ALL_SHARDS:
            return list(agents)
        return [agent for agent in agents if is_in(shards, agent.id)]

    def takes(self, signal: SignalDraft, agent: Agent) -> bool:
        """Tell whether an agent's filters let a signal pass; bounds on a token's figures, which have to be asked for, do not."""
        return self._verdict(signal, agent, None).eligible

    async def of(self, signal: Signal, shards: int = ALL_SHARDS) -> list[Candidate]:
        """Return all of them, also those that do not act."""
        agents = self.agents(signal, shards)
        metrics = await self._figures(signal, agents)
        # Agents of one user mostly have the same filters, and then the verdict is the same as well.
        verdicts: dict[tuple[bool, SignalsConfig], Eligibility] = {}
        candidates: list[Candidate] = []
        for agent in agents:
            filters = (agent.automated_trading, agent.config.signals)
            verdict = verdicts.get(filters)
            try:
                if verdict is None:
                    verdict = verdicts[filters] = self._verdict(signal, agent, metrics)
                candidates.append(_candidate(agent, verdict))
            except Exception as error:
                known = named(error)
                candidates.append(
                    Candidate(agent, (), (known.code, "The agent's filters could not be applied"))
                )
        return candidates

    async def _figures(self, signal: Signal, agents: list[Agent]) -> TokenMetrics | None:
        """Fetch market figures only when an agent that would otherwise act has bounds on them."""
        if signal.action is not SignalAction.BUY:
            return None
        # Agents with equal rules have one configuration.
        filters = {id(agent.config): agent.config.signals for agent in agents if agent.automated_trading}
        if not any(needs_token_figures(config) for config in filters.values()):
            return None
        try:
            async with asyncio.timeout(METRICS_TIMEOUT_SECONDS):
                return await self._metrics.metrics(signal.token_address)
        except Exception as error:
            log.warning("signal.metrics_unavailable", signal_id=signal.id, error=type(error).__name__)
            return None

    def _verdict(
        self, signal: Signal | SignalDraft, agent: Agent, metrics: TokenMetrics | None
    ) -> Eligibility:
        """Hold the signal against what an agent of its user is set to."""
        return evaluate_eligibility(
            EligibilityFacts(
                signal_user_id=signal.user_id,
                token_address=signal.token_address,
                signal_type=signal.signal_type,
                signal_strength=signal.signal_strength,
                agent_user_id=agent.user_id,
                agent_active=True,
                automated_trading=agent.automated_trading,
                config=agent.config.signals,
                selling=signal.action is not SignalAction.BUY,
            ),
            metrics,
        )


def _candidate(agent: Agent, verdict: Eligibility) -> Candidate:
    if not verdict.eligible:
        return Candidate(agent, verdict.gates, ("NOT_ELIGIBLE", "; ".join(verdict.reasons)))
    if agent.wallet_for(agent.trading_mode) is None:
        reason = f"the agent has no {agent.trading_mode.value} wallet"
        return Candidate(agent, verdict.gates, ("WALLET_NOT_FOUND", reason))
    return Candidate(agent, verdict.gates, None)
