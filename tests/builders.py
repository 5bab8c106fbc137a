"""Values of the domain, made in one place: complete and plausible, and as a test wants them where it says so.

`changes` are fields of the value. What happens to a wallet, entry after entry, is `tests/integration/database/story.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.ledger.models import Intent, Submission, TradeKind
from nexgent.domain.notifications.models import Channel, EventKind, Level, Notification, Target, Wishes
from nexgent.domain.performance.models import Snapshot
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.prices.models import PriceObservation, PriceSource, TokenPrice
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.signals.models import DecisionOutcome, Gate, Signal, SignalDecision, SignalDraft
from nexgent.domain.signals.queries import SignalRow
from nexgent.domain.signals.webhooks.models import SignalWebhook
from nexgent.domain.trading.models import Fees, Fill, Quote, QuoteRequest
from nexgent.domain.transactions.queries import ClosedTradeRow
from nexgent.domain.users.models import ApiKey
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import (
    AgentId,
    ClosedTradeId,
    IntentId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    UserId,
    WalletAddress,
)

TOKEN = TokenAddress("6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf")
T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
USER = UserId(new_id())
EXACT = {"positionCalculator": {"randomization": {"enabled": False}}}
"""A section of the configuration: the same size every time."""


def a_config(*sections: Mapping[str, object]) -> TradingConfig:
    """Return a configuration without chance in it, changed by one section after the other."""
    config = update_config(TradingConfig(), EXACT)
    for section in sections:
        config = update_config(config, section)
    return config


def an_agent(config: TradingConfig | None = None, *, user_id: UserId = USER, name: str = "Test") -> Agent:
    """Return an agent that trades on paper."""
    agent_id = AgentId(new_id())
    wallet = Wallet(WalletAddress(f"sim_{agent_id.hex}"), agent_id, TradingMode.SIMULATION, T0, T0)
    return Agent(
        agent_id,
        user_id,
        name,
        TradingMode.SIMULATION,
        True,
        True,
        config or TradingConfig(),
        (wallet,),
        T0,
        T0,
    )


def a_live_agent(config: TradingConfig | None = None, *, name: str = "Live") -> Agent:
    """Return an agent with a live wallet alone. Whose key is loaded, `FakeEngine.keys` says."""
    agent = an_agent(config, name=name)
    wallet = replace(agent.wallets[0], address=WalletAddress(f"live_{agent.id.hex}"), mode=TradingMode.LIVE)
    return replace(agent, trading_mode=TradingMode.LIVE, wallets=(wallet,))


def a_trail(position_id: PositionId | None = None, **changes: Any) -> PositionTrail:
    trail = PositionTrail(
        position_id=position_id or PositionId(new_id()),
        position_version=1,
        peak_price_sol=Decimal("0.002"),
        lowest_price_sol=Decimal("0.0005"),
        stop_loss_pct=Decimal(-32),
        stop_updated_at=T0 + timedelta(seconds=1),
    )
    return replace(trail, **changes)


def a_position(**changes: Any) -> Position:
    """Return a position of 1000 tokens, bought at 0.001 SOL, that nothing has happened to since."""
    position_id = changes.pop("id", None) or PositionId(new_id())
    position = Position.opened(
        trail=a_trail(position_id),
        agent_id=AgentId(new_id()),
        wallet_address=WalletAddress("sim_W"),
        token_address=TokenAddress("MintInMixedCase"),
        token_symbol="TKN",
        decimals=6,
        transaction_id=TransactionId(new_id()),
        signal_id=None,
        entry_price_sol=Decimal("0.001"),
        quantity_raw=1_000_000_000,
        cost_lamports=1_010_000_000,
        at=T0,
    )
    return replace(position, **changes)


def an_intent(**changes: Any) -> Intent:
    """Return a purchase for one SOL."""
    intent = Intent(
        id=IntentId(new_id()),
        kind=TradeKind.PURCHASE,
        agent_id=AgentId(new_id()),
        wallet_address=WalletAddress("sim_W"),
        token_address=TOKEN,
        token_symbol="TKN",
        input_mint=SOL_MINT,
        amount_raw=1_000_000_000,
        reserved_raw=1_000_000_000,
        cause="signal",
        signal_id=None,
        position_id=None,
        generation=0,
        created_at=T0,
    )
    return replace(intent, **changes)


def a_submission(**changes: Any) -> Submission:
    submission = Submission(
        request_id="r",
        signature="s",
        signed_transaction="t",
        last_valid_block_height=1,
        in_amount_raw=1,
        out_amount_raw=1,
    )
    return replace(submission, **changes)


def some_fees(**changes: Any) -> Fees:
    """Return no fees at all."""
    fees = Fees(protocol_fee_lamports=0, protocol_fee_bps=0, network_fee_lamports=0, rent_lamports=0)
    return replace(fees, **changes)


def a_quote(request: QuoteRequest, out_amount_raw: int, **changes: Any) -> Quote:
    """Return an offer without fees or price impact."""
    quote = Quote(
        request=request,
        request_id="1",
        in_amount_raw=request.amount_raw,
        out_amount_raw=out_amount_raw,
        price_impact_ratio=Decimal(0),
        slippage_bps=50,
        fees=some_fees(),
        swap_usd_value=None,
        routes_json=None,
        payload_json="{}",
        transaction=None,
        last_valid_block_height=None,
        received_monotonic=0.0,
    )
    return replace(quote, **changes)


def a_fill(in_amount_raw: int, out_amount_raw: int, **changes: Any) -> Fill:
    """Return what a swap brought that the chain has said nothing of."""
    fill = Fill(
        in_amount_raw=in_amount_raw,
        out_amount_raw=out_amount_raw,
        total_in_raw=None,
        total_out_raw=None,
        fees=some_fees(),
        price_impact_ratio=Decimal(0),
        slippage_bps=50,
        swap_usd_value=None,
        routes_json=None,
        payload_json="{}",
        signature=None,
    )
    return replace(fill, **changes)


def a_price(price_sol: Decimal, at: datetime = T0, token: TokenAddress = TOKEN, **changes: Any) -> TokenPrice:
    return replace(TokenPrice(token, price_sol, None, PriceSource("dexscreener"), at), **changes)


def an_observation(
    price_sol: Decimal | None, at: datetime = T0, token: TokenAddress = TOKEN, **changes: Any
) -> PriceObservation:
    return replace(PriceObservation(token, PriceSource("dexscreener"), price_sol, None, at), **changes)


def a_signal(number: int = 1, **changes: Any) -> Signal:
    signal = Signal(
        id=SignalId(number),
        user_id=USER,
        token_address=TOKEN,
        signal_type="TEST",
        signal_strength=3,
        symbol="EXM",
        activation_reason=None,
        source=None,
        created_at=T0,
        updated_at=T0,
    )
    return replace(signal, **changes)


def a_signal_row(number: int = 1, **changes: Any) -> SignalRow:
    row = SignalRow(
        id=SignalId(number),
        user_id=USER,
        token_address=TOKEN,
        symbol=None,
        signal_type="Breakout",
        activation_reason=None,
        signal_strength=3,
        source=None,
        created_at=T0,
        updated_at=T0,
        processed_at=None,
        process_note=None,
    )
    return replace(row, **changes)


def a_draft(user_id: UserId, token: str = "TokenAAA", strength: int = 3, **changes: Any) -> SignalDraft:
    draft = SignalDraft(
        user_id=user_id,
        token_address=TokenAddress(token),
        signal_type="Breakout",
        signal_strength=strength,
        symbol="TKN",
        activation_reason="because",
        source="test",
    )
    return replace(draft, **changes)


def a_decision(
    signal_id: SignalId, agent_id: AgentId, outcome: DecisionOutcome, **changes: Any
) -> SignalDecision:
    decision = SignalDecision(
        signal_id=signal_id,
        agent_id=agent_id,
        outcome=outcome,
        code="X",
        reason="too little",
        gates=(Gate("minScore", "3", "2", True), Gate("balance", None, "0.5", False)),
        intent_id=None,
        size_sol=Decimal("0.100000001"),
        price_sol=Decimal("1.5E-11"),
        price_source="dexscreener",
        price_age_ms=12,
        latency_ms={"quote": 1.25},
        decided_at=T0,
    )
    return replace(decision, **changes)


def a_webhook(user_id: UserId, **changes: Any) -> SignalWebhook:
    webhook = SignalWebhook(
        id=new_id(),
        user_id=user_id,
        name="TradingView",
        template={"symbol": "{{ticker}}"},
        maps={"signalStrength": {"buy": 3}},
        max_age_seconds=60,
        enabled=True,
        created_at=T0,
        updated_at=T0,
    )
    return replace(webhook, **changes)


def a_kill_switch(user_id: UserId | None = USER, *, engaged: bool = True, **changes: Any) -> KillSwitch:
    """Return a user's switch, or everybody's for None."""
    return replace(KillSwitch(user_id=user_id, engaged=engaged, reason=None, changed_at=T0), **changes)


def an_api_key(*scopes: str, user_id: UserId = USER) -> ApiKey:
    return ApiKey(id=new_id(), user_id=user_id, scopes=frozenset(scopes))


def a_closed_trade_row(agent: Agent, sold_at: datetime = T0, **changes: Any) -> ClosedTradeRow:
    """Return a trade of an hour that an agent's first wallet has made."""
    row = ClosedTradeRow(
        id=ClosedTradeId(new_id()),
        agent_id=agent.id,
        wallet_address=agent.wallets[0].address,
        token_address=TOKEN,
        token_symbol="EXM",
        amount=Decimal("1250.505"),
        purchase_price=Decimal("0.000012345678"),
        sale_price=Decimal("0.00002"),
        change_percent=Decimal("62.0049"),
        profit_loss_usd=Decimal("12.345"),
        profit_loss_sol=Decimal("-0.00005"),
        purchase_time=sold_at - timedelta(hours=1),
        sale_time=sold_at,
        purchase_transaction_id=None,
        sale_transaction_id=None,
        signal_id=None,
        created_at=sold_at,
        close_reason="manual",
    )
    return replace(row, **changes)


