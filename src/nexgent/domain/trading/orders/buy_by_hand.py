"""Buy because the owner of an agent says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.ledger.errors import EngineElsewhereError, JournalUnavailableError, NotTheEngineError
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.signals.errors import SignalNotFoundError
from nexgent.domain.signals.queries import SignalRow
from nexgent.domain.trading.errors import (
    OrderNotBuiltError,
    QuoteFailedError,
    SwapHeldBackError,
    SwapInDoubtError,
    SwapLeftError,
    SwapUnavailableError,
    TokenUnavailableError,
    TradeRejectedError,
)
from nexgent.domain.trading.models import Fill
from nexgent.domain.trading.orders.purchases import (
    MANUAL,
    Buyer,
    PurchaseOrder,
    PurchasePreview,
    PurchaseResult,
)
from nexgent.domain.trading.rules.stop_loss import initial_stop_pct, stop_price
from nexgent.domain.trading.settlement import buy_debit_lamports
from nexgent.shared.errors import NexgentError
from nexgent.shared.ids import new_id
from nexgent.shared.loops import LeftUnfinishedError, TaskSet
from nexgent.shared.money import CONTEXT, from_raw, plain, sol, unit_price_sol
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

UNCERTAIN = (
    "The journal cannot be reached, and it is not certain that the purchase was not begun: "
    "see what became of it before you repeat it"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseForecast:
    """What a purchase by hand would be at the quote of this moment. Amounts in SOL and tokens, prices in SOL per token."""

    wallet_address: WalletAddress
    size_sol: Decimal
    """SOL the swap takes, its own fee included: what was asked for, or less of it where that would move the price too far."""
    amount: Decimal
    price_sol: Decimal
    """The entry price of the position."""
    price_impact_pct: Decimal
    """By how much the purchase itself moves the price, 0 or more."""
    max_price_impact_pct: Decimal | None
    protocol_fee_sol: Decimal | None
    """Taken out of the size by the swap provider; None when it is unknown or taken in tokens."""
    network_fee_sol: Decimal
    rent_sol: Decimal
    """Deposit for the token account, which comes back."""
    total_sol: Decimal
    """What leaves the wallet."""
    balance_after_sol: Decimal
    """What is available then."""
    stop_loss_pct: Decimal | None
    stop_price_sol: Decimal | None


class Purchases(Protocol):
    """The use case that buys."""

    async def preview(self, order: PurchaseOrder, buyers: Sequence[Buyer]) -> list[PurchasePreview]:
        """Return what would become of each buyer; nothing is reserved, recorded or sent."""
        ...

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

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        purchases: Purchases,
        signals: OwnSignals,
        require_engine: RequireEngine = here,
    ) -> None:
        self._directory = directory
        self._require_engine = require_engine
        self._purchases = purchases
        self._signals = signals
        self._running = TaskSet("purchases by hand")

    async def execute(self, request: BuyByHandRequest) -> BoughtByHand:
        """Buy and return what was bought.

        Raises `AgentNotFoundError` (also for an agent of another user), `SignalNotFoundError` likewise, `TradeRejectedError`
        with a code of purchase validation, `QuoteFailedError`, `SwapInDoubtError` (sent, booked as soon as the chain tells),
        or an `UnavailableError`; `EngineElsewhereError` before anything has begun.
        """
        agent, wallet = await self._whose(request)
        self._require_engine(agent.id)
        return await self._running.finish(self._buy(request, agent, wallet), name=f"buy:{agent.id}")

    async def preview(self, request: BuyByHandRequest) -> PurchaseForecast:
        """Return what `execute` would buy, decided by the same checks and quoted the same way. Nothing is booked or sent.

        Raises what `execute` raises before it sends anything.
        """
        agent, wallet = await self._whose(request)
        buyer = Buyer(agent, wallet, IntentId(new_id()), request.size_sol)
        order = PurchaseOrder(request.token_address, request.token_symbol, None, MANUAL)
        (preview,) = await self._purchases.preview(order, [buyer])
        if preview.result.code == _LOCKED:
            # Whether a key is unlocked is known where it is used.
            self._require_engine(agent.id)
        if preview.fill is None or preview.decimals is None:
            raise _refusal(preview.result)
        return _forecast(buyer, preview.fill, preview.decimals, preview.available_raw)

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for purchases under way, at most so long; return how many were left, for recovery to finish."""
        return await self._running.drain(timeout_seconds)

    async def _whose(self, request: BuyByHandRequest) -> tuple[Agent, Wallet]:
        agent = self._directory.owned(request.agent_id, request.user_id)
        wallet = self._wallet(agent, request.wallet_address)
        if request.signal_id is not None:
            # Before any money moves: a reference that leads nowhere must not be noticed after the swap.
            found = await self._signals.get(request.signal_id, request.user_id)
            if found is None:
                raise SignalNotFoundError
        return agent, wallet

    async def _buy(self, request: BuyByHandRequest, agent: Agent, wallet: Wallet) -> BoughtByHand:
        buyer = Buyer(agent, wallet, request.intent_id or IntentId(new_id()), request.size_sol)
        order = PurchaseOrder(request.token_address, request.token_symbol, request.signal_id, MANUAL)
        (result,) = await self._purchases.execute(order, [buyer])
        position, settled, fill = result.position, result.settled, result.fill
        if position is None:
            if result.code == NotTheEngineError.code and not result.begun:
                raise EngineElsewhereError(agent.id, _sentence(result.reason or ""))
            raise _refusal(result)
        assert settled is not None
        assert fill is not None
        spent = fill.total_in_raw if fill.total_in_raw is not None else fill.in_amount_raw
        return BoughtByHand(
            transaction_id=settled.transaction.id,
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


def _forecast(buyer: Buyer, fill: Fill, decimals: int, available_raw: int) -> PurchaseForecast:
    debit = buy_debit_lamports(fill)
    if buyer.wallet.mode is TradingMode.SIMULATION and debit > available_raw:
        raise TradeRejectedError(
            "INSUFFICIENT_BALANCE",
            f"{plain(sol(available_raw))} SOL do not cover the swap and its fees of {plain(sol(debit))} SOL",
        )
    config = buyer.agent.config
    price = unit_price_sol(fill.in_amount_raw, fill.out_amount_raw, decimals)
    stop_pct = initial_stop_pct(config.stop_loss)
    limit, protocol = config.purchase_limits.max_price_impact, fill.fees.protocol_fee_lamports
    return PurchaseForecast(
        wallet_address=buyer.wallet.address,
        size_sol=sol(fill.in_amount_raw),
        amount=from_raw(fill.out_amount_raw, decimals),
        price_sol=price,
        price_impact_pct=CONTEXT.abs(fill.price_impact_ratio) * 100,
        max_price_impact_pct=limit * 100 if limit is not None else None,
        protocol_fee_sol=sol(protocol) if protocol is not None else None,
        network_fee_sol=sol(fill.fees.network_fee_lamports),
        rent_sol=sol(fill.fees.rent_lamports),
        total_sol=sol(debit),
        balance_after_sol=sol(available_raw - debit),
        stop_loss_pct=stop_pct,
        stop_price_sol=stop_price(price, stop_pct) if stop_pct is not None else None,
    )


_LOCKED = "WALLET_LOCKED"
_UNAVAILABLE: dict[str, Callable[[str], NexgentError]] = {
    SwapUnavailableError.code: SwapUnavailableError,
    TokenUnavailableError.code: TokenUnavailableError,
    QuoteFailedError.code: QuoteFailedError,
    OrderNotBuiltError.code: OrderNotBuiltError,
    NotTheEngineError.code: NotTheEngineError,
    SwapHeldBackError.code: SwapHeldBackError,
}


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]


def _refusal(result: PurchaseResult) -> NexgentError:
    """Return a purchase result as the error of its kind: a client tries again after some, not after others."""
    code, reason = result.code or "EXECUTION_FAILED", result.reason or "The trade could not be carried out"
    if code == JournalUnavailableError.code and not result.intended:
        return JournalUnavailableError(UNCERTAIN) if result.begun else JournalUnavailableError()
    if result.in_doubt:
        if code == NotTheEngineError.code:
            return LeftUnfinishedError()
        return SwapLeftError(reason) if code == SwapHeldBackError.code else SwapInDoubtError()
    reason = _sentence(reason)
    kind = _UNAVAILABLE.get(code)
    return kind(reason) if kind is not None else TradeRejectedError(code, reason, **result.details)
