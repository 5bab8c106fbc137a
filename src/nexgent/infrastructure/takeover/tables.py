"""The reference's tables as far as they are read: what every version that can be taken over has, and what came late.

Installations came into being in two ways: by its migrations (`migrate deploy`), or from its model (`db push`), which leaves out
indexes and a kind of transaction. Both have these columns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a table. `late` came with the last migrations: each with what it is where it is missing."""

    needed: tuple[str, ...]
    late: Mapping[str, str] = field(default_factory=dict)
    documents: frozenset[str] = frozenset()
    """Columns of JSON: read as text."""
    optional: bool = False
    """Whether the table may be missing."""

    def selected(self, present: Collection[str]) -> str:
        """Return what is selected of a table that has these columns."""
        return ", ".join(
            [
                *(self._one(name) for name in self.needed),
                *(
                    self._one(name) if name in present else f"{missing} AS {name}"
                    for name, missing in self.late.items()
                ),
            ]
        )

    def _one(self, name: str) -> str:
        return f"{name}::text AS {name}" if name in self.documents else name


TABLES: Mapping[str, Columns] = {
    "users": Columns(("id", "email", "password_hash", "created_at")),
    "api_keys": Columns(
        ("id", "user_id", "name", "key_hash", "key_prefix", "scopes", "created_at"), optional=True
    ),
    "agents": Columns(
        (
            "id",
            "user_id",
            "name",
            "trading_mode",
            "trading_config",
            "created_at",
            "updated_at",
            "automated_trading_simulation",
            "automated_trading_live",
        ),
        documents=frozenset({"trading_config"}),
    ),
    "agent_wallets": Columns(("wallet_address", "agent_id", "wallet_type", "created_at", "updated_at")),
    "agent_balances": Columns(("agent_id", "wallet_address", "token_address", "token_symbol", "balance")),
    "agent_balance_snapshots": Columns(
        (
            "id",
            "agent_id",
            "snapshot_timestamp",
            "portfolio_balance_sol",
            "sol_balance",
            "positions_value_sol",
            "unrealized_pnl_sol",
            "created_at",
            "updated_at",
            "wallet_address",
        )
    ),
    "trading_signals": Columns(
        (
            "id",
            "created_at",
            "updated_at",
            "token_address",
            "symbol",
            "signal_type",
            "activation_reason",
            "signal_strength",
            "source",
        ),
        late={"user_id": "NULL::uuid"},
    ),
    "signal_executions": Columns(
        ("id", "signal_id", "agent_id", "status", "transaction_id", "error", "executed_at")
    ),
    "agent_transactions": Columns(
        (
            "id",
            "agent_id",
            "wallet_address",
            "transaction_type",
            "transaction_value_usd",
            "transaction_time",
            "destination_address",
            "signal_id",
            "fees",
            "routes",
            "input_mint",
            "output_mint",
            "input_symbol",
            "output_symbol",
            "input_amount",
            "input_price",
            "output_amount",
            "output_price",
            "slippage",
            "price_impact",
            "is_dca",
            "transaction_hash",
            "created_at",
            "updated_at",
            "swap_payload",
        ),
        late={
            "is_take_profit": "false",
            "protocol_fee_sol": "NULL::numeric",
            "network_fee_sol": "NULL::numeric",
        },
        documents=frozenset({"transaction_type", "routes", "swap_payload"}),
    ),
    "agent_historical_swaps": Columns(
        (
            "id",
            "agent_id",
            "wallet_address",
            "token_address",
            "token_symbol",
            "amount",
            "purchase_price",
            "sale_price",
            "change_percent",
            "profit_loss_usd",
            "profit_loss_sol",
            "purchase_time",
            "sale_time",
            "purchase_transaction_id",
            "sale_transaction_id",
            "signal_id",
            "created_at",
        ),
        late={"close_reason": "NULL::text"},
    ),
    "agent_positions": Columns(
        (
            "id",
            "agent_id",
            "wallet_address",
            "token_address",
            "token_symbol",
            "purchase_transaction_id",
            "purchase_price",
            "purchase_amount",
            "current_stop_loss_percentage",
            "peak_price",
            "last_stop_loss_update",
            "created_at",
            "updated_at",
            "dca_count",
            "dca_transaction_ids",
            "last_dca_time",
            "lowest_price",
            "total_invested_sol",
            "remaining_amount",
            "take_profit_levels_hit",
            "take_profit_transaction_ids",
            "last_take_profit_time",
            "moon_bag_activated",
            "moon_bag_amount",
            "realized_profit_sol",
        ),
        late={"tp_batch_start_level": "0", "total_take_profit_levels": "NULL::integer"},
    ),
}