def a_snapshot(agent_id: AgentId, wallet: WalletAddress, hour: datetime, **changes: Any) -> Snapshot:
    snapshot = Snapshot(
        agent_id=agent_id,
        wallet_address=wallet,
        hour=hour,
        portfolio_balance_sol=Decimal("12.5"),
        sol_balance=Decimal(10),
        positions_value_sol=Decimal("2.5"),
        unrealized_pnl_sol=Decimal("-0.000000001"),
    )
    return replace(snapshot, **changes)


def a_target(user_id: UserId, **changes: Any) -> Target:
    target = Target(
        id=new_id(),
        user_id=user_id,
        name="Phone",
        channel=Channel.APPRISE,
        shown="ntfy://… (ntfy)",
        wishes=Wishes(),
        enabled=True,
        created_at=T0,
        updated_at=T0,
    )
    return replace(target, **changes)


def a_notification(user_id: UserId, **changes: Any) -> Notification:
    identity = new_id()
    notification = Notification(
        id=identity,
        user_id=user_id,
        key=f"test:{identity}",
        kind=EventKind.POSITION_OPENED,
        level=Level.INFO,
        title="Agent opened BONK",
        text="0.5 SOL at 0.001 SOL a token",
        at=T0,
    )
    return replace(notification, **changes)
