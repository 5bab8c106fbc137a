"""What is written when the chain knows more than the ledger. Pure: a state and a fact in, bodies and postings out.

A fact is a transaction of the chain, or what is left of a difference when no transaction explains it. Each is turned into
entries that follow the state, so that several are written one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.ledger.models import (
    Account,
    EntryBody,
    Intent,
    Posting,
    Recorded,
    TradeIntended,
    TradeKind,
    TradeSettled,
    TradeSubmitted,
)
from nexgent.domain.ledger.postings import SOL, Token
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.reconciliation.models import ExpiredSwap, Finding, Movement
from nexgent.domain.trading.models import Fees, Fill
from nexgent.domain.trading.orders.order_settlement import settle_position_order
from nexgent.domain.trading.orders.purchases import LATE
from nexgent.domain.trading.rules.stop_loss import initial_stop_pct
from nexgent.domain.trading.settlement import (
    Settlement,
    SettlementContext,
    settle_moved,
    settle_purchase,
    settle_sale,
)
from nexgent.domain.trading.swap_postings import burn_postings
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.ids import derived_id, late_intent_id, position_intent_id
from nexgent.shared.money import (
    CONTEXT,
    SOL_MINT,
    SOL_SYMBOL,
    from_raw,
    sol,
    unit_price_sol,
)
from nexgent.shared.types import IntentId, TokenAddress, TransactionId

Line = tuple[EntryBody, tuple[Posting, ...]]
"""One entry to be: its body and its postings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Entries that are written together."""

    lines: tuple[Line, ...]

    @property
    def settled(self) -> TradeSettled | None:
        """Return what they made of a position."""
        return next((body for body, _ in self.lines if isinstance(body, TradeSettled)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What is known beside the chain: the time, and USD per SOL for display."""

    now: datetime
    sol_usd: Decimal | None

    def context(self, symbol: str, decimals: int) -> SettlementContext:
        """Return the same for settling trades of a token."""
        return SettlementContext(
            now=self.now, sol_usd=self.sol_usd, token_symbol=symbol, token_decimals=decimals
        )

    def usd(self, lamports: int) -> Decimal:
        """Return what an amount of SOL is worth, 0 when nobody knows."""
        return CONTEXT.multiply(sol(lamports), self.sol_usd) if self.sol_usd is not None else Decimal(0)


def book_difference(state: WalletState, finding: Finding, prices: Prices) -> list[Booking]:
    """Book a difference no transaction explains. One place in the stream, one booking: repeating it cannot make a second."""
    amount = finding.difference_raw
    name = ("difference", state.wallet_address, state.seq + 1, finding.mint)
    if finding.mint == SOL_MINT:
        return [Booking(lines=(sol_line(state, amount, name, prices),))]
    return moved_tokens(state, finding.mint, -amount, name, prices)


def book_movement(state: WalletState, movement: Movement, prices: Prices) -> list[Booking]:
    """Book a transaction somebody made with the wallet elsewhere.

    Tokens for SOL close or reduce the position they belong to, with what they brought. SOL for tokens is a swap; what was
    bought waits as an orphan. Everything else is money that came or went. Tokens that came in belong to nobody yet.
    """
    prices = replace(prices, now=movement.at or prices.now)
    lamports = movement.change(SOL_MINT)
    tokens = {mint: change for mint, change in movement.changes.items() if mint != SOL_MINT and change}
    gone = {m: -c for m, c in tokens.items() if c < 0 and state.balance_raw(m) >= -c}
    came = {m: c for m, c in tokens.items() if c > 0}
    name = ("chain", state.wallet_address, movement.signature)
    if len(gone) == 1 and not came and _received(movement) > 0:
        ((mint, amount),) = gone.items()
        return [_sale_elsewhere(state, mint, amount, movement, prices)]
    bookings: list[Booking] = []
    if lamports:
        line = sol_line(state, lamports, name, prices, movement)
        bookings.append(Booking(lines=(line,)))
    for mint, amount in gone.items():
        bookings += moved_tokens(state, mint, amount, (*name, mint), prices)
    return bookings


