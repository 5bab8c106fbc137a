"""Statements about switches, resets and what wallets have done."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Function,
    Over,
    and_,
    any_,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from nexgent.infrastructure.database.schema.protections import kill_switches, protection_resets
from nexgent.infrastructure.database.schema.statements import (
    adding,
    given,
    given_all,
    number,
    statement,
    word,
)
from nexgent.infrastructure.database.schema.tables import (
    agent_historical_swaps,
    agent_wallets,
    journal,
    journal_streams,
    journal_watermark,
    trade_intents,
)

_switch = kill_switches.c
_switched = ("engaged", "reason", "changed_at", "changed_by", "flatten")
_switching = adding(kill_switches, "scope", "user_id", *_switched)
SET_SWITCH = statement(
    _switching.on_conflict_do_update(
        index_elements=[_switch.scope],
        set_={
            **{name: _switching.excluded[name] for name in _switched},
            # Only releasing a switch ends that it flattens: another process may engage it again without having heard of that.
            "flatten": or_(
                _switching.excluded.flatten,
                and_(_switching.excluded.engaged, _switch.engaged, _switch.flatten),
            ),
        },
        where=_switch.changed_at <= _switching.excluded.changed_at,
    ),
    "scope",
    "user_id",
    *_switched,
)
SWITCHES = statement(select(_switch.user_id, *(_switch[name] for name in _switched)))

_reset = protection_resets.c
_resetting = adding(protection_resets, "agent_id", "reset_at", "reset_by")
RESET = statement(
    _resetting.on_conflict_do_update(
        index_elements=[_reset.agent_id],
        set_={"reset_at": _resetting.excluded.reset_at, "reset_by": _resetting.excluded.reset_by},
        where=_reset.reset_at < _resetting.excluded.reset_at,
    ),
    "agent_id",
    "reset_at",
    "reset_by",
)
RESETS = statement(select(_reset.agent_id, _reset.reset_at))


def _chosen(wallet: Column[Any]) -> ColumnElement[bool]:
    """Return the condition of some wallets, or of all when none are given."""
    wallets = given_all(wallet, "wallets")
    return or_(wallets.is_(None), wallet == any_(wallets))


def _counts(moment: Column[Any]) -> ColumnElement[bool]:
    """Return the condition of what has happened since the agent's last reset."""
    return or_(_reset.reset_at.is_(None), moment > _reset.reset_at)


_stream = journal_streams.c
WALLETS = statement(
    select(
        agent_wallets.c.wallet_address,
        agent_wallets.c.agent_id,
        func.coalesce(_stream.seq, number(0)).label("seq"),
    )
    .select_from(
        agent_wallets.outerjoin(journal_streams, _stream.wallet_address == agent_wallets.c.wallet_address)
    )
    .where(_chosen(agent_wallets.c.wallet_address)),
    "wallets",
)

_trade = agent_historical_swaps.c
_earlier = agent_historical_swaps.alias("earlier")
_intent = trade_intents.c
_with_resets = agent_historical_swaps.outerjoin(protection_resets, _reset.agent_id == _trade.agent_id)
# Only what the engine has traded counts, and that has an intent: rows that somebody recorded by hand are history, not losses.
# One that names a sale of the engine comes after the engine's own row of that sale, which is written together with the sale.
_traded = (
    _trade.wallet_address.is_not(None),
    _chosen(_trade.wallet_address),
    _counts(_trade.sale_time),
    _trade.sale_transaction_id.in_(select(_intent.transaction_id).where(_intent.status == word("settled"))),
    ~exists(
        select(_earlier.c.id).where(
            _earlier.c.sale_transaction_id == _trade.sale_transaction_id,
            tuple_(_earlier.c.created_at, _earlier.c.id) < tuple_(_trade.created_at, _trade.id),
        )
    ),
)


def _in_order(function: Function[Any]) -> Over[Any]:
    return function.over(partition_by=_trade.wallet_address, order_by=(_trade.sale_time, _trade.id))


# Results of closed trades since the last reset, summed in the order of the sales.
_trades = (
    select(
        _trade.wallet_address,
        _trade.profit_loss_sol,
        _trade.sale_time,
        _in_order(func.sum(_trade.profit_loss_sol)).label("total"),
        _in_order(func.row_number()).label("number"),
    )
    .select_from(_with_resets)
    .where(*_traded)
    .cte("trades")
)
_profit = func.sum(_trades.c.profit_loss_sol)
RESULTS = statement(
    select(
        _trades.c.wallet_address,
        _profit.label("profit"),
        func.greatest(func.max(_trades.c.total), number(0)).label("peak"),
        func.coalesce(
            _profit.filter(_trades.c.sale_time >= given(_trades.c.sale_time, "midnight")), number(0)
        ).label("today"),
        (
            func.count()
            - func.coalesce(
                func.max(_trades.c.number).filter(_trades.c.profit_loss_sol >= number(0)), number(0)
            )
        ).label("streak"),
        func.max(_trades.c.sale_time).filter(_trades.c.profit_loss_sol < number(0)).label("last_loss_at"),
    ).group_by(_trades.c.wallet_address),
    "midnight",
    "wallets",
)
_agents = given_all(_trade.agent_id, "agents")
CLOSES = statement(
    select(_trade.wallet_address, _trade.token_address, func.max(_trade.sale_time).label("closed_at"))
    .select_from(_with_resets)
    .where(
        _trade.sale_time > given(_trade.sale_time, "after"),
        *_traded,
        or_(_agents.is_(None), _trade.agent_id == any_(_agents)),
    )
    .group_by(_trade.wallet_address, _trade.token_address),
    "after",
    "wallets",
    "agents",
)
ENTRIES = statement(
    select(_intent.wallet_address, _intent.id, _intent.created_at)
    .select_from(trade_intents.outerjoin(protection_resets, _reset.agent_id == _intent.agent_id))
    .where(
        _intent.created_at > given(_intent.created_at, "after"),
        _counts(_intent.created_at),
        _intent.kind == any_(given_all(_intent.kind, "kinds")),
        _chosen(_intent.wallet_address),
        _intent.status.not_in([word("failed"), word("expired")]),
    ),
    "after",
    "wallets",
    "kinds",
)
_entry = journal.c
UNPROJECTED = statement(
    select(
        _entry.entry_id,
        _entry.wallet_address,
        _entry.agent_id,
        _entry.seq,
        _entry.at,
        _entry.kind,
        _entry.postings,
        _entry.body,
    )
    .where(
        _entry.id > select(journal_watermark.c.position).scalar_subquery(),
        _chosen(_entry.wallet_address),
    )
    .order_by(_entry.id),
    "wallets",
)
