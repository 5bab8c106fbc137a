"""Values of the keys as JSON. Decimals become JSON numbers or strings as the contract has them, never through a float."""

from __future__ import annotations

import msgspec

from nexgent.domain.agents.config import TradingConfig, to_json_dict
from nexgent.domain.bookkeeping.ports import balance_id
from nexgent.domain.ledger.state import Balance
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.positions.views import iso_time, open_position_json
from nexgent.domain.prices.models import TokenPrice
from nexgent.shared.json_text import encode_json
from nexgent.shared.money import from_raw, plain
from nexgent.shared.types import AgentId, WalletAddress

# For what has no decimals.
_encoder = msgspec.json.Encoder()


def encode_position(position: Position, trail: PositionTrail) -> bytes:
    """Return the 27 keys of an open position; decimals as numbers."""
    return open_position_json(position, trail)


def encode_balance(agent_id: AgentId, wallet: WalletAddress, balance: Balance) -> bytes:
    """Return a balance; its amount is a string in human units."""
    return _encoder.encode(
        {
            "id": balance_id(wallet, balance.mint),
            "agentId": agent_id,
            "walletAddress": wallet,
            "tokenAddress": balance.mint,
            "tokenSymbol": balance.symbol,
            "balance": plain(from_raw(balance.amount_raw, balance.decimals)),
            "lastUpdated": iso_time(balance.updated_at),
        }
    )


def encode_config(config: TradingConfig) -> bytes:
    """Return an effective configuration, complete."""
    return encode_json(to_json_dict(config))


def encode_price(price: TokenPrice) -> bytes:
    """Return a price; `priceUsd` is null as long as nobody knows what a SOL costs."""
    return encode_json(
        {
            "priceSol": price.price_sol,
            "priceUsd": price.price_usd,
            "lastUpdated": iso_time(price.observed_at),
        }
    )
