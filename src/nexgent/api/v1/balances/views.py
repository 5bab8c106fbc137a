"""Balances as this interface shows them."""

from __future__ import annotations

from decimal import Decimal

from nexgent.api.encoding import iso
from nexgent.domain.bookkeeping.balances import OwnedBalance
from nexgent.domain.prices.latest import LatestPrices
from nexgent.shared.money import SOL_MINT, from_raw, plain

_ONE = Decimal(1)


def balance_view(owned: OwnedBalance, latest_prices: LatestPrices | None = None) -> dict[str, object]:
    """Return a balance, with the price of its token where one is asked for and known."""
    balance = owned.balance
    view: dict[str, object] = {
        "id": owned.id,
        "agentId": owned.agent_id,
        "walletAddress": owned.wallet_address,
        "tokenAddress": balance.mint,
        "tokenSymbol": balance.symbol,
        "balance": plain(from_raw(balance.amount_raw, balance.decimals)),
        "lastUpdated": iso(balance.updated_at),
    }
    if latest_prices is not None:
        price = latest_prices.get(balance.mint)
        if balance.mint == SOL_MINT:
            view["priceSol"] = _ONE
        elif price is not None:
            view["priceSol"] = price.price_sol
    return view
