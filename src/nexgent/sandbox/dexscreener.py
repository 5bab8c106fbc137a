"""DexScreener: pairs of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import unquote

import orjson

from nexgent.sandbox.constants import LAMPORTS_PER_SOL, SOL_MINT, USDC_MINT
from nexgent.sandbox.faults import BENT_PRICES, FaultRule, first, for_mint, garbled_price, told_price
from nexgent.sandbox.http import Reply, Request, json_reply
from nexgent.sandbox.market import Market
from nexgent.sandbox.state import SandboxState
from nexgent.sandbox.tokens import SandboxToken

MAX_ADDRESSES = 30
_SOL_POOL = "8sLbNZoA1cfnvMJLPfp98ZLAnFSYCFApfJKMbiXNLwxj"
_SOL_POOL_USD = 25_000_000
_SOL_POOL_SINCE_MS = 1_620_000_000_000


def handle(state: SandboxState, request: Request) -> Reply:
    """Answer any of the three paths that list pairs of tokens."""
    parts = [unquote(part) for part in request.path.strip("/").split("/")]
    legacy = parts[0] == "latest"
    if not legacy and parts[-2] != "solana":
        return json_reply([])
    addresses = [address for address in parts[-1].split(",") if address]
    limit = 1 if parts[0] == "token-pairs" else MAX_ADDRESSES
    if not addresses or len(addresses) > limit:
        return json_reply(
            {"error": f"between 1 and {limit} addresses are allowed, got {len(addresses)}"}, 400
        )
    pairs = [] if first(request.faults, "empty") else _pairs(state.market, addresses, request.faults)
    if not legacy:
        return Reply(200, b"[" + b",".join(pairs) + b"]")
    listed = b"[" + b",".join(pairs) + b"]" if pairs else b"null"
    return Reply(200, b'{"schemaVersion":"1.0.0","pairs":' + listed + b"}")


def _pairs(market: Market, addresses: Sequence[str], faults: Sequence[FaultRule]) -> list[bytes]:
    sol_usd = market.sol_usd()
    pairs = []
    for address in dict.fromkeys(addresses):
        token = market.tokens.get(address)
        if token is None:
            if address == SOL_MINT and for_mint(faults, address, "missing_token") is None:
                frozen = for_mint(faults, address, "frozen_price")
                _, told = told_price(frozen, address, Decimal(1), sol_usd)
                pairs.append(orjson.dumps(_sol_pair(told)))
            continue
        bent = for_mint(faults, address, *BENT_PRICES)
        if bent is None:
            pairs.append(encoded_pair(token, market.price_sol(token), sol_usd))
        elif bent.kind != "missing_token":
            pairs.append(orjson.dumps(_bent_pair(token, market.price_sol(token), sol_usd, bent)))
    return pairs


def encoded_pair(token: SandboxToken, price_sol: Decimal, sol_usd: Decimal) -> bytes:
    """Return the pair of a token as JSON, encoded again only when a price moved."""
    key = (price_sol, sol_usd)
    if token.pair_key != key:
        token.pair_json = orjson.dumps(pair(token, price_sol, sol_usd))
        token.pair_key = key
    return token.pair_json


def pair(token: SandboxToken, price_sol: Decimal, sol_usd: Decimal) -> dict[str, object]:
    """Return the pair of a token against wrapped SOL."""
    dex_id, label, _ = token.dex
    price_usd = price_sol * sol_usd
    depth_sol = Decimal(token.liquidity_lamports) / LAMPORTS_PER_SOL
    depth_usd = float(depth_sol * sol_usd)
    base = float(depth_sol / price_sol) if price_sol else 0.0
    value = float(price_usd * token.supply)
    daily = depth_usd * 3.7
    return {
        "chainId": "solana",
        "dexId": dex_id,
        "url": f"https://dexscreener.com/solana/{token.pool.lower()}",
        "pairAddress": token.pool,
        "labels": [label],
        "baseToken": {"address": token.mint, "name": token.name, "symbol": token.symbol},
        "quoteToken": {"address": SOL_MINT, "name": "Wrapped SOL", "symbol": "SOL"},
        "priceNative": format(price_sol, "f"),
        "priceUsd": format(significant(price_usd), "f"),
        "txns": {
            "m5": {"buys": 12, "sells": 9},
            "h1": {"buys": 140, "sells": 133},
            "h6": {"buys": 801, "sells": 760},
            "h24": {"buys": 4120, "sells": 3987},
        },
        "volume": {
            "h24": round(daily, 2),
            "h6": round(daily / 4, 2),
            "h1": round(daily / 24, 2),
            "m5": round(daily / 288, 2),
        },
        "priceChange": {"m5": 0.0, "h1": 0.0, "h6": 0.0, "h24": 0.0},
        "liquidity": {"usd": round(2 * depth_usd, 2), "base": base, "quote": float(depth_sol)},
        "fdv": round(value, 2),
        "marketCap": round(value, 2),
        "pairCreatedAt": token.created_at_seconds * 1000,
        "info": {"imageUrl": f"https://tokens.invalid/{token.mint}.png", "websites": [], "socials": []},
        "boosts": {"active": 0},
    }


def significant(value: Decimal) -> Decimal:
    """Return a price cut to twelve significant digits, as a provider would publish it."""
    return Decimal(f"{value:.12g}") if value else Decimal(0)


def _bent_pair(
    token: SandboxToken, price_sol: Decimal, sol_usd: Decimal, fault: FaultRule
) -> dict[str, object]:
    if fault.kind == "null_fields":
        bare = pair(token, price_sol, sol_usd)
        for name in ("priceUsd", "liquidity", "fdv", "marketCap", "info", "labels", "boosts"):
            del bare[name]
        return bare
    if fault.kind == "garbled_price":
        return pair(token, price_sol, sol_usd) | dict.fromkeys(
            ("priceNative", "priceUsd"), garbled_price(fault)
        )
    return pair(token, *told_price(fault, token.mint, price_sol, sol_usd))


def _sol_pair(sol_usd: Decimal) -> dict[str, object]:
    return {
        "chainId": "solana",
        "dexId": "raydium",
        "url": f"https://dexscreener.com/solana/{_SOL_POOL.lower()}",
        "pairAddress": _SOL_POOL,
        "labels": ["CLMM"],
        "baseToken": {"address": SOL_MINT, "name": "Wrapped SOL", "symbol": "SOL"},
        "quoteToken": {"address": USDC_MINT, "name": "USD Coin", "symbol": "USDC"},
        "priceNative": format(sol_usd, "f"),
        "priceUsd": format(sol_usd, "f"),
        "txns": {"h24": {"buys": 80_000, "sells": 79_000}},
        "volume": {"h24": 180_000_000.0},
        "priceChange": {"h24": 0.0},
        "liquidity": {
            "usd": float(_SOL_POOL_USD),
            "base": float(_SOL_POOL_USD / (2 * sol_usd)),
            "quote": _SOL_POOL_USD / 2,
        },
        "pairCreatedAt": _SOL_POOL_SINCE_MS,
    }
