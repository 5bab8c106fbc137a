"""Compiled by `make sql` from `scripts/statements/shadow.py`; changes belong there."""

from __future__ import annotations

from typing import Final

ADD: Final = """
INSERT INTO shadow_fills (intent_id, agent_id, wallet_address, kind, token_address, token_symbol, buying,
transaction_id, real_in_raw, real_out_raw, paper_in_raw, paper_out_raw, real_network_fee, real_priority_fee,
real_platform_fee, paper_network_fee, paper_priority_fee, paper_platform_fee, triggered_at, ordered_at, landed_at,
settled_seq) VALUES ($1::UUID, $2::UUID, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::VARCHAR, $7::BOOLEAN, $8::UUID,
$9::NUMERIC, $10::NUMERIC, $11::NUMERIC, $12::NUMERIC, $13::NUMERIC, $14::NUMERIC, $15::NUMERIC, $16::NUMERIC,
$17::NUMERIC, $18::NUMERIC, $19::TIMESTAMP WITH TIME ZONE, $20::TIMESTAMP WITH TIME ZONE, $21::TIMESTAMP WITH TIME ZONE,
$22::BIGINT) ON CONFLICT (intent_id) DO NOTHING
"""
"""Arguments: intent_id, agent_id, wallet_address, kind, token_address, token_symbol, buying, transaction_id, real_in_raw, real_out_raw, paper_in_raw, paper_out_raw, real_network_fee, real_priority_fee, real_platform_fee, paper_network_fee, paper_priority_fee, paper_platform_fee, triggered_at, ordered_at, landed_at, settled_seq."""
NEWEST: Final = """
SELECT shadow_fills.intent_id, shadow_fills.agent_id, shadow_fills.wallet_address, shadow_fills.kind,
shadow_fills.token_address, shadow_fills.token_symbol, shadow_fills.buying, shadow_fills.transaction_id,
shadow_fills.real_in_raw, shadow_fills.real_out_raw, shadow_fills.paper_in_raw, shadow_fills.paper_out_raw,
shadow_fills.real_network_fee, shadow_fills.real_priority_fee, shadow_fills.real_platform_fee,
shadow_fills.paper_network_fee, shadow_fills.paper_priority_fee, shadow_fills.paper_platform_fee,
shadow_fills.triggered_at, shadow_fills.ordered_at, shadow_fills.landed_at, shadow_fills.settled_seq FROM shadow_fills
WHERE shadow_fills.agent_id = $1::UUID AND shadow_fills.landed_at >= $2::TIMESTAMP WITH TIME ZONE ORDER BY
shadow_fills.landed_at DESC, shadow_fills.intent_id LIMIT $3::INTEGER
"""
"""Arguments: agent_id, since, limit."""
