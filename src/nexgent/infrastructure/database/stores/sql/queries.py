"""Compiled by `make sql` from `scripts/statements/queries.py`; changes belong there."""

from __future__ import annotations

from typing import Final

from nexgent.infrastructure.database.stores.listing import Condition, Listing

CLOSED_TRADE: Final = """
SELECT agent_historical_swaps.id, agent_historical_swaps.agent_id, agent_historical_swaps.wallet_address,
agent_historical_swaps.token_address, agent_historical_swaps.token_symbol, agent_historical_swaps.amount,
agent_historical_swaps.purchase_price, agent_historical_swaps.sale_price, agent_historical_swaps.change_percent,
agent_historical_swaps.profit_loss_usd, agent_historical_swaps.profit_loss_sol, agent_historical_swaps.purchase_time,
agent_historical_swaps.sale_time, agent_historical_swaps.purchase_transaction_id,
agent_historical_swaps.sale_transaction_id, agent_historical_swaps.signal_id, agent_historical_swaps.close_reason,
agent_historical_swaps.created_at FROM agent_historical_swaps WHERE agent_historical_swaps.id = $1::UUID
"""
"""Arguments: id."""
CLOSED_TRADES: Final = Listing(
    selected="""
SELECT agent_historical_swaps.id, agent_historical_swaps.agent_id, agent_historical_swaps.wallet_address,
agent_historical_swaps.token_address, agent_historical_swaps.token_symbol, agent_historical_swaps.amount,
agent_historical_swaps.purchase_price, agent_historical_swaps.sale_price, agent_historical_swaps.change_percent,
agent_historical_swaps.profit_loss_usd, agent_historical_swaps.profit_loss_sol, agent_historical_swaps.purchase_time,
agent_historical_swaps.sale_time, agent_historical_swaps.purchase_transaction_id,
agent_historical_swaps.sale_transaction_id, agent_historical_swaps.signal_id, agent_historical_swaps.close_reason,
agent_historical_swaps.created_at FROM agent_historical_swaps
""",
    conditions=(
        Condition('agent_historical_swaps.agent_id = {agent_id}::UUID', ("agent_id",)),
        Condition('agent_historical_swaps.wallet_address = {wallet_address}::VARCHAR', ("wallet_address",)),
        Condition('agent_historical_swaps.token_address = {token_address}::VARCHAR', ("token_address",)),
        Condition('agent_historical_swaps.token_symbol = {token_symbol}::VARCHAR', ("token_symbol",)),
        Condition('agent_historical_swaps.purchase_time >= {start_purchase_time}::TIMESTAMP WITH TIME ZONE', ("start_purchase_time",)),
        Condition('agent_historical_swaps.purchase_time <= {end_purchase_time}::TIMESTAMP WITH TIME ZONE', ("end_purchase_time",)),
        Condition('agent_historical_swaps.sale_time >= {start_sale_time}::TIMESTAMP WITH TIME ZONE', ("start_sale_time",)),
        Condition('agent_historical_swaps.sale_time <= {end_sale_time}::TIMESTAMP WITH TIME ZONE', ("end_sale_time",)),
        Condition('agent_historical_swaps.signal_id = {signal_id}::INTEGER', ("signal_id",)),
        Condition('agent_historical_swaps.purchase_transaction_id = {purchase_transaction_id}::UUID', ("purchase_transaction_id",)),
        Condition('agent_historical_swaps.sale_transaction_id = {sale_transaction_id}::UUID', ("sale_transaction_id",)),
        Condition('agent_historical_swaps.profit_loss_usd >= {min_profit_loss_usd}::NUMERIC', ("min_profit_loss_usd",)),
        Condition('agent_historical_swaps.profit_loss_usd <= {max_profit_loss_usd}::NUMERIC', ("max_profit_loss_usd",)),
        Condition('(agent_historical_swaps.sale_time, agent_historical_swaps.id) < ({after_time}::TIMESTAMP WITH TIME ZONE, {after_id}::UUID)', ("after_time", "after_id",)),
    ),
    order="agent_historical_swaps.sale_time DESC, agent_historical_swaps.id DESC",
    key="agent_historical_swaps.id",
    keys="SELECT agent_historical_swaps.id FROM agent_historical_swaps",
)
CLOSED_TRADES_EXPORT: Final = Listing(
    selected="""
SELECT agent_historical_swaps.id, agent_historical_swaps.agent_id, agent_historical_swaps.wallet_address,
agent_historical_swaps.token_address, agent_historical_swaps.token_symbol, agent_historical_swaps.amount,
agent_historical_swaps.purchase_price, agent_historical_swaps.sale_price, agent_historical_swaps.change_percent,
agent_historical_swaps.profit_loss_usd, agent_historical_swaps.profit_loss_sol, agent_historical_swaps.purchase_time,
agent_historical_swaps.sale_time, agent_historical_swaps.purchase_transaction_id,
agent_historical_swaps.sale_transaction_id, agent_historical_swaps.signal_id, agent_historical_swaps.close_reason,
agent_historical_swaps.created_at, trading_signals.signal_type, trading_signals.activation_reason FROM
agent_historical_swaps LEFT OUTER JOIN trading_signals ON trading_signals.id = agent_historical_swaps.signal_id
""",
    conditions=(
        Condition('agent_historical_swaps.agent_id = {agent_id}::UUID', ("agent_id",)),
        Condition('agent_historical_swaps.wallet_address = {wallet_address}::VARCHAR', ("wallet_address",)),
        Condition('agent_historical_swaps.token_address = {token_address}::VARCHAR', ("token_address",)),
        Condition('agent_historical_swaps.token_symbol = {token_symbol}::VARCHAR', ("token_symbol",)),
        Condition('agent_historical_swaps.purchase_time >= {start_purchase_time}::TIMESTAMP WITH TIME ZONE', ("start_purchase_time",)),
        Condition('agent_historical_swaps.purchase_time <= {end_purchase_time}::TIMESTAMP WITH TIME ZONE', ("end_purchase_time",)),
        Condition('agent_historical_swaps.sale_time >= {start_sale_time}::TIMESTAMP WITH TIME ZONE', ("start_sale_time",)),
        Condition('agent_historical_swaps.sale_time <= {end_sale_time}::TIMESTAMP WITH TIME ZONE', ("end_sale_time",)),
        Condition('agent_historical_swaps.signal_id = {signal_id}::INTEGER', ("signal_id",)),
        Condition('agent_historical_swaps.purchase_transaction_id = {purchase_transaction_id}::UUID', ("purchase_transaction_id",)),
        Condition('agent_historical_swaps.sale_transaction_id = {sale_transaction_id}::UUID', ("sale_transaction_id",)),
        Condition('agent_historical_swaps.profit_loss_usd >= {min_profit_loss_usd}::NUMERIC', ("min_profit_loss_usd",)),
        Condition('agent_historical_swaps.profit_loss_usd <= {max_profit_loss_usd}::NUMERIC', ("max_profit_loss_usd",)),
        Condition('agent_historical_swaps.id > {after_id}::UUID', ("after_id",)),
    ),
    order="agent_historical_swaps.id",
)
DECISIONS: Final = """
SELECT signal_decisions.signal_id, signal_decisions.agent_id, signal_decisions.outcome, signal_decisions.code,
signal_decisions.reason, signal_decisions.gates, signal_decisions.intent_id, signal_decisions.transaction_id,
signal_decisions.position_id, signal_decisions.size_sol, signal_decisions.price_sol, signal_decisions.price_source,
signal_decisions.price_age_ms, signal_decisions.latency AS latency_ms, signal_decisions.decided_at FROM signal_decisions
WHERE signal_decisions.signal_id = $1::INTEGER ORDER BY signal_decisions.agent_id
"""
"""Arguments: signal_id."""
SIGNAL: Final = """
SELECT trading_signals.id, trading_signals.user_id, trading_signals.token_address, trading_signals.symbol,
trading_signals.signal_type, trading_signals.activation_reason, trading_signals.signal_strength, trading_signals.source,
trading_signals.created_at, trading_signals.updated_at, trading_signals.processed_at, trading_signals.process_note,
trading_signals.action, trading_signals.percent FROM trading_signals WHERE trading_signals.id = $1::INTEGER AND
trading_signals.user_id = $2::UUID
"""
"""Arguments: id, user_id."""
SIGNALS: Final = Listing(
    selected="""
SELECT trading_signals.id, trading_signals.user_id, trading_signals.token_address, trading_signals.symbol,
trading_signals.signal_type, trading_signals.activation_reason, trading_signals.signal_strength, trading_signals.source,
trading_signals.created_at, trading_signals.updated_at, trading_signals.processed_at, trading_signals.process_note,
trading_signals.action, trading_signals.percent FROM trading_signals
""",
    conditions=(
        Condition('trading_signals.user_id = {user_id}::UUID', ("user_id",)),
        Condition('trading_signals.token_address = {token_address}::VARCHAR', ("token_address",)),
        Condition('trading_signals.signal_type = {signal_type}::VARCHAR', ("signal_type",)),
        Condition('trading_signals.created_at >= {start_date}::TIMESTAMP WITH TIME ZONE', ("start_date",)),
        Condition('trading_signals.created_at <= {end_date}::TIMESTAMP WITH TIME ZONE', ("end_date",)),
        Condition('(trading_signals.created_at, trading_signals.id) < ({after_time}::TIMESTAMP WITH TIME ZONE, {after_id}::INTEGER)', ("after_time", "after_id",)),
    ),
    order="trading_signals.created_at DESC, trading_signals.id DESC",
)
SIGNALS_EXPORT: Final = Listing(
    selected="""
SELECT trading_signals.id, trading_signals.user_id, trading_signals.token_address, trading_signals.symbol,
trading_signals.signal_type, trading_signals.activation_reason, trading_signals.signal_strength, trading_signals.source,
trading_signals.created_at, trading_signals.updated_at, trading_signals.processed_at, trading_signals.process_note,
trading_signals.action, trading_signals.percent FROM trading_signals
""",
    conditions=(
        Condition('trading_signals.user_id = {user_id}::UUID', ("user_id",)),
        Condition('trading_signals.token_address = {token_address}::VARCHAR', ("token_address",)),
        Condition('trading_signals.signal_type = {signal_type}::VARCHAR', ("signal_type",)),
        Condition('trading_signals.created_at >= {start_date}::TIMESTAMP WITH TIME ZONE', ("start_date",)),
        Condition('trading_signals.created_at <= {end_date}::TIMESTAMP WITH TIME ZONE', ("end_date",)),
        Condition('trading_signals.id > {after_id}::INTEGER', ("after_id",)),
    ),
    order="trading_signals.id",
)
SIGNAL_TRADES: Final = """
SELECT trade_intents.id, trade_intents.agent_id, trade_intents.status, trade_intents.code, trade_intents.reason,
trade_intents.transaction_id, trade_intents.position_id FROM trade_intents WHERE trade_intents.id = ANY ($1::UUID[]) OR
trade_intents.sell_signal_id = $2::INTEGER ORDER BY trade_intents.created_at, trade_intents.generation
"""
"""Arguments: ids, signal_id."""
TRADES_OF_SIGNAL: Final = """
SELECT trade_intents.id, trade_intents.agent_id, trade_intents.status, trade_intents.code, trade_intents.reason,
trade_intents.transaction_id, trade_intents.position_id FROM trade_intents WHERE trade_intents.signal_id = $1::INTEGER
AND trade_intents.position_id IS NULL OR trade_intents.sell_signal_id = $1::INTEGER ORDER BY trade_intents.created_at,
trade_intents.generation
"""
"""Arguments: signal_id."""
TRANSACTION: Final = """
SELECT agent_transactions.id, agent_transactions.agent_id, agent_transactions.wallet_address,
CAST(agent_transactions.transaction_type AS TEXT) AS type, agent_transactions.transaction_value_usd AS value_usd,
agent_transactions.transaction_time AS time, agent_transactions.destination_address, agent_transactions.signal_id,
agent_transactions.fees, CAST(agent_transactions.routes AS TEXT) AS routes_json, agent_transactions.input_mint,
agent_transactions.input_symbol, agent_transactions.input_amount, agent_transactions.input_price,
agent_transactions.output_mint, agent_transactions.output_symbol, agent_transactions.output_amount,
agent_transactions.output_price, agent_transactions.slippage, agent_transactions.price_impact,
agent_transactions.is_dca, agent_transactions.is_take_profit, agent_transactions.transaction_hash,
agent_transactions.protocol_fee_sol, agent_transactions.network_fee_sol, agent_transactions.created_at,
agent_transactions.updated_at FROM agent_transactions WHERE agent_transactions.id = $1::UUID
"""
"""Arguments: id."""
TRANSACTIONS: Final = Listing(
    selected="""
SELECT agent_transactions.id, agent_transactions.agent_id, agent_transactions.wallet_address,
CAST(agent_transactions.transaction_type AS TEXT) AS type, agent_transactions.transaction_value_usd AS value_usd,
agent_transactions.transaction_time AS time, agent_transactions.destination_address, agent_transactions.signal_id,
agent_transactions.fees, CAST(agent_transactions.routes AS TEXT) AS routes_json, agent_transactions.input_mint,
agent_transactions.input_symbol, agent_transactions.input_amount, agent_transactions.input_price,
agent_transactions.output_mint, agent_transactions.output_symbol, agent_transactions.output_amount,
agent_transactions.output_price, agent_transactions.slippage, agent_transactions.price_impact,
agent_transactions.is_dca, agent_transactions.is_take_profit, agent_transactions.transaction_hash,
agent_transactions.protocol_fee_sol, agent_transactions.network_fee_sol, agent_transactions.created_at,
agent_transactions.updated_at FROM agent_transactions
""",
    conditions=(
        Condition('agent_transactions.agent_id = {agent_id}::UUID', ("agent_id",)),
        Condition('agent_transactions.wallet_address = {wallet_address}::VARCHAR', ("wallet_address",)),
        Condition('agent_transactions.transaction_type = {type}::"TransactionType"', ("type",)),
        Condition('agent_transactions.transaction_time >= {start_time}::TIMESTAMP WITH TIME ZONE', ("start_time",)),
        Condition('agent_transactions.transaction_time <= {end_time}::TIMESTAMP WITH TIME ZONE', ("end_time",)),
        Condition('agent_transactions.signal_id = {signal_id}::INTEGER', ("signal_id",)),
        Condition('agent_transactions.is_dca = {is_dca}::BOOLEAN', ("is_dca",)),
        Condition('agent_transactions.is_take_profit = {is_take_profit}::BOOLEAN', ("is_take_profit",)),
        Condition('(agent_transactions.transaction_time, agent_transactions.id) < ({after_time}::TIMESTAMP WITH TIME ZONE, {after_id}::UUID)', ("after_time", "after_id",)),
    ),
    order="agent_transactions.transaction_time DESC, agent_transactions.id DESC",
)
