"""Statements about switches, resets and what wallets have done."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Function,
    Integer,
    Over,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.selectable import LateralFromClause

from nexgent.infrastructure.database.schema.protections import kill_switches, protection_resets
from nexgent.infrastructure.database.schema.sums import protection_sums
from nexgent.infrastructure.database.schema.tables import (
    agent_historical_swaps,
    agent_wallets,
    journal,
    journal_streams,
    journal_watermark,
    trade_intents,
)
from scripts.statements import (
    adding,
    given,
    given_all,
    number,
    statement,
    word,
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
    _counts(_trade.sale_time),
    exists(
        select(_intent.id).where(
            _intent.transaction_id == _trade.sale_transaction_id, _intent.status == word("settled")
        )
    ),
    ~exists(
        select(_earlier.c.id).where(
            _earlier.c.sale_transaction_id == _trade.sale_transaction_id,
            tuple_(_earlier.c.created_at, _earlier.c.id) < tuple_(_trade.created_at, _trade.id),
        )
    ),
)

# Results of closed trades since the last reset, summed in the order of the sales: those that are summed up already, and the rest.
# OFFSET keeps the rest of each wallet apart, so that it is read behind what is summed up and never out of all trades there are.
_sums = protection_sums.c
_wallet = agent_wallets.c
_never: ColumnElement[Any] = literal_column("'-infinity'::timestamptz")
_wallets = agent_wallets.outerjoin(protection_resets, _reset.agent_id == _wallet.agent_id).outerjoin(
    protection_sums,
    and_(
        _sums.wallet_address == _wallet.wallet_address,
        _sums.agent_id == _wallet.agent_id,
        _sums.reset_at.is_not_distinct_from(_reset.reset_at),
    ),
)


def _in_order(function: Function[Any]) -> Over[Any]:
    return function.over(order_by=(_trade.sale_time, _trade.id))


def _rest(*more: ColumnElement[bool]) -> LateralFromClause:
    """Return the trades of a wallet that are not summed up yet."""
    return (
        select(
            _trade.profit_loss_sol,
            _trade.sale_time,
            _in_order(func.sum(_trade.profit_loss_sol)).label("total"),
            _in_order(func.row_number()).label("number"),
        )
        .where(
            _trade.agent_id == _wallet.agent_id,
            # A form that no index serves: those of the wallet know nothing of the time, and would give all there are.
            _trade.wallet_address.is_not_distinct_from(_wallet.wallet_address),
            _trade.sale_time >= func.coalesce(_sums.before, _never),
            *_traded,
            *more,
        )
        .correlate(agent_wallets, protection_sums, protection_resets)
        .offset(number(0))
        .lateral("rest")
    )


def _with_rest(rest: LateralFromClause) -> Any:
    """Return what a wallet's trades add up to: its columns, from its wallet, its sums and the rest."""
    profit = func.coalesce(func.sum(rest.c.profit_loss_sol), number(0))
    before = func.coalesce(_sums.profit_sol, number(0))
    won = func.max(rest.c.number).filter(rest.c.profit_loss_sol >= number(0))
    return (
        select(
            _wallet.wallet_address,
            (before + profit).label("profit"),
            func.greatest(_sums.peak_profit_sol, before + func.max(rest.c.total), number(0)).label("peak"),
            func.coalesce(
                func.count(rest.c.number) - won,
                func.count(rest.c.number) + func.coalesce(_sums.loss_streak, number(0)),
            ).label("streak"),
            func.coalesce(
                func.max(rest.c.sale_time).filter(rest.c.profit_loss_sol < number(0)), _sums.last_loss_at
            ).label("last_loss_at"),
        )
        .select_from(_wallets.outerjoin(rest, true()))
        .where(_chosen(_wallet.wallet_address))
        .group_by(_wallet.wallet_address, _reset.agent_id, _sums.wallet_address)
    )


_all_of_it = _rest()
RESULTS = statement(
    _with_rest(_all_of_it).add_columns(
        func.coalesce(
            func.sum(_all_of_it.c.profit_loss_sol).filter(
                _all_of_it.c.sale_time >= given(_all_of_it.c.sale_time, "midnight")
            ),
            number(0),
        ).label("today")
    ),
    "midnight",
    "wallets",
)
_before = given(_sums.before, "before")
_old = (
    _with_rest(_rest(_trade.sale_time < _before))
    .add_columns(_wallet.agent_id, _reset.reset_at)
    .subquery("old")
)
_kept = (
    "wallet_address",
    "agent_id",
    "reset_at",
    "before",
    "profit_sol",
    "peak_profit_sol",
    "loss_streak",
    "last_loss_at",
)
_keeping = insert(protection_sums).from_select(
    list(_kept),
    select(
        _old.c.wallet_address,
        _old.c.agent_id,
        _old.c.reset_at,
        _before,
        _old.c.profit,
        _old.c.peak,
        _old.c.streak,
        _old.c.last_loss_at,
    ),
    include_defaults=False,
)
KEEP = statement(
    _keeping.on_conflict_do_update(
        index_elements=[_sums.wallet_address], set_={name: _keeping.excluded[name] for name in _kept[1:]}
    ),
    "before",
    "wallets",
)
# Wallets whose sums end earlier, or are those of another reset. They stay until they are summed up; one that somebody is removing
# at this moment needs no sums, and nobody waits for its end.
BEHIND = statement(
    select(_wallet.wallet_address)
    .select_from(_wallets)
    .where(or_(_sums.before.is_(None), _sums.before < _before))
    .order_by(_wallet.wallet_address)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(of=agent_wallets, key_share=True, read=True, skip_locked=True),
    "before",
    "most",
)
_agents = given_all(_trade.agent_id, "agents")
CLOSES = statement(
    select(_trade.wallet_address, _trade.token_address, func.max(_trade.sale_time).label("closed_at"))
    .select_from(_with_resets)
    .where(
        _trade.sale_time > given(_trade.sale_time, "after"),
        *_traded,
        _chosen(_trade.wallet_address),
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
