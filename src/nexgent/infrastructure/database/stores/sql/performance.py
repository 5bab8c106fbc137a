"""Compiled by `make sql` from `scripts/statements/performance.py`; changes belong there."""

from __future__ import annotations

from typing import Final

DAILY: Final = """
SELECT agent_balance_snapshots.agent_id, agent_balance_snapshots.wallet_address,
agent_balance_snapshots.snapshot_timestamp AS hour, agent_balance_snapshots.portfolio_balance_sol,
agent_balance_snapshots.sol_balance, agent_balance_snapshots.positions_value_sol,
agent_balance_snapshots.unrealized_pnl_sol FROM agent_balance_snapshots WHERE agent_balance_snapshots.agent_id =
$1::UUID AND agent_balance_snapshots.wallet_address = $2::VARCHAR AND EXTRACT(hour FROM timezone('UTC',
agent_balance_snapshots.snapshot_timestamp)) = 0 ORDER BY agent_balance_snapshots.snapshot_timestamp
"""
"""Arguments: agent_id, wallet."""
DUE: Final = """
SELECT agent_wallets.agent_id, agent_wallets.wallet_address, agent_wallets.created_at, newest.last_hour FROM
agent_wallets LEFT OUTER JOIN LATERAL (SELECT max(agent_balance_snapshots.snapshot_timestamp) AS last_hour FROM
agent_balance_snapshots WHERE agent_balance_snapshots.agent_id = agent_wallets.agent_id AND
agent_balance_snapshots.wallet_address = agent_wallets.wallet_address) AS newest ON true ORDER BY
agent_wallets.created_at, agent_wallets.wallet_address
"""
FIRST_DAY: Final = """
SELECT agent_balance_snapshots.agent_id, agent_balance_snapshots.wallet_address,
agent_balance_snapshots.snapshot_timestamp AS hour, agent_balance_snapshots.portfolio_balance_sol,
agent_balance_snapshots.sol_balance, agent_balance_snapshots.positions_value_sol,
agent_balance_snapshots.unrealized_pnl_sol FROM agent_balance_snapshots WHERE agent_balance_snapshots.agent_id =
$1::UUID AND agent_balance_snapshots.wallet_address = $2::VARCHAR ORDER BY agent_balance_snapshots.snapshot_timestamp
LIMIT 24
"""
"""Arguments: agent_id, wallet."""
SAVE: Final = """
INSERT INTO agent_balance_snapshots (id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol,
sol_balance, positions_value_sol, unrealized_pnl_sol, updated_at) SELECT anon_1.id, anon_1.agent_id,
anon_1.wallet_address, anon_1.snapshot_timestamp, anon_1.portfolio_balance_sol, anon_1.sol_balance,
anon_1.positions_value_sol, anon_1.unrealized_pnl_sol, CURRENT_TIMESTAMP AS current_timestamp_1 FROM unnest($1::UUID[],
$2::UUID[], $3::TEXT[], $4::TIMESTAMP WITH TIME ZONE[], $5::NUMERIC[], $6::NUMERIC[], $7::NUMERIC[], $8::NUMERIC[]) AS
anon_1(id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol, sol_balance, positions_value_sol,
unrealized_pnl_sol) JOIN agent_wallets ON agent_wallets.wallet_address = anon_1.wallet_address AND
agent_wallets.agent_id = anon_1.agent_id FOR KEY SHARE OF agent_wallets ON CONFLICT (agent_id, wallet_address,
snapshot_timestamp) DO UPDATE SET portfolio_balance_sol = excluded.portfolio_balance_sol, sol_balance =
excluded.sol_balance, positions_value_sol = excluded.positions_value_sol, unrealized_pnl_sol =
excluded.unrealized_pnl_sol, updated_at = excluded.updated_at
"""
"""Arguments: id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol, sol_balance, positions_value_sol, unrealized_pnl_sol."""
SINCE: Final = """
SELECT agent_balance_snapshots.agent_id, agent_balance_snapshots.wallet_address,
agent_balance_snapshots.snapshot_timestamp AS hour, agent_balance_snapshots.portfolio_balance_sol,
agent_balance_snapshots.sol_balance, agent_balance_snapshots.positions_value_sol,
agent_balance_snapshots.unrealized_pnl_sol FROM agent_balance_snapshots WHERE agent_balance_snapshots.agent_id =
$1::UUID AND agent_balance_snapshots.wallet_address = $2::VARCHAR AND agent_balance_snapshots.snapshot_timestamp >=
$3::TIMESTAMP WITH TIME ZONE ORDER BY agent_balance_snapshots.snapshot_timestamp
"""
"""Arguments: agent_id, wallet, since."""
TOTALS: Final = """
SELECT coalesce(sum(closed_trade_totals.trades), 0) AS count, coalesce(sum(closed_trade_totals.wins), 0) AS wins,
coalesce(sum(closed_trade_totals.profit_loss_sol), 0) AS profit_loss_sol,
coalesce(sum(closed_trade_totals.change_percent), 0) AS change_pct FROM closed_trade_totals WHERE
closed_trade_totals.agent_id = $1::UUID AND ($2::VARCHAR IS NULL OR closed_trade_totals.wallet_address = $2::VARCHAR)
"""
"""Arguments: agent_id, wallet."""
TOTALS_SINCE: Final = """
SELECT count(*) AS count, count(*) FILTER (WHERE agent_historical_swaps.profit_loss_sol > 0) AS wins,
coalesce(sum(agent_historical_swaps.profit_loss_sol), 0) AS profit_loss_sol,
coalesce(sum(agent_historical_swaps.change_percent), 0) AS change_pct FROM agent_historical_swaps WHERE
agent_historical_swaps.agent_id = $1::UUID AND ($2::VARCHAR IS NULL OR agent_historical_swaps.wallet_address =
$2::VARCHAR) AND agent_historical_swaps.sale_time >= $3::TIMESTAMP WITH TIME ZONE
"""
"""Arguments: agent_id, wallet, since."""