def book_purchase_elsewhere(
    state: WalletState, movement: Movement, token: Balance, prices: Prices
) -> Booking | None:
    """Book SOL that was swapped for one token elsewhere, None when the transaction is something else.

    `token` names the token; the amount is the movement's.
    """
    came = {m: c for m, c in movement.changes.items() if m != SOL_MINT and c}
    if movement.change(SOL_MINT) >= 0 or list(came) != [token.mint] or came[token.mint] <= 0:
        return None
    fees = movement.network_fee_lamports + max(movement.rent_lamports, 0)
    paid, bought = -movement.change(SOL_MINT) - fees, came[token.mint]
    if paid <= 0 or -movement.change(SOL_MINT) > state.available_raw(SOL_MINT):
        return None
    price = unit_price_sol(paid, bought, token.decimals)
    record = TransactionRecord(
        id=TransactionId(derived_id("chain", state.wallet_address, movement.signature)),
        agent_id=state.agent_id,
        wallet_address=state.wallet_address,
        type=TransactionType.SWAP,
        value_usd=prices.usd(paid),
        time=movement.at or prices.now,
        input_mint=SOL_MINT,
        input_symbol=SOL_SYMBOL,
        input_amount=sol(paid),
        input_price=Decimal(1),
        output_mint=token.mint,
        output_symbol=token.symbol,
        output_amount=from_raw(bought, token.decimals),
        output_price=price,
        transaction_hash=movement.signature,
        network_fee_sol=sol(fees),
    )
    postings = [
        SOL.posting(Account.WALLET, movement.change(SOL_MINT)),
        SOL.posting(Account.MARKET, paid),
        SOL.posting(Account.NETWORK_FEE, movement.network_fee_lamports),
        SOL.posting(Account.RENT, max(movement.rent_lamports, 0)),
        *token.token.moved(bought, Account.MARKET),
    ]
    return Booking(lines=((Recorded(record), tuple(p for p in postings if p.amount_raw)),))


def sol_line(
    state: WalletState,
    lamports: int,
    name: Sequence[object],
    prices: Prices,
    movement: Movement | None = None,
) -> tuple[Recorded, tuple[Posting, ...]]:
    """Return the entry for SOL that came in or went out; the books call what went out a BURN, as they do for tokens."""
    came = lamports > 0
    amount = sol(abs(lamports))
    record = TransactionRecord(
        id=TransactionId(derived_id(*name)),
        agent_id=state.agent_id,
        wallet_address=state.wallet_address,
        type=TransactionType.DEPOSIT if came else TransactionType.BURN,
        value_usd=prices.usd(abs(lamports)),
        time=prices.now,
        input_mint=SOL_MINT,
        input_symbol=SOL_SYMBOL,
        input_amount=amount,
        input_price=prices.sol_usd,
        destination_address=state.wallet_address if came else None,
        transaction_hash=movement.signature if movement is not None else None,
    )
    # What a transaction cost is told apart from what it moved.
    fee = movement.network_fee_lamports if movement is not None and not came else 0
    fee = min(fee, abs(lamports))
    postings = [
        SOL.posting(Account.WALLET, lamports),
        SOL.posting(Account.EXTERNAL, -lamports - fee),
        SOL.posting(Account.NETWORK_FEE, fee),
    ]
    return Recorded(record), tuple(posting for posting in postings if posting.amount_raw)


def moved_tokens(
    state: WalletState, mint: TokenAddress, amount_raw: int, name: Sequence[object], prices: Prices
) -> list[Booking]:
    """Book tokens that left: those no position accounts for first, then the position's."""
    balance = state.balances[mint]
    position = state.position_of(mint)
    free = max(balance.amount_raw - (position.quantity_raw if position is not None else 0), 0)
    from_free = min(amount_raw, free)
    bookings: list[Booking] = []
    if from_free:
        record = TransactionRecord(
            id=TransactionId(derived_id(*name, "tokens")),
            agent_id=state.agent_id,
            wallet_address=state.wallet_address,
            type=TransactionType.BURN,
            value_usd=Decimal(0),
            time=prices.now,
            input_mint=mint,
            input_symbol=balance.symbol,
            input_amount=from_raw(from_free, balance.decimals),
            input_price=Decimal(0),
        )
        postings = burn_postings(balance.token, from_free)
        bookings.append(Booking(lines=((Recorded(record), postings),)))
    if position is not None and amount_raw > from_free:
        moved = amount_raw - from_free
        intent, intended = _operation(position, TradeKind.EXTERNAL, CloseReason.EXTERNAL.value, moved, prices)
        settlement = settle_moved(intent, _context(position, prices), intended, moved)
        bookings.append(_traded(intent, intended, settlement))
    return bookings


