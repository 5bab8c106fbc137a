"""Look at everything that must be right before an agent trades with real money. Nothing is signed and nothing is sent."""

from __future__ import annotations

import asyncio

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.live_check.judge import (
    judge_limits,
    judge_mode,
    judge_node,
    judge_prices,
    judge_rate,
    judge_sol_price,
    judge_switches,
    token_to_try,
)
from nexgent.domain.live_check.models import LiveWishes
from nexgent.domain.live_check.ports import LiveMarket
from nexgent.domain.live_check.wallet_trial import WalletTrial, guarded
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.protections.state import ProtectionState
from nexgent.shared.clock import Clock
from nexgent.shared.findings import Finding
from nexgent.shared.types import AgentId, TokenAddress, UserId

USUAL_TOKEN = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"  # noqa: S105 -- USDC's mint


class LiveCheck:
    """One look at one agent, everything side by side."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        wallets: WalletTrial,
        market: LiveMarket,
        sol_price: SolPriceFeed,
        protections: ProtectionState,
        clock: Clock,
        max_price_age_seconds: float,
    ) -> None:
        self._directory = directory
        self._wallets = wallets
        self._market = market
        self._sol_price = sol_price
        self._protections = protections
        self._clock = clock
        self._max_price_age_seconds = max_price_age_seconds

    async def execute(self, agent_id: AgentId, user_id: UserId, wishes: LiveWishes) -> list[Finding]:
        """Return the findings in the order they are read. Raises `AgentNotFoundError` (for a foreign agent as well), and
        `EngineElsewhereError` where another process knows whether the wallet can sign.
        """
        agent = self._directory.owned(agent_id, user_id)
        wallet = agent.wallet_for(TradingMode.LIVE)
        # First: where another process has the keys, that one makes the check.
        key = self._wallets.key(wallet)
        token = TokenAddress(token_to_try(agent.config, wishes, USUAL_TOKEN))
        money, upstreams, prices, node, order = await asyncio.gather(
            self._wallets.money(agent, wallet, wishes),
            self._market.upstreams(),
            self._market.prices(token),
            guarded("slot", self._node(), "Check SOLANA_RPC_URL"),
            self._wallets.order(agent, wallet, token),
        )
        now = self._clock.now()
        price = self._sol_price.current(now)
        return [
            judge_mode(agent),
            key,
            *money,
            *judge_limits(agent.config),
            judge_switches(self._protections.switches_of(agent.user_id)),
            judge_sol_price(price.published_at if price is not None else None, now),
            *judge_prices(prices, now, self._max_price_age_seconds),
            *upstreams,
            *node,
            judge_rate(self._market.tier, self._live_agents()),
            *order,
        ]

    async def _node(self) -> list[Finding]:
        return judge_node(await self._market.node())

    def _live_agents(self) -> int:
        return sum(
            agent.trading_mode is TradingMode.LIVE and agent.automated_trading_live
            for agent in self._directory.all()
        )
