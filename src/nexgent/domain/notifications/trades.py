"""Lines of the journal to notifications. Pure: whatever happened is told once, however often it is read."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from nexgent.domain.ledger.models import TradeExpired, TradeFailed, TradeKind, TradeSettled
from nexgent.domain.notifications.models import EventKind, Level, Notification
from nexgent.domain.notifications.ports import TradeLine
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.transactions.models import ClosedTrade
from nexgent.shared.ids import derived_id
from nexgent.shared.money import plain

# An exit is tried until it gets through; that it takes long is told as a condition of its own.
_TOLD_FAILURES = {
    TradeKind.PURCHASE: "Buying",
    TradeKind.DCA_BUY: "Averaging down",
    TradeKind.TAKE_PROFIT: "Taking profit of",
}
_REASONS = {
    CloseReason.MANUAL: "by hand",
    CloseReason.STOP_LOSS: "stop loss",
    CloseReason.TAKE_PROFIT: "take profit",
    CloseReason.STALE_TRADE: "stale",
    CloseReason.WRITE_OFF: "written off",
    CloseReason.PANIC: "panic",
    CloseReason.EXTERNAL: "sold elsewhere",
    CloseReason.SIGNAL: "signal",
}
_SHOWN = Decimal("0.0001")
_CENT = Decimal("0.01")


def trade_notification(line: TradeLine) -> Notification | None:
    """Return what is to be told of a line, or None."""
    body = line.entry.body
    match body:
        case TradeSettled(position=None, closed=ClosedTrade() as closed):
            return _closed(line, closed)
        case TradeSettled(position=Position() as position):
            opened = position.purchase_transaction_id == body.transaction.id
            return _opened(line, position) if opened else None
        case TradeFailed(_, code, reason):
            return _failed(line, code, reason)
        case TradeExpired(_, reason):
            return _failed(line, "EXPIRED", reason)
        case _:
            return None


def amount(value: Decimal, *, signed: bool = False) -> str:
    """Return an amount as people read it: four decimals, or more where it is smaller."""
    rounded = value.quantize(_SHOWN) if abs(value) >= _SHOWN or not value else Decimal(f"{value:.2g}")
    text = plain(rounded)
    return f"+{text}" if signed and value > 0 else text


def _opened(line: TradeLine, position: Position) -> Notification:
    invested = position.invested_sol
    return _about(
        line,
        EventKind.POSITION_OPENED,
        Level.INFO,
        title=f"{line.agent_name} opened {position.token_symbol}{_paper(line)}",
        text=f"{amount(invested)} SOL at {amount(position.entry_price_sol)} SOL a token",
        facts={
            "positionId": str(position.id),
            "tokenAddress": position.token_address,
            "tokenSymbol": position.token_symbol,
            "investedSol": plain(invested),
            "entryPriceSol": plain(position.entry_price_sol),
            "quantity": plain(position.quantity),
            **({"signalId": str(position.signal_id)} if position.signal_id is not None else {}),
        },
    )


def _closed(line: TradeLine, closed: ClosedTrade) -> Notification:
    profit, change = closed.profit_loss_sol, closed.change_percent
    reason = closed.close_reason
    return _about(
        line,
        EventKind.POSITION_CLOSED,
        Level.INFO,
        title=f"{line.agent_name} closed {closed.token_symbol} {amount(profit, signed=True)} SOL{_paper(line)}",
        text=f"{change.quantize(_CENT):+f} %, {closed.profit_loss_usd.quantize(_CENT):+f} USD"
        f"{f' ({_REASONS[reason]})' if reason is not None else ''}, held {_span(closed.purchase_time, closed.sale_time)}",
        facts={
            "positionId": str(closed.position_id),
            "tokenAddress": closed.token_address,
            "tokenSymbol": closed.token_symbol,
            "profitLossSol": plain(profit),
            "profitLossUsd": plain(closed.profit_loss_usd),
            "changePercent": plain(change),
            "purchasePriceSol": plain(closed.purchase_price),
            "salePriceSol": plain(closed.sale_price),
            **({"reason": reason.value} if reason is not None else {}),
        },
    )


def _failed(line: TradeLine, code: str, reason: str) -> Notification | None:
    intent = line.intent
    if intent is None or intent.kind not in _TOLD_FAILURES:
        return None
    return _about(
        line,
        EventKind.TRADE_FAILED,
        Level.WARNING,
        title=f"{line.agent_name}: {_TOLD_FAILURES[intent.kind]} {intent.token_symbol} failed{_paper(line)}",
        text=f"{reason} ({code})" if reason else code,
        facts={
            "tradeKind": intent.kind.value,
            "code": code,
            "tokenAddress": intent.token_address,
            "tokenSymbol": intent.token_symbol,
            "cause": intent.cause,
            **({"positionId": str(intent.position_id)} if intent.position_id is not None else {}),
            **({"signalId": str(intent.signal_id)} if intent.signal_id is not None else {}),
        },
    )


def _about(
    line: TradeLine, kind: EventKind, level: Level, *, title: str, text: str, facts: dict[str, str]
) -> Notification:
    entry = line.entry
    return Notification(
        id=derived_id("notification", entry.id),
        user_id=line.user_id,
        key=f"entry:{entry.id}",
        kind=kind,
        level=level,
        title=_one_line(title),
        text=_one_line(text),
        at=entry.at,
        agent_id=entry.agent_id,
        facts={
            "walletAddress": entry.wallet_address,
            "tradingMode": "live" if line.live else "simulation",
            **facts,
        },
    )


def _one_line(text: str) -> str:
    # Symbols and names of tokens are whatever somebody has written.
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _paper(line: TradeLine) -> str:
    return "" if line.live else " (paper)"


def _span(start: datetime, end: datetime) -> str:
    seconds = max(0, int((end - start).total_seconds()))
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:d} {word}"
    return f"{seconds} s"