def book_late(
    state: WalletState,
    swap: ExpiredSwap,
    fill: Fill,
    token: Balance,
    config: TradingConfig,
    prices: Prices,
) -> Booking | None:
    """Book a swap of ours that was called expired and had landed, as it would have been booked then.

    Its intent is a new one, derived from the first: that one has ended. None when the position it sold from is gone: then its
    money is booked as what the transaction moved.
    """
    old = swap.intent
    context = prices.context(token.symbol, token.decimals)
    position = state.position_of(old.token_address)
    if old.kind in (TradeKind.PURCHASE, TradeKind.DCA_BUY) and position is None:
        intent = replace(
            old,
            id=late_intent_id(old.id),
            kind=TradeKind.PURCHASE,
            reserved_raw=0,
            cause=LATE,
            position_id=None,
            created_at=prices.now,
        )
        stop_pct = initial_stop_pct(config.stop_loss)
        settlement = settle_purchase(intent, fill, context, stop_loss_pct=stop_pct)
        return _traded(intent, None, settlement, swap)
    if position is None or (old.position_id not in (None, position.id)):
        return None
    # A purchase of a token that was bought again meanwhile adds to what there is.
    kind = TradeKind.DCA_BUY if old.kind is TradeKind.PURCHASE else old.kind
    operated = replace(position, version=position.version + 1, operations=position.operations + 1)
    intent = replace(
        old,
        id=late_intent_id(old.id),
        kind=kind,
        reserved_raw=0,
        position_id=position.id,
        generation=position.operations,
        created_at=prices.now,
        evidence=None,
    )
    settlement = settle_position_order(intent, fill, context, operated, operated.base_trail, config)
    return _traded(intent, operated, settlement, swap)


def book_adoption(
    state: WalletState,
    finding: Finding,
    cost_lamports: int,
    config: TradingConfig,
    prices: Prices,
    *,
    symbol: str | None = None,
) -> Booking:
    """Make an orphan a position that cost so much. What the ledger did not have of it comes in with it."""
    amount = finding.orphaned_raw
    if symbol:
        finding = replace(finding, symbol=symbol)
    intent = Intent(
        id=IntentId(derived_id("adopted", state.wallet_address, state.seq + 1, finding.mint)),
        kind=TradeKind.ADOPTION,
        agent_id=state.agent_id,
        wallet_address=state.wallet_address,
        token_address=finding.mint,
        token_symbol=finding.symbol,
        input_mint=finding.mint,
        amount_raw=amount,
        reserved_raw=0,
        cause=TradeKind.ADOPTION.value,
        signal_id=None,
        position_id=None,
        generation=0,
        created_at=prices.now,
    )
    fees = Fees(protocol_fee_lamports=None, protocol_fee_bps=0, network_fee_lamports=0, rent_lamports=0)
    fill = replace(_fill(cost_lamports, amount, fees, None), total_in_raw=None)
    price = unit_price_sol(cost_lamports, amount, finding.decimals)
    context = prices.context(finding.symbol, finding.decimals)
    settlement = settle_purchase(intent, fill, context, stop_loss_pct=initial_stop_pct(config.stop_loss))
    record = replace(
        settlement.body.transaction,
        type=TransactionType.DEPOSIT,
        input_mint=finding.mint,
        input_symbol=finding.symbol,
        input_amount=from_raw(amount, finding.decimals),
        input_price=price,
        output_mint=None,
        output_symbol=None,
        output_amount=None,
        output_price=None,
        destination_address=state.wallet_address,
    )
    missing = max(finding.chain_raw - finding.ledger_raw, 0)
    postings = Token(finding.mint, finding.symbol, finding.decimals).moved(missing, Account.EXTERNAL)
    body = replace(settlement.body, transaction=record)
    return Booking(lines=((TradeIntended(intent), ()), (body, postings if missing else ())))


