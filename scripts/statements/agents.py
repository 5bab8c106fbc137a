"""Statements about agents and the wallets they have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from nexgent.infrastructure.database.schema.config_history import agent_config_history
from nexgent.infrastructure.database.schema.tables import (
    agent_historical_swaps,
    agent_positions,
    agent_transactions,
    agent_wallets,
    agents,
    position_marks,
)
from scripts.statements import (
    Listing,
    adding,
    adding_rows,
    given,
    number,
    statement,
)

_agent = agents.c
_wallet = agent_wallets.c
_new = (
    "id",
    "user_id",
    "name",
    "trading_mode",
    "created_at",
    "updated_at",
    "automated_trading_simulation",
    "automated_trading_live",
)
_new_wallet = ("wallet_address", "agent_id", "wallet_type", "created_at", "updated_at")


def _agents(*conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            _agent.id,
            _agent.user_id,
            _agent.name,
            _agent.trading_mode,
            cast(_agent.trading_config, Text).label("trading_config"),
            _agent.automated_trading_simulation,
            _agent.automated_trading_live,
            _agent.created_at,
            _agent.updated_at,
            _wallet.wallet_address,
            _wallet.wallet_type,
            _wallet.created_at.label("wallet_created_at"),
            _wallet.updated_at.label("wallet_updated_at"),
        )
        .select_from(agents.outerjoin(agent_wallets, _wallet.agent_id == _agent.id))
        .where(*conditions)
        .order_by(_agent.created_at, _agent.id, _wallet.created_at, _wallet.wallet_address)
    )


LIST_ALL = statement(_agents(_agent.deleted_at.is_(None)))
LIST_DELETED = statement(_agents(_agent.deleted_at.is_not(None)))
GET = statement(_agents(_agent.id == given(_agent.id), _agent.deleted_at.is_(None)), "id")
ADD = statement(adding(agents, *_new), *_new)
ADD_WALLETS = statement(adding_rows(agent_wallets, *_new_wallet), *_new_wallet)
ADD_WALLET = statement(adding(agent_wallets, *_new_wallet), *_new_wallet)

# Where the stored configuration is broken and stays so, toggles that are off in memory only because of that do not reach the
# table.
_keeps_broken = bindparam("keeps_broken", type_=Boolean)
SAVE = statement(
    update(agents)
    .where(_agent.id == given(_agent.id), _agent.deleted_at.is_(None))
    .values(
        name=given(_agent.name),
        trading_mode=given(_agent.trading_mode),
        updated_at=given(_agent.updated_at),
        automated_trading_simulation=or_(
            given(_agent.automated_trading_simulation),
            and_(_keeps_broken, _agent.automated_trading_simulation),
        ),
        automated_trading_live=or_(
            given(_agent.automated_trading_live), and_(_keeps_broken, _agent.automated_trading_live)
        ),
        trading_config=case(
            (bindparam("sets_config", type_=Boolean), given(_agent.trading_config)),
            else_=_agent.trading_config,
        ),
    ),
    "id",
    "name",
    "trading_mode",
    "updated_at",
    "automated_trading_simulation",
    "automated_trading_live",
    "sets_config",
    "keeps_broken",
    "trading_config",
)

_version = agent_config_history.c
_new_version = ("agent_id", "saved_at", "saved_by", "config")
_present_version = (
    select(_version.config)
    .where(_version.agent_id == given(_version.agent_id))
    .order_by(_version.id.desc())
    .limit(number(1))
    .subquery("present")
)
# A configuration that is the same as before is no version of its own. The agent's row is locked by SAVE, so two that save at
# once come one after the other.
ADD_VERSION = statement(
    insert(agent_config_history).from_select(
        list(_new_version),
        select(*(given(_version[name]) for name in _new_version)).where(
            ~exists(
                select(_present_version.c.config).where(
                    _present_version.c.config.is_not_distinct_from(given(_version.config))
                )
            )
        ),
        include_defaults=False,
    ),
    *_new_version,
)
_last_version = (
    select(_version.id)
    .where(_version.agent_id == given(_version.agent_id))
    .order_by(_version.id.desc())
    .offset(bindparam("most", type_=Integer))
    .limit(number(1))
)
CUT_VERSIONS = statement(
    delete(agent_config_history).where(
        _version.agent_id == given(_version.agent_id), _version.id <= _last_version.scalar_subquery()
    ),
    "agent_id",
    "most",
)
VERSIONS = Listing(
    select(_version.id, _version.saved_at, _version.saved_by, cast(_version.config, Text).label("config")),
    (
        _version.agent_id == given(_version.agent_id),
        _version.id < given(_version.id, "after_id"),
    ),
    (_version.id.desc(),),
)

_of_agent = select(_wallet.wallet_address).where(_wallet.agent_id == given(_wallet.agent_id))
DELETE_TRAILS = statement(
    delete(position_marks).where(
        position_marks.c.position_id.in_(
            select(agent_positions.c.id).where(
                agent_positions.c.agent_id == given(agent_positions.c.agent_id)
            )
        )
    ),
    "agent_id",
)
# Records stay with the agent, and with it for its owner; the addresses they name are free for others.
DETACH_TRANSACTIONS = statement(
    update(agent_transactions)
    .where(agent_transactions.c.wallet_address.in_(_of_agent))
    .values(wallet_address=null(), updated_at=func.current_timestamp()),
    "agent_id",
)
DETACH_CLOSED_TRADES = statement(
    update(agent_historical_swaps)
    .where(agent_historical_swaps.c.wallet_address.in_(_of_agent))
    .values(wallet_address=null()),
    "agent_id",
)
# Before anything of theirs: what projects locks wallets first as well, so neither waits for the other in a circle.
LOCK_WALLETS = statement(
    select(_wallet.wallet_address)
    .where(_wallet.agent_id == given(_wallet.agent_id))
    .order_by(_wallet.wallet_address)
    .with_for_update(),
    "agent_id",
)
DELETE_WALLETS = statement(
    delete(agent_wallets).where(_wallet.agent_id == given(_wallet.agent_id)), "agent_id"
)
DELETE = statement(
    update(agents)
    .where(_agent.id == given(_agent.id, "agent_id"), _agent.deleted_at.is_(None))
    .values(
        deleted_at=func.current_timestamp(),
        updated_at=func.current_timestamp(),
        automated_trading_simulation=false(),
        automated_trading_live=false(),
    ),
    "agent_id",
)
DELETE_WALLET = statement(
    delete(agent_wallets).where(_wallet.wallet_address == given(_wallet.wallet_address)), "wallet_address"
)
