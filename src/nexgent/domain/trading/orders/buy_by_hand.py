"""Buy because the owner of an agent says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent, Wallet
from nexgent.domain.ledger.errors import JournalUnavailableError, NotTheEngineError
from nexgent.domain.signals.errors import SignalNotFoundError
from nexgent.domain.signals.queries import SignalRow
from nexgent.domain.trading.errors import (
    QuoteFailedError,
    SwapHeldBackError,
    SwapInDoubtError,
    SwapLeftError,
    SwapUnavailableError,
    TokenUnavailableError,
    TradeRejectedError,
)
from nexgent.domain.trading.orders.purchases import MANUAL, Buyer, PurchaseOrder, PurchaseResult
from nexgent.shared.errors import NexgentError
from nexgent.shared.ids import new_id
from nexgent.shared.loops import TaskSet
from nexgent.shared.money import from_raw, sol
from nexgent.shared.types import (
    AgentId,
    IntentId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    UserId,
    WalletAddress,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyByHandRequest:
    """What to buy. Without a wallet that of the agent's mode buys; without a size it is calculated from the balance."""

    agent_id: AgentId
    user_id: UserId
    token_address: TokenAddress
    token_symbol: str | None = None
    size_sol: Decimal | None = None
    wallet_address: WalletAddress | None = None
    signal_id: SignalId | None = None
    """A signal of the user's that the purchase refers to. It is a note only: the agent still trades that signal by itself."""
    intent_id: IntentId | None = None
    """Give the same id again to make a repeated request one purchase; left out, each request is a purchase of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtByHand:
    """What the purchase brought. Amounts in SOL and tokens, the price in SOL per token."""

    transaction_id: TransactionId
    position_id: PositionId
    input_amount: Decimal
    """SOL the swap took, its own fee included, network fees not."""
    output_amount: Decimal
    purchase_price: Decimal
    transaction_hash: str | None
    stop_loss_initialized: bool
    """The contract's word for: stop loss or take profit is on."""
    stop_loss_pct: Decimal | None
    signal_id: SignalId | None


class Purchases(Protocol):
    """The use case that buys."""

    async def execute(self, order: PurchaseOrder, buyers: Sequence[Buyer]) -> list[PurchaseResult]:
        """Return one result per buyer."""
        ...


class OwnSignals(Protocol):
    """Signals by owner."""

    async def get(self, signal_id: SignalId, user_id: UserId) -> SignalRow | None:
        """Return a signal of that user; a foreign one looks like a missing one. Raises `UnavailableError`."""
        ...


class BuyByHand:
    """Ownership first, then the same purchase that a signal makes, with the same checks.

    A purchase that has begun goes on to its end, whether or not whoever asked for it is still there to hear of it.
    """

    def __init__(self, *, directory: AgentDirectory, purchases: Purchases, signals: OwnSignals) -> None:
        self._directory = directory
        self._purchases = purchases
        self._signals = signals
        self._running = TaskSet("purchases by hand")

    async def execute(self, request: BuyByHandRequest) -> BoughtByHand:
        """Buy and return what was bought.

        Raises `AgentNotFoundError` (also for an agent of another user), `SignalNotFoundError` likewise, `TradeRejectedError`
        with a code of purchase validation, `QuoteFailedError`, `SwapInDoubtError` (sent, booked as soon as the chain tells),
        or an `UnavailableError`.
        """
        agent = self._directory.owned(request.agent_id, request.user_id)
        wallet = self._wallet(agent, request.wallet_address)
        if request.signal_id is not None:
            # Before any money moves: a reference that leads nowhere must not be noticed after the swap.
            found = await self._signals.get(request.signal_id, request.user_id)
            if found is None:
                raise SignalNotFoundError
        return await self._running.finish(self._buy(request, agent, wallet), name=f"buy:{agent.id}")

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for purchases under way, at most so long; return how many were left, for recovery to finish."""
        return await self._running.drain(timeout_seconds)

    async def _buy(self, request: BuyByHandRequest, agent: Agent, wallet: Wallet) -> BoughtByHand:
        buyer = Buyer(agent, wallet, request.intent_id or IntentId(new_id()), request.size_sol)
        order = PurchaseOrder(request.token_address, request.token_symbol, request.signal_id, MANUAL)
        (result,) = await self._purchases.execute(order, [buyer])
        if result.position is None or result.settled is None or result.fill is None:
            raise _refusal(result)
        position, fill = result.position, result.fill
        spent = fill.total_in_raw if fill.total_in_raw is not None else fill.in_amount_raw
        return BoughtByHand(
            transaction_id=result.settled.transaction.id,
            position_id=position.id,
            input_amount=sol(spent),
            output_amount=from_raw(fill.out_amount_raw, position.decimals),
            purchase_price=position.entry_price_sol,
            transaction_hash=fill.signature,
            stop_loss_initialized=agent.config.stop_loss.enabled or agent.config.take_profit.enabled,
            stop_loss_pct=position.base_trail.stop_loss_pct,
            signal_id=position.signal_id,
        )

    def _wallet(self, agent: Agent, address: WalletAddress | None) -> Wallet:
        wallet = agent.wallet_for(agent.trading_mode) if address is None else agent.wallet(address)
        if wallet is None:
            mode = agent.trading_mode.value
            why = f"the agent has no {mode} wallet" if address is None else "it is not one of the agent's"
            raise TradeRejectedError("WALLET_NOT_FOUND", f"Wallet not found: {why}")
        return wallet


_UNAVAILABLE: dict[str, Callable[[str], NexgentError]] = {
    SwapUnavailableError.code: SwapUnavailableError,
    TokenUnavailableError.code: TokenUnavailableError,
    QuoteFailedError.code: QuoteFailedError,
    NotTheEngineError.code: NotTheEngineError,
    SwapHeldBackError.code: SwapHeldBackError,
}


def _refusal(result: PurchaseResult) -> NexgentError:
    """Return a purchase result as the error of its kind: a client tries again after some, not after others."""
    if result.in_doubt:
        held_back = result.code == SwapHeldBackError.code
        return SwapLeftError(result.reason or "") if held_back else SwapInDoubtError()
    code, reason = result.code or "EXECUTION_FAILED", result.reason or "The trade could not be carried out"
    if code == JournalUnavailableError.code:
        return JournalUnavailableError()
    reason = reason[:1].upper() + reason[1:]
    kind = _UNAVAILABLE.get(code)
    return kind(reason) if kind is not None else TradeRejectedError(code, reason, **result.details)