def _sale_elsewhere(
    state: WalletState, mint: TokenAddress, amount_raw: int, movement: Movement, prices: Prices
) -> Booking:
    balance = state.balances[mint]
    fees = Fees(
        protocol_fee_lamports=None,
        protocol_fee_bps=0,
        network_fee_lamports=movement.network_fee_lamports,
        rent_lamports=movement.rent_lamports,
    )
    received = _received(movement)
    fill = replace(_fill(amount_raw, received, fees, movement.signature), total_in_raw=amount_raw)
    position = state.position_of(mint)
    if position is not None:
        intent, intended = _operation(
            position, TradeKind.EXTERNAL, CloseReason.EXTERNAL.value, amount_raw, prices
        )
        settlement = settle_sale(
            intent, fill, _context(position, prices), intended, reason=CloseReason.EXTERNAL
        )
        return _traded(intent, intended, settlement)
    record = TransactionRecord(
        id=TransactionId(derived_id("chain", state.wallet_address, movement.signature)),
        agent_id=state.agent_id,
        wallet_address=state.wallet_address,
        type=TransactionType.SWAP,
        value_usd=prices.usd(received),
        time=prices.now,
        input_mint=mint,
        input_symbol=balance.symbol,
        input_amount=from_raw(amount_raw, balance.decimals),
        input_price=unit_price_sol(received, amount_raw, balance.decimals),
        output_mint=SOL_MINT,
        output_symbol=SOL_SYMBOL,
        output_amount=sol(received),
        output_price=Decimal(1),
        transaction_hash=movement.signature,
        network_fee_sol=sol(fees.network_and_rent_lamports),
    )
    postings = [
        *balance.token.moved(-amount_raw, Account.MARKET),
        SOL.posting(Account.WALLET, movement.change(SOL_MINT)),
        SOL.posting(Account.MARKET, -received),
        SOL.posting(Account.NETWORK_FEE, fees.network_fee_lamports),
        SOL.posting(Account.RENT, fees.rent_lamports),
    ]
    return Booking(lines=((Recorded(record), tuple(p for p in postings if p.amount_raw)),))


def _received(movement: Movement) -> int:
    """Return the SOL a transaction brought in exchange: neither its fee nor deposits paid or given back belong to that."""
    return movement.change(SOL_MINT) + movement.network_fee_lamports + movement.rent_lamports


def _fill(in_raw: int, out_raw: int, fees: Fees, signature: str | None) -> Fill:
    return Fill(
        in_amount_raw=in_raw,
        out_amount_raw=out_raw,
        total_in_raw=in_raw,
        total_out_raw=out_raw,
        fees=fees,
        price_impact_ratio=Decimal(0),
        slippage_bps=0,
        swap_usd_value=None,
        routes_json=None,
        payload_json='{"source":"chain"}',
        signature=signature,
    )


def _operation(
    position: Position, kind: TradeKind, cause: str, amount_raw: int, prices: Prices
) -> tuple[Intent, Position]:
    """Return the intent of an operation that has happened already, and the position as it leaves it."""
    intent = Intent(
        id=IntentId(position_intent_id(position.id, cause, position.operations)),
        kind=kind,
        agent_id=position.agent_id,
        wallet_address=position.wallet_address,
        token_address=position.token_address,
        token_symbol=position.token_symbol,
        input_mint=position.token_address,
        amount_raw=amount_raw,
        reserved_raw=0,
        cause=cause,
        signal_id=position.signal_id,
        position_id=position.id,
        generation=position.operations,
        created_at=prices.now,
    )
    operated = replace(position, version=position.version + 1, operations=position.operations + 1)
    return intent, operated


def _traded(
    intent: Intent,
    operated: Position | None,
    settlement: Settlement,
    swap: ExpiredSwap | None = None,
) -> Booking:
    lines: list[Line] = [(TradeIntended(intent, operated), ())]
    if swap is not None:
        lines.append((TradeSubmitted(intent.id, swap.submission), ()))
    lines.append((settlement.body, settlement.postings))
    return Booking(lines=tuple(lines))


def _context(position: Position, prices: Prices) -> SettlementContext:
    return prices.context(position.token_symbol, position.decimals)
