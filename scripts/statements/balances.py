"""Statements about balances that are zero."""

from __future__ import annotations

from sqlalchemy import select

from nexgent.infrastructure.database.schema.tables import agent_balances
from scripts.statements import given, number, statement

_balance = agent_balances.c
_empty = select(
    _balance.agent_id,
    _balance.wallet_address,
    _balance.token_address,
    _balance.token_symbol,
    _balance.decimals,
    _balance.last_updated,
).where(_balance.balance_raw == number(0))

FIND = statement(_empty.where(_balance.id == given(_balance.id)), "id")
