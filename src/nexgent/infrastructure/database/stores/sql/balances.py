"""Compiled by `make sql` from `scripts/statements/balances.py`; changes belong there."""

from __future__ import annotations

from typing import Final

FIND: Final = """
SELECT agent_balances.agent_id, agent_balances.wallet_address, agent_balances.token_address,
agent_balances.token_symbol, agent_balances.decimals, agent_balances.last_updated FROM agent_balances WHERE
agent_balances.balance_raw = 0 AND agent_balances.id = $1::UUID
"""
"""Arguments: id."""
