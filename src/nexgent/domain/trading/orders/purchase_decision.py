"""Whether and for how much an agent buys, decided against what is available at that instant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Intent, TradeKind
from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.trading.orders.purchases import (
    DEFAULT_SYMBOL,
    EntryGuard,
    PurchaseOrder,
    PurchaseResult,
)
from nexgent.domain.trading.ports import WalletKeys
from nexgent.domain.trading.rules.purchase_validation import PurchaseFacts, PurchaseRefused, validate_purchase
from nexgent.shared.money import SOL_MINT, lamports, sol
from nexgent.shared.types import AgentId, TokenAddress


class PurchaseDecisions:
    """One decision a buyer, from memory."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        keys: WalletKeys,
        random_unit: Callable[[], Decimal],
        fee_reserve_lamports: int,
        guard: EntryGuard | None,
        is_doubtful: Callable[[TokenAddress], bool],
        current: Callable[[AgentId], Agent | None],
    ) -> None:
        """`current` gives an agent as it is at the instant of the decision: mode and rules may have changed since somebody
        asked for the purchase, and a mode that was switched off must not buy any more."""
        self._ledger = ledger
        self._keys = keys
        self._random_unit = random_unit
        self._fee_reserve_lamports = fee_reserve_lamports
        self._guard = guard
        self._is_doubtful = is_doubtful
        self._current = current

    def decide(self, order: PurchaseOrder, result: PurchaseResult, now: datetime) -> Intent | None:
        """Validate against what is available right now and return what to reserve, or note the refusal."""
        wallet = result.buyer.wallet
        agent = self._current(result.buyer.agent.id)
        if agent is None or agent.wallet(wallet.address) is None:
            result.refuse("WALLET_NOT_FOUND", "the agent or its wallet has been removed meanwhile")
            return None
        state = self._ledger.head(wallet.address)
        if result.buyer.intent_id in state.intents:
            result.refuse("PURCHASE_IN_PROGRESS", "this purchase is already under way")
            return None
        if self._is_doubtful(order.token_address):
            result.refuse("PRICE_DOUBTFUL", "the token's price has jumped and nobody has confirmed it yet")
            return None
        available = state.available_raw(SOL_MINT)
        size_sol = validate_purchase(
            PurchaseFacts(
                config=agent.config,
                wallet_mode=wallet.mode,
                agent_mode=agent.trading_mode,
                wallet_key_loaded=wallet.mode is TradingMode.SIMULATION
                or self._keys.is_loaded(wallet.address),
                available_sol=sol(available),
                holds_position_in_token=state.position_of(order.token_address) is not None
                or state.is_buying(order.token_address),
                open_positions=self._open_positions(agent),
                requested_size_sol=result.buyer.size_sol,
                random_unit=self._random_unit(),
            )
        )
        if isinstance(size_sol, PurchaseRefused):
            if size_sol.code == WalletNotLoadedError.code:
                error = self._keys.refusal(wallet.address)
                result.refuse(error.code, error.message)
            else:
                details = {"cause": size_sol.cause} if size_sol.cause else {}
                result.refuse(size_sol.code, size_sol.message, details)
            return None
        result.size_sol = size_sol
        amount = lamports(size_sol)
        if self._guard is not None:
            protection = self._guard.check(
                agent, state, now, size_lamports=amount, new_position_in=order.token_address
            )
            result.gates = protection.gates
            if protection.code is not None:
                result.refuse(protection.code, protection.reason or "a protection blocks new entries")
                return None
        return Intent(
            id=result.buyer.intent_id,
            kind=TradeKind.PURCHASE,
            agent_id=agent.id,
            wallet_address=wallet.address,
            token_address=order.token_address,
            token_symbol=order.token_symbol or DEFAULT_SYMBOL,
            input_mint=SOL_MINT,
            amount_raw=amount,
            # Fees are reserved as well, as far as the balance goes: what a fee may not touch is the minimum balance's business.
            reserved_raw=min(amount + self._fee_reserve_lamports, available),
            cause=order.cause,
            signal_id=order.signal_id,
            position_id=None,
            generation=0,
            created_at=now,
        )

    def _open_positions(self, agent: Agent) -> int:
        count = 0
        for wallet in agent.wallets:
            if self._ledger.knows(wallet.address):
                state = self._ledger.head(wallet.address)
                count += len(state.positions) + state.opening_count
        return count
