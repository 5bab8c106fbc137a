"""Compiled by `make sql` from `scripts/statements/signal_edits.py`; changes belong there."""

from __future__ import annotations

from typing import Final

DELETE: Final = """
DELETE FROM trading_signals WHERE trading_signals.id = $1::INTEGER AND trading_signals.user_id = $2::UUID
"""
"""Arguments: id, user_id."""
DELETE_BATCH: Final = """
DELETE FROM trading_signals WHERE trading_signals.id IN (SELECT trading_signals.id FROM trading_signals WHERE
trading_signals.user_id = $1::UUID ORDER BY trading_signals.id LIMIT $2::INTEGER FOR UPDATE)
"""
"""Arguments: user_id, most."""
UPDATE: Final = """
UPDATE trading_signals SET updated_at=statement_timestamp(), token_address=CASE WHEN ('token_address' = ANY
($3::TEXT[])) THEN $4::VARCHAR ELSE trading_signals.token_address END, symbol=CASE WHEN ('symbol' = ANY ($3::TEXT[]))
THEN $5::VARCHAR ELSE trading_signals.symbol END, signal_type=CASE WHEN ('signal_type' = ANY ($3::TEXT[])) THEN
$6::VARCHAR ELSE trading_signals.signal_type END, activation_reason=CASE WHEN ('activation_reason' = ANY ($3::TEXT[]))
THEN $7::VARCHAR ELSE trading_signals.activation_reason END, signal_strength=CASE WHEN ('signal_strength' = ANY
($3::TEXT[])) THEN $8::INTEGER ELSE trading_signals.signal_strength END, source=CASE WHEN ('source' = ANY ($3::TEXT[]))
THEN $9::VARCHAR ELSE trading_signals.source END WHERE trading_signals.id = $1::INTEGER AND trading_signals.user_id =
$2::UUID RETURNING trading_signals.id, trading_signals.user_id, trading_signals.token_address,
trading_signals.signal_type, trading_signals.signal_strength, trading_signals.symbol, trading_signals.activation_reason,
trading_signals.source, trading_signals.created_at, trading_signals.updated_at, trading_signals.action,
trading_signals.percent
"""
"""Arguments: id, user_id, changed, token_address, symbol, signal_type, activation_reason, signal_strength, source."""
