"""What a live wallet says before it trades: its key, its money, and an order of its agent's size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from decimal import Decimal

from nexgent.domain.agents.models import Agent, Wallet
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.live_check.judge import judge_balance, judge_quote
from nexgent.domain.live_check.models import LiveWishes
from nexgent.domain.live_check.ports import LiveMarket
from nexgent.domain.trading.errors import SwapNotSentError, UnsafeSwapError
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.domain.trading.ports import WalletKeys
from nexgent.domain.trading.rules.position_sizing import SizeRefusal, calculate_position_size
from nexgent.shared.errors import NexgentError
from nexgent.shared.findings import Finding, Verdict
from nexgent.shared.money import SOL_MINT, lamports, plain, sol
from nexgent.shared.types import TokenAddress

_LARGEST = Decimal("0.999999999")
"""Sizes are drawn from a range; the check takes the largest."""


class WalletTrial:
    """Looks at one wallet; None stands for an agent without one."""

    def __init__(
        self, *, ledger: Ledger, keys: WalletKeys, market: LiveMarket, require_engine: RequireEngine = here
    ) -> None:
        self._require_engine = require_engine
        self._ledger = ledger
        self._keys = keys
        self._market = market

    def key(self, wallet: Wallet | None) -> Finding:
        """Tell whether the wallet can sign. Raises `EngineElsewhereError` where another process knows."""
        if wallet is None:
            return Finding(
                "wallet key",
                Verdict.FAIL,
                "the agent has no live wallet",
                'Assign one: POST /api/v1/wallets/assign {"agentId": …, "walletAddress": …, "walletType": "live"}',
            )
        if not self._keys.is_loaded(wallet.address):
            self._require_engine(wallet.agent_id)
            refusal = self._keys.refusal(wallet.address)
            return Finding(
                "wallet key",
                Verdict.FAIL,
                f"{wallet.address}: {refusal.message}",
                f"Unlock it: `nexgent wallets --unlock {wallet.address}`, or set its WALLET_n",
            )
        return Finding("wallet key", Verdict.OK, f"{wallet.address} can sign")

    async def money(self, agent: Agent, wallet: Wallet | None, wishes: LiveWishes) -> list[Finding]:
        """Hold its money against the books, and against what its agent wants to trade."""
        if wallet is None:
            return []

        async def look() -> list[Finding]:
            held, state = await asyncio.gather(
                self._market.balance_lamports(wallet.address), self._ledger.fresh(wallet.address)
            )
            return judge_balance(held, state.balance_raw(SOL_MINT), agent.config, wishes)

        return await guarded("balance", look(), "Check SOLANA_RPC_URL")

    async def order(self, agent: Agent, wallet: Wallet | None, token: TokenAddress) -> list[Finding]:
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


async def guarded(name: str, looking: Awaitable[Sequence[Finding]], advice: str) -> list[Finding]:
    """Return what was found; an upstream that does not answer is a finding as well."""
    try:
        return list(await looking)
    except NexgentError as error:
        return [Finding(name, Verdict.FAIL, error.message, advice)]
