"""Statements about closed trades in sum, and about hourly snapshots."""

from __future__ import annotations

from sqlalchemy import extract, func, or_, select, true
from sqlalchemy.dialects.postgresql import insert

from nexgent.infrastructure.database.schema.sums import closed_trade_totals
from nexgent.infrastructure.database.schema.tables import (
    agent_balance_snapshots,
    agent_historical_swaps,
    agent_wallets,
)
from scripts.statements import given, number, rows_of, statement, word

_trade = agent_historical_swaps.c
_total = closed_trade_totals.c
_wallet, _since = given(_trade.wallet_address, "wallet"), given(_trade.sale_time, "since")
TOTALS = statement(
    select(
        func.coalesce(func.sum(_total.trades), number(0)).label("count"),
        func.coalesce(func.sum(_total.wins), number(0)).label("wins"),
        func.coalesce(func.sum(_total.profit_loss_sol), number(0)).label("profit_loss_sol"),
        func.coalesce(func.sum(_total.change_percent), number(0)).label("change_pct"),
    ).where(
        _total.agent_id == given(_total.agent_id),
        or_(_wallet.is_(None), _total.wallet_address == _wallet),
    ),
    "agent_id",
    "wallet",
)
TOTALS_SINCE = statement(
    select(
        func.count().label("count"),
        func.count().filter(_trade.profit_loss_sol > number(0)).label("wins"),
        func.coalesce(func.sum(_trade.profit_loss_sol), number(0)).label("profit_loss_sol"),
        func.coalesce(func.sum(_trade.change_percent), number(0)).label("change_pct"),
    ).where(
        _trade.agent_id == given(_trade.agent_id),
        or_(_wallet.is_(None), _trade.wallet_address == _wallet),
        _trade.sale_time >= _since,
    ),
    "agent_id",
    "wallet",
    "since",
)

_snapshot = agent_balance_snapshots.c
_hour = _snapshot.snapshot_timestamp
_of_wallet = (
    select(
        _snapshot.agent_id,
        _snapshot.wallet_address,
        _hour.label("hour"),
        _snapshot.portfolio_balance_sol,
        _snapshot.sol_balance,
        _snapshot.positions_value_sol,
        _snapshot.unrealized_pnl_sol,
    )
    .where(
        _snapshot.agent_id == given(_snapshot.agent_id),
        _snapshot.wallet_address == given(_snapshot.wallet_address, "wallet"),
    )
    .order_by(_hour)
)
SINCE = statement(_of_wallet.where(_hour >= given(_hour, "since")), "agent_id", "wallet", "since")
# Midnight is UTC's, whatever the session thinks.
DAILY = statement(
    _of_wallet.where(extract("hour", func.timezone(word("UTC"), _hour)) == number(0)), "agent_id", "wallet"
)
FIRST_DAY = statement(_of_wallet.limit(number(24)), "agent_id", "wallet")

_newest = (
    select(func.max(_hour).label("last_hour"))
    .where(
        _snapshot.agent_id == agent_wallets.c.agent_id,
        _snapshot.wallet_address == agent_wallets.c.wallet_address,
    )
    .lateral("newest")
)
DUE = statement(
    select(
        agent_wallets.c.agent_id,
        agent_wallets.c.wallet_address,
        agent_wallets.c.created_at,
        _newest.c.last_hour,
    )
    .select_from(agent_wallets.outerjoin(_newest, true()))
    .order_by(agent_wallets.c.created_at, agent_wallets.c.wallet_address)
)

_figures = ("portfolio_balance_sol", "sol_balance", "positions_value_sol", "unrealized_pnl_sol")
_columns = ("id", "agent_id", "wallet_address", "snapshot_timestamp", *_figures)
_given = rows_of(agent_balance_snapshots, *_columns)
# A wallet that was removed meanwhile needs no snapshot; locked, or it could go between being seen and being referred to.
_saving = insert(agent_balance_snapshots).from_select(
    [*_columns, "updated_at"],
    select(*(_given.c[name] for name in _columns), func.current_timestamp())
    .select_from(
        _given.join(
            agent_wallets,
            (agent_wallets.c.wallet_address == _given.c.wallet_address)
            & (agent_wallets.c.agent_id == _given.c.agent_id),
        )
    )
    .with_for_update(of=agent_wallets, key_share=True, read=True),
    include_defaults=False,
)
SAVE = statement(
    _saving.on_conflict_do_update(
        index_elements=[_snapshot.agent_id, _snapshot.wallet_address, _hour],
        set_={name: _saving.excluded[name] for name in (*_figures, "updated_at")},
    ),
    *_columns,
)
