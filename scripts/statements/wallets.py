"""Statements about wallets: given, replaced, counted, removed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ScalarSelect, Table, func, null, select, update

from nexgent.infrastructure.database.schema.tables import (
    agent_balance_snapshots,
    agent_balances,
    agent_historical_swaps,
    agent_positions,
    agent_transactions,
    agent_wallets,
)
from scripts.statements import given, statement


def _count(table: Table) -> ScalarSelect[Any]:
    return (
        select(func.count())
        .select_from(table)
        .where(table.c.wallet_address == given(table.c.wallet_address))
        .scalar_subquery()
    )


COUNT = statement(
    select(
        _count(agent_positions).label("positions"),
        _count(agent_historical_swaps).label("historical_swaps"),
        _count(agent_balances).label("balances"),
        _count(agent_transactions).label("transactions"),
        _count(agent_balance_snapshots).label("balance_snapshots"),
    ),
    "wallet_address",
)
# Before anything of its own: what projects locks wallets first as well.
LOCK = statement(
    select(agent_wallets.c.wallet_address)
    .where(agent_wallets.c.wallet_address == given(agent_wallets.c.wallet_address, "leaving"))
    .with_for_update(),
    "leaving",
)
# Records keep their agent; the address they belong to is leaving.
DETACH_TRANSACTIONS = statement(
    update(agent_transactions)
    .where(agent_transactions.c.wallet_address == given(agent_transactions.c.wallet_address, "leaving"))
    .values(wallet_address=null(), updated_at=func.current_timestamp()),
    "leaving",
)
DETACH_CLOSED_TRADES = statement(
    update(agent_historical_swaps)
    .where(
        agent_historical_swaps.c.wallet_address == given(agent_historical_swaps.c.wallet_address, "leaving")
    )
    .values(wallet_address=null()),
    "leaving",
)
