"""Compiled by `make sql` from `scripts/statements/protections.py`; changes belong there."""

from __future__ import annotations

from typing import Final

BEHIND: Final = """
SELECT agent_wallets.wallet_address FROM agent_wallets LEFT OUTER JOIN protection_resets ON protection_resets.agent_id =
agent_wallets.agent_id LEFT OUTER JOIN protection_sums ON protection_sums.wallet_address = agent_wallets.wallet_address
AND protection_sums.agent_id = agent_wallets.agent_id AND protection_sums.reset_at IS NOT DISTINCT FROM
protection_resets.reset_at WHERE protection_sums.before IS NULL OR protection_sums.before < $1::TIMESTAMP WITH TIME ZONE
ORDER BY agent_wallets.wallet_address LIMIT $2::INTEGER FOR KEY SHARE OF agent_wallets SKIP LOCKED
"""
"""Arguments: before, most."""
CLOSES: Final = """
SELECT agent_historical_swaps.wallet_address, agent_historical_swaps.token_address,
max(agent_historical_swaps.sale_time) AS closed_at FROM agent_historical_swaps LEFT OUTER JOIN protection_resets ON
protection_resets.agent_id = agent_historical_swaps.agent_id WHERE agent_historical_swaps.sale_time > $1::TIMESTAMP WITH
TIME ZONE AND agent_historical_swaps.wallet_address IS NOT NULL AND (protection_resets.reset_at IS NULL OR
agent_historical_swaps.sale_time > protection_resets.reset_at) AND (EXISTS (SELECT trade_intents.id FROM trade_intents
WHERE trade_intents.transaction_id = agent_historical_swaps.sale_transaction_id AND trade_intents.status = 'settled'))
AND NOT (EXISTS (SELECT earlier.id FROM agent_historical_swaps AS earlier WHERE earlier.sale_transaction_id =
agent_historical_swaps.sale_transaction_id AND (earlier.created_at, earlier.id) < (agent_historical_swaps.created_at,
agent_historical_swaps.id))) AND ($2::TEXT[] IS NULL OR agent_historical_swaps.wallet_address = ANY ($2::TEXT[])) AND
($3::UUID[] IS NULL OR agent_historical_swaps.agent_id = ANY ($3::UUID[])) GROUP BY
agent_historical_swaps.wallet_address, agent_historical_swaps.token_address
"""
"""Arguments: after, wallets, agents."""
ENTRIES: Final = """
SELECT trade_intents.wallet_address, trade_intents.id, trade_intents.created_at FROM trade_intents LEFT OUTER JOIN
protection_resets ON protection_resets.agent_id = trade_intents.agent_id WHERE trade_intents.created_at > $1::TIMESTAMP
WITH TIME ZONE AND (protection_resets.reset_at IS NULL OR trade_intents.created_at > protection_resets.reset_at) AND
trade_intents.kind = ANY ($3::TEXT[]) AND ($2::TEXT[] IS NULL OR trade_intents.wallet_address = ANY ($2::TEXT[])) AND
(trade_intents.status NOT IN ('failed', 'expired'))
"""
"""Arguments: after, wallets, kinds."""
KEEP: Final = """
INSERT INTO protection_sums (wallet_address, agent_id, reset_at, before, profit_sol, peak_profit_sol, loss_streak,
last_loss_at) SELECT "old".wallet_address, "old".agent_id, "old".reset_at, $1::TIMESTAMP WITH TIME ZONE AS anon_1,
"old".profit, "old".peak, "old".streak, "old".last_loss_at FROM (SELECT agent_wallets.wallet_address AS wallet_address,
coalesce(protection_sums.profit_sol, 0) + coalesce(sum(rest.profit_loss_sol), 0) AS profit,
greatest(protection_sums.peak_profit_sol, coalesce(protection_sums.profit_sol, 0) + max(rest.total), 0) AS peak,
coalesce(count(rest.number) - (max(rest.number) FILTER (WHERE rest.profit_loss_sol >= 0)), count(rest.number) +
coalesce(protection_sums.loss_streak, 0)) AS streak, coalesce(max(rest.sale_time) FILTER (WHERE rest.profit_loss_sol <
0), protection_sums.last_loss_at) AS last_loss_at, agent_wallets.agent_id AS agent_id, protection_resets.reset_at AS
reset_at FROM agent_wallets LEFT OUTER JOIN protection_resets ON protection_resets.agent_id = agent_wallets.agent_id
LEFT OUTER JOIN protection_sums ON protection_sums.wallet_address = agent_wallets.wallet_address AND
protection_sums.agent_id = agent_wallets.agent_id AND protection_sums.reset_at IS NOT DISTINCT FROM
protection_resets.reset_at LEFT OUTER JOIN LATERAL (SELECT agent_historical_swaps.profit_loss_sol AS profit_loss_sol,
agent_historical_swaps.sale_time AS sale_time, sum(agent_historical_swaps.profit_loss_sol) OVER (ORDER BY
agent_historical_swaps.sale_time, agent_historical_swaps.id) AS total, row_number() OVER (ORDER BY
agent_historical_swaps.sale_time, agent_historical_swaps.id) AS number FROM agent_historical_swaps WHERE
agent_historical_swaps.agent_id = agent_wallets.agent_id AND agent_historical_swaps.wallet_address IS NOT DISTINCT FROM
agent_wallets.wallet_address AND agent_historical_swaps.sale_time >= coalesce(protection_sums.before,
'-infinity'::timestamptz) AND agent_historical_swaps.wallet_address IS NOT NULL AND (protection_resets.reset_at IS NULL
OR agent_historical_swaps.sale_time > protection_resets.reset_at) AND (EXISTS (SELECT trade_intents.id FROM
trade_intents WHERE trade_intents.transaction_id = agent_historical_swaps.sale_transaction_id AND trade_intents.status =
'settled')) AND NOT (EXISTS (SELECT earlier.id FROM agent_historical_swaps AS earlier WHERE earlier.sale_transaction_id
= agent_historical_swaps.sale_transaction_id AND (earlier.created_at, earlier.id) < (agent_historical_swaps.created_at,
agent_historical_swaps.id))) AND agent_historical_swaps.sale_time < $1::TIMESTAMP WITH TIME ZONE LIMIT ALL OFFSET 0) AS
rest ON true WHERE $2::TEXT[] IS NULL OR agent_wallets.wallet_address = ANY ($2::TEXT[]) GROUP BY
agent_wallets.wallet_address, protection_resets.agent_id, protection_sums.wallet_address) AS "old" ON CONFLICT
(wallet_address) DO UPDATE SET agent_id = excluded.agent_id, reset_at = excluded.reset_at, before = excluded.before,
profit_sol = excluded.profit_sol, peak_profit_sol = excluded.peak_profit_sol, loss_streak = excluded.loss_streak,
last_loss_at = excluded.last_loss_at
"""
"""Arguments: before, wallets."""
RESET: Final = """
INSERT INTO protection_resets (agent_id, reset_at, reset_by) VALUES ($1::UUID, $2::TIMESTAMP WITH TIME ZONE, $3::UUID)
ON CONFLICT (agent_id) DO UPDATE SET reset_at = excluded.reset_at, reset_by = excluded.reset_by WHERE
protection_resets.reset_at < excluded.reset_at
"""
"""Arguments: agent_id, reset_at, reset_by."""
RESETS: Final = """
SELECT protection_resets.agent_id, protection_resets.reset_at FROM protection_resets
"""
RESULTS: Final = """
SELECT agent_wallets.wallet_address, coalesce(protection_sums.profit_sol, 0) + coalesce(sum(rest.profit_loss_sol), 0) AS
profit, greatest(protection_sums.peak_profit_sol, coalesce(protection_sums.profit_sol, 0) + max(rest.total), 0) AS peak,
coalesce(count(rest.number) - (max(rest.number) FILTER (WHERE rest.profit_loss_sol >= 0)), count(rest.number) +
coalesce(protection_sums.loss_streak, 0)) AS streak, coalesce(max(rest.sale_time) FILTER (WHERE rest.profit_loss_sol <
0), protection_sums.last_loss_at) AS last_loss_at, coalesce(sum(rest.profit_loss_sol) FILTER (WHERE rest.sale_time >=
$1::TIMESTAMP WITH TIME ZONE), 0) AS today FROM agent_wallets LEFT OUTER JOIN protection_resets ON
protection_resets.agent_id = agent_wallets.agent_id LEFT OUTER JOIN protection_sums ON protection_sums.wallet_address =
agent_wallets.wallet_address AND protection_sums.agent_id = agent_wallets.agent_id AND protection_sums.reset_at IS NOT
DISTINCT FROM protection_resets.reset_at LEFT OUTER JOIN LATERAL (SELECT agent_historical_swaps.profit_loss_sol AS
profit_loss_sol, agent_historical_swaps.sale_time AS sale_time, sum(agent_historical_swaps.profit_loss_sol) OVER (ORDER
BY agent_historical_swaps.sale_time, agent_historical_swaps.id) AS total, row_number() OVER (ORDER BY
agent_historical_swaps.sale_time, agent_historical_swaps.id) AS number FROM agent_historical_swaps WHERE
agent_historical_swaps.agent_id = agent_wallets.agent_id AND agent_historical_swaps.wallet_address IS NOT DISTINCT FROM
agent_wallets.wallet_address AND agent_historical_swaps.sale_time >= coalesce(protection_sums.before,
'-infinity'::timestamptz) AND agent_historical_swaps.wallet_address IS NOT NULL AND (protection_resets.reset_at IS NULL
OR agent_historical_swaps.sale_time > protection_resets.reset_at) AND (EXISTS (SELECT trade_intents.id FROM
trade_intents WHERE trade_intents.transaction_id = agent_historical_swaps.sale_transaction_id AND trade_intents.status =
'settled')) AND NOT (EXISTS (SELECT earlier.id FROM agent_historical_swaps AS earlier WHERE earlier.sale_transaction_id
= agent_historical_swaps.sale_transaction_id AND (earlier.created_at, earlier.id) < (agent_historical_swaps.created_at,
agent_historical_swaps.id))) LIMIT ALL OFFSET 0) AS rest ON true WHERE $2::TEXT[] IS NULL OR
agent_wallets.wallet_address = ANY ($2::TEXT[]) GROUP BY agent_wallets.wallet_address, protection_resets.agent_id,
protection_sums.wallet_address
"""
"""Arguments: midnight, wallets."""
SET_SWITCH: Final = """
INSERT INTO kill_switches (scope, user_id, engaged, reason, changed_at, changed_by, flatten) VALUES ($1::VARCHAR,
$2::UUID, $3::BOOLEAN, $4::VARCHAR, $5::TIMESTAMP WITH TIME ZONE, $6::UUID, $7::BOOLEAN) ON CONFLICT (scope) DO UPDATE
SET engaged = excluded.engaged, reason = excluded.reason, changed_at = excluded.changed_at, changed_by =
excluded.changed_by, flatten = (excluded.flatten OR excluded.engaged AND kill_switches.engaged AND
kill_switches.flatten) WHERE kill_switches.changed_at <= excluded.changed_at
"""
"""Arguments: scope, user_id, engaged, reason, changed_at, changed_by, flatten."""
SWITCHES: Final = """
SELECT kill_switches.user_id, kill_switches.engaged, kill_switches.reason, kill_switches.changed_at,
kill_switches.changed_by, kill_switches.flatten FROM kill_switches
"""
UNPROJECTED: Final = """
SELECT journal.entry_id, journal.wallet_address, journal.agent_id, journal.seq, journal.at, journal.kind,
journal.postings, journal.body FROM journal WHERE journal.id > (SELECT journal_watermark.position FROM
journal_watermark) AND ($1::TEXT[] IS NULL OR journal.wallet_address = ANY ($1::TEXT[])) ORDER BY journal.id
"""
"""Arguments: wallets."""
WALLETS: Final = """
SELECT agent_wallets.wallet_address, agent_wallets.agent_id, coalesce(journal_streams.seq, 0) AS seq FROM agent_wallets
LEFT OUTER JOIN journal_streams ON journal_streams.wallet_address = agent_wallets.wallet_address WHERE $1::TEXT[] IS
NULL OR agent_wallets.wallet_address = ANY ($1::TEXT[])
"""
"""Arguments: wallets."""
