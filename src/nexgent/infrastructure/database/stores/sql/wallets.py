"""Compiled by `make sql` from `scripts/statements/wallets.py`; changes belong there."""

from __future__ import annotations

from typing import Final

COUNT: Final = """
SELECT (SELECT count(*) AS count_1 FROM agent_positions WHERE agent_positions.wallet_address = $1::VARCHAR) AS
positions, (SELECT count(*) AS count_2 FROM agent_historical_swaps WHERE agent_historical_swaps.wallet_address =
$1::VARCHAR) AS historical_swaps, (SELECT count(*) AS count_3 FROM agent_balances WHERE agent_balances.wallet_address =
$1::VARCHAR) AS balances, (SELECT count(*) AS count_4 FROM agent_transactions WHERE agent_transactions.wallet_address =
$1::VARCHAR) AS transactions, (SELECT count(*) AS count_5 FROM agent_balance_snapshots WHERE
agent_balance_snapshots.wallet_address = $1::VARCHAR) AS balance_snapshots
"""
"""Arguments: wallet_address."""
DETACH_CLOSED_TRADES: Final = """
UPDATE agent_historical_swaps SET wallet_address=NULL WHERE agent_historical_swaps.wallet_address = $1::VARCHAR
"""
"""Arguments: leaving."""
DETACH_TRANSACTIONS: Final = """
UPDATE agent_transactions SET wallet_address=NULL, updated_at=CURRENT_TIMESTAMP WHERE agent_transactions.wallet_address
= $1::VARCHAR
"""
"""Arguments: leaving."""
LOCK: Final = """
SELECT agent_wallets.wallet_address FROM agent_wallets WHERE agent_wallets.wallet_address = $1::VARCHAR FOR UPDATE
"""
"""Arguments: leaving."""
