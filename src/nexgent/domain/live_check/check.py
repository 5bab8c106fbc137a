"""Look at everything that must be right before an agent trades with real money. Nothing is signed and nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from decimal import Decimal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.live_check.judge import (
    judge_balance,
    judge_limits,
    judge_mode,
    judge_node,
    judge_prices,
    judge_quote,
    judge_rate,
    judge_sol_price,
    judge_switches,
    token_to_try,
)
from nexgent.domain.live_check.models import LiveWishes
from nexgent.domain.live_check.ports import LiveMarket
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.trading.errors import SwapNotSentError, UnsafeSwapError
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.domain.trading.ports import WalletKeys
from nexgent.domain.trading.rules.position_sizing import SizeRefusal, calculate_position_size
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.findings import Finding, Verdict
from nexgent.shared.money import SOL_MINT, lamports, plain, sol
from nexgent.shared.types import AgentId, TokenAddress, UserId

USUAL_TOKEN = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"  # noqa: S105 -- USDC's mint
_LARGEST = Decimal("0.999999999")
"""Sizes are drawn from a range; the check takes the largest."""


class LiveCheck:
    """One look at one agent, everything side by side."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        keys: WalletKeys,
        market: LiveMarket,
        sol_price: SolPriceFeed,
        protections: ProtectionState,
        clock: Clock,
        max_price_age_seconds: float,
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._keys = keys
        self._market = market
        self._sol_price = sol_price
        self._protections = protections
        self._clock = clock
        self._max_price_age_seconds = max_price_age_seconds

    async def execute(self, agent_id: AgentId, user_id: UserId, wishes: LiveWishes) -> list[Finding]:
        """Return the findings in the order they are read. Raises `AgentNotFoundError` (for a foreign agent as well)."""
        agent = self._directory.owned(agent_id, user_id)
        wallet = agent.wallet_for(TradingMode.LIVE)
        token = TokenAddress(token_to_try(agent.config, wishes, USUAL_TOKEN))
        money, upstreams, prices, node, order = await asyncio.gather(
            self._money(agent, wallet, wishes),
            self._market.upstreams(),
            self._market.prices(token),
            _guarded("slot", self._node(), "Check SOLANA_RPC_URL"),
            self._order(agent, wallet, token),
        )
        now = self._clock.now()
        price = self._sol_price.current(now)
        return [
            judge_mode(agent),
            self._key(wallet),
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

    def _key(self, wallet: Wallet | None) -> Finding:
        if wallet is None:
            return Finding(
                "wallet key",
                Verdict.FAIL,
                "the agent has no live wallet",
                'Assign one: POST /api/v1/wallets/assign {"agentId": …, "walletAddress": …, "walletType": "live"}',
            )
        if not self._keys.is_loaded(wallet.address):
            refusal = self._keys.refusal(wallet.address)
            return Finding(
                "wallet key",
                Verdict.FAIL,
                f"{wallet.address}: {refusal.message}",
                f"Unlock it: `nexgent wallets --unlock {wallet.address}`, or set its WALLET_n",
            )
        return Finding("wallet key", Verdict.OK, f"{wallet.address} can sign")

    async def _money(self, agent: Agent, wallet: Wallet | None, wishes: LiveWishes) -> list[Finding]:
        if wallet is None:
            return []

        async def look() -> list[Finding]:
            held, state = await asyncio.gather(
                self._market.balance_lamports(wallet.address), self._ledger.fresh(wallet.address)
            )
            return judge_balance(held, state.balance_raw(SOL_MINT), agent.config, wishes)

        return await _guarded("balance", look(), "Check SOLANA_RPC_URL")

    async def _node(self) -> list[Finding]:
        return judge_node(await self._market.node())

    async def _order(self, agent: Agent, wallet: Wallet | None, token: TokenAddress) -> list[Finding]:
        """Ask for a real order of the agent's size and let it be looked at."""
        if wallet is None:
            return []
        try:
            state = await self._ledger.fresh(wallet.address)
        except NexgentError as error:
            return [Finding("quote", Verdict.FAIL, error.message, "Try again")]
        config = agent.config
        size = calculate_position_size(
            sol(state.available_raw(SOL_MINT)), config.purchase_limits, config.position_calculator, _LARGEST
        )
        if isinstance(size, SizeRefusal):
            return [
                Finding(
                    "quote", Verdict.FAIL, f"no size: {size.message}", "More SOL, or other limits and sizes"
                )
            ]
        request = QuoteRequest(
            input_mint=SOL_MINT,
            output_mint=token,
            amount_raw=lamports(size.size_sol),
            taker=wallet.address,
        )
        try:
            quote = await self._market.order(request)
        except NexgentError as error:
            found = f"none for {plain(size.size_sol)} SOL of {token}: {error.message}"
            return [Finding("quote", Verdict.FAIL, found, "Try the token you mean to trade: --token MINT")]
        return [
            judge_quote(quote, config.purchase_limits.max_price_impact),
            await self._inspected(quote, wallet),
        ]

    async def _inspected(self, quote: Quote, wallet: Wallet) -> Finding:
        try:
            await self._market.inspect(quote, wallet.address)
        except (UnsafeSwapError, SwapNotSentError) as error:
            return Finding(
                "order",
                Verdict.FAIL,
                f"would not be signed: {error.code}, {error.message}",
                "Nothing is lost: such orders are refused. If it stays, look at the node and at the SWAP_ settings",
            )
        except NexgentError as error:
            return Finding(
                "order", Verdict.FAIL, f"could not be looked at: {error.message}", "Check SOLANA_RPC_URL"
            )
        return Finding("order", Verdict.OK, "built, decoded and simulated; neither signed nor sent")

    def _live_agents(self) -> int:
        return sum(
            agent.trading_mode is TradingMode.LIVE and agent.automated_trading_live
            for agent in self._directory.all()
        )


async def _guarded(name: str, looking: Awaitable[Sequence[Finding]], advice: str) -> list[Finding]:
    try:
        return list(await looking)
    except NexgentError as error:
        return [Finding(name, Verdict.FAIL, error.message, advice)]
