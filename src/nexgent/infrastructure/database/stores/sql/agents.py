"""Compiled by `make sql` from `scripts/statements/agents.py`; changes belong there."""

from __future__ import annotations

from typing import Final

from nexgent.infrastructure.database.stores.listing import Condition, Listing

ADD: Final = """
INSERT INTO agents (id, user_id, name, trading_mode, created_at, updated_at, automated_trading_simulation,
automated_trading_live) VALUES ($1::UUID, $2::UUID, $3::VARCHAR, $4::VARCHAR, $5::TIMESTAMP WITH TIME ZONE,
$6::TIMESTAMP WITH TIME ZONE, $7::BOOLEAN, $8::BOOLEAN)
"""
"""Arguments: id, user_id, name, trading_mode, created_at, updated_at, automated_trading_simulation, automated_trading_live."""
ADD_VERSION: Final = """
INSERT INTO agent_config_history (agent_id, saved_at, saved_by, config) SELECT $1::UUID AS anon_1, $2::TIMESTAMP WITH
TIME ZONE AS anon_2, $3::VARCHAR AS anon_3, $4::JSONB AS anon_4 WHERE NOT (EXISTS (SELECT present.config FROM (SELECT
agent_config_history.config AS config FROM agent_config_history WHERE agent_config_history.agent_id = $1::UUID ORDER BY
agent_config_history.id DESC LIMIT 1) AS present WHERE present.config IS NOT DISTINCT FROM $4::JSONB))
"""
"""Arguments: agent_id, saved_at, saved_by, config."""
ADD_WALLET: Final = """
INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, created_at, updated_at) VALUES ($1::VARCHAR, $2::UUID,
$3::VARCHAR, $4::TIMESTAMP WITH TIME ZONE, $5::TIMESTAMP WITH TIME ZONE)
"""
"""Arguments: wallet_address, agent_id, wallet_type, created_at, updated_at."""
ADD_WALLETS: Final = """
INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, created_at, updated_at) SELECT anon_1.wallet_address,
anon_1.agent_id, anon_1.wallet_type, anon_1.created_at, anon_1.updated_at FROM unnest($1::TEXT[], $2::UUID[],
$3::TEXT[], $4::TIMESTAMP WITH TIME ZONE[], $5::TIMESTAMP WITH TIME ZONE[]) AS anon_1(wallet_address, agent_id,
wallet_type, created_at, updated_at)
"""
"""Arguments: wallet_address, agent_id, wallet_type, created_at, updated_at."""
CUT_VERSIONS: Final = """
DELETE FROM agent_config_history WHERE agent_config_history.agent_id = $1::UUID AND agent_config_history.id <= (SELECT
agent_config_history.id FROM agent_config_history WHERE agent_config_history.agent_id = $1::UUID ORDER BY
agent_config_history.id DESC LIMIT 1 OFFSET $2::INTEGER)
"""
"""Arguments: agent_id, most."""
DELETE: Final = """
UPDATE agents SET updated_at=CURRENT_TIMESTAMP, automated_trading_simulation=false, automated_trading_live=false,
deleted_at=CURRENT_TIMESTAMP WHERE agents.id = $1::UUID AND agents.deleted_at IS NULL
"""
"""Arguments: agent_id."""
DELETE_TRAILS: Final = """
DELETE FROM position_marks WHERE position_marks.position_id IN (SELECT agent_positions.id FROM agent_positions WHERE
agent_positions.agent_id = $1::UUID)
"""
"""Arguments: agent_id."""
DELETE_WALLET: Final = """
DELETE FROM agent_wallets WHERE agent_wallets.wallet_address = $1::VARCHAR
"""
"""Arguments: wallet_address."""
DELETE_WALLETS: Final = """
DELETE FROM agent_wallets WHERE agent_wallets.agent_id = $1::UUID
"""
"""Arguments: agent_id."""
DETACH_CLOSED_TRADES: Final = """
UPDATE agent_historical_swaps SET wallet_address=NULL WHERE agent_historical_swaps.wallet_address IN (SELECT
agent_wallets.wallet_address FROM agent_wallets WHERE agent_wallets.agent_id = $1::UUID)
"""
"""Arguments: agent_id."""
DETACH_TRANSACTIONS: Final = """
UPDATE agent_transactions SET wallet_address=NULL, updated_at=CURRENT_TIMESTAMP WHERE agent_transactions.wallet_address
IN (SELECT agent_wallets.wallet_address FROM agent_wallets WHERE agent_wallets.agent_id = $1::UUID)
"""
"""Arguments: agent_id."""
GET: Final = """
SELECT agents.id, agents.user_id, agents.name, agents.trading_mode, CAST(agents.trading_config AS TEXT) AS
trading_config, agents.automated_trading_simulation, agents.automated_trading_live, agents.created_at,
agents.updated_at, agent_wallets.wallet_address, agent_wallets.wallet_type, agent_wallets.created_at AS
wallet_created_at, agent_wallets.updated_at AS wallet_updated_at FROM agents LEFT OUTER JOIN agent_wallets ON
agent_wallets.agent_id = agents.id WHERE agents.id = $1::UUID AND agents.deleted_at IS NULL ORDER BY agents.created_at,
agents.id, agent_wallets.created_at, agent_wallets.wallet_address
"""
"""Arguments: id."""
LIST_ALL: Final = """
SELECT agents.id, agents.user_id, agents.name, agents.trading_mode, CAST(agents.trading_config AS TEXT) AS
trading_config, agents.automated_trading_simulation, agents.automated_trading_live, agents.created_at,
agents.updated_at, agent_wallets.wallet_address, agent_wallets.wallet_type, agent_wallets.created_at AS
wallet_created_at, agent_wallets.updated_at AS wallet_updated_at FROM agents LEFT OUTER JOIN agent_wallets ON
agent_wallets.agent_id = agents.id WHERE agents.deleted_at IS NULL ORDER BY agents.created_at, agents.id,
agent_wallets.created_at, agent_wallets.wallet_address
"""
LIST_DELETED: Final = """
SELECT agents.id, agents.user_id, agents.name, agents.trading_mode, CAST(agents.trading_config AS TEXT) AS
trading_config, agents.automated_trading_simulation, agents.automated_trading_live, agents.created_at,
agents.updated_at, agent_wallets.wallet_address, agent_wallets.wallet_type, agent_wallets.created_at AS
wallet_created_at, agent_wallets.updated_at AS wallet_updated_at FROM agents LEFT OUTER JOIN agent_wallets ON
agent_wallets.agent_id = agents.id WHERE agents.deleted_at IS NOT NULL ORDER BY agents.created_at, agents.id,
agent_wallets.created_at, agent_wallets.wallet_address
"""
LOCK_WALLETS: Final = """
SELECT agent_wallets.wallet_address FROM agent_wallets WHERE agent_wallets.agent_id = $1::UUID ORDER BY
agent_wallets.wallet_address FOR UPDATE
"""
"""Arguments: agent_id."""
SAVE: Final = """
UPDATE agents SET name=$2::VARCHAR, trading_mode=$3::VARCHAR, trading_config=CASE WHEN $7::BOOLEAN THEN $9::JSONB ELSE
agents.trading_config END, updated_at=$4::TIMESTAMP WITH TIME ZONE, automated_trading_simulation=($5::BOOLEAN OR
$8::BOOLEAN AND agents.automated_trading_simulation), automated_trading_live=($6::BOOLEAN OR $8::BOOLEAN AND
agents.automated_trading_live) WHERE agents.id = $1::UUID AND agents.deleted_at IS NULL
"""
"""Arguments: id, name, trading_mode, updated_at, automated_trading_simulation, automated_trading_live, sets_config, keeps_broken, trading_config."""
VERSIONS: Final = Listing(
    selected="""
SELECT agent_config_history.id, agent_config_history.saved_at, agent_config_history.saved_by,
CAST(agent_config_history.config AS TEXT) AS config FROM agent_config_history
""",
    conditions=(
        Condition('agent_config_history.agent_id = {agent_id}::UUID', ("agent_id",)),
        Condition('agent_config_history.id < {after_id}::BIGINT', ("after_id",)),
    ),
    order="agent_config_history.id DESC",
)
