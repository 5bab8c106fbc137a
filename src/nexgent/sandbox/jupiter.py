"""Jupiter: prices, token search, and the swap desk over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from nexgent.sandbox.chain import is_address
from nexgent.sandbox.constants import LAMPORTS_PER_SOL, SOL_MINT, TOKEN_PROGRAM
from nexgent.sandbox.dexscreener import significant
from nexgent.sandbox.faults import BENT_PRICES, FaultRule, first, for_mint, garbled_price, told_price
from nexgent.sandbox.http import Reply, Request, json_reply
from nexgent.sandbox.orders_json import order_json
from nexgent.sandbox.state import SandboxState
from nexgent.sandbox.swaps import NoRouteError, QuoteRequest
from nexgent.sandbox.tokens import SandboxToken

MAX_PRICE_IDS = 50
MAX_SEARCH_MINTS = 100
_TEXT_SEARCH_RESULTS = 20
_MAX_AMOUNT = 2**64 - 1
_SOL_LIQUIDITY_USD = 621_679_197.67
_SOL_CREATED_AT = "2024-06-05T08:55:25.527Z"
_OPTIONAL = (
    "receiver",
    "slippageBps",
    "priorityFeeLamports",
    "jitoTipLamports",
    "payer",
    "referralAccount",
    "referralFee",
    "excludeRouters",
    "excludeDexes",
    "broadcastFeeType",
)


def price(state: SandboxState, request: Request) -> Reply:
    """Answer `/price/v3`."""
    ids = [mint for mint in request.query().get("ids", "").split(",") if mint]
    if not ids or len(ids) > MAX_PRICE_IDS:
        return json_reply(
            {"error": f"ids must name between 1 and {MAX_PRICE_IDS} mints, got {len(ids)}"}, 400
        )
    if first(request.faults, "empty"):
        return json_reply({})
    market = state.market
    sol_usd = market.sol_usd()
    block = state.chain.slots.slot()
    answer: dict[str, object] = {}
    for mint in ids:
        bent = for_mint(request.faults, mint, *BENT_PRICES)
        if bent is not None and bent.kind == "missing_token":
            continue
        token = market.tokens.get(mint)
        if token is not None:
            price_sol, told_usd = told_price(bent, mint, market.price_sol(token), sol_usd)
            usd = significant(price_sol * told_usd)
            liquidity = float(2 * Decimal(token.liquidity_lamports) / LAMPORTS_PER_SOL * sol_usd)
            created_at, decimals = _iso(token.created_at_seconds), token.decimals
        elif mint == SOL_MINT:
            price_sol, told_usd = told_price(bent, mint, Decimal(1), sol_usd)
            usd, liquidity = price_sol * told_usd, _SOL_LIQUIDITY_USD
            created_at, decimals = _SOL_CREATED_AT, 9
        else:
            continue
        answer[mint] = {
            "createdAt": created_at,
            "liquidity": round(liquidity, 2),
            "usdPrice": float(usd),
            "blockId": block,
            "decimals": decimals,
            "priceChange24h": 0.0,
        }
        if bent is not None and bent.kind == "null_fields":
            answer[mint] = {
                "usdPrice": float(usd),
                "blockId": None,
                "decimals": decimals,
                "priceChange24h": None,
            }
        elif bent is not None and bent.kind == "garbled_price":
            answer[mint] = {"usdPrice": garbled_price(bent), "blockId": block, "decimals": decimals}
    return json_reply(answer)


def tokens(state: SandboxState, request: Request) -> Reply:
    """Answer `/tokens/v2/search`."""
    query = request.query().get("query", "").strip()
    if not query:
        return json_reply({"error": "query is required: a symbol, a name or up to 100 mints"}, 400)
    if first(request.faults, "empty"):
        return json_reply([])
    names = [name for name in query.split(",") if name]
    if len(names) > MAX_SEARCH_MINTS:
        return json_reply({"error": f"at most {MAX_SEARCH_MINTS} mints, got {len(names)}"}, 400)
    known = state.market.tokens
    found = [known[name] for name in names if name in known]
    listed: list[dict[str, object]] = (
        [_sol_token(state)] if SOL_MINT in names or query.lower() == "sol" else []
    )
    if not found and not listed and not is_address(names[0]):
        text = query.lower()
        matching = (t for t in known.values() if text in t.symbol.lower() or text in t.name.lower())
        found = [token for token, _ in zip(matching, range(_TEXT_SEARCH_RESULTS), strict=False)]
    for token in found:
        bent = for_mint(
            request.faults, token.mint, "missing_token", "zero_price", "absurd_price", "null_fields"
        )
        if bent is None or bent.kind != "missing_token":
            listed.append(_token(state, token, bent))
    return json_reply(listed)


def order(state: SandboxState, request: Request) -> Reply:
    """Answer `/swap/v2/order` and `/ultra/v1/order`."""
    parsed = _parse_order(state, request.query())
    if isinstance(parsed, Reply):
        return parsed
    if first(request.faults, "empty"):
        return json_reply({})
    if for_mint(request.faults, parsed.token.mint, "missing_token"):
        return _no_route(state)
    try:
        quote = state.swaps.order(parsed, request.faults)
    except NoRouteError:
        return _no_route(state)
    is_ultra = request.path.startswith("/ultra/")
    return json_reply(order_json(quote, is_ultra=is_ultra, part_bps=state.terms.platform_fee_part_bps))


def execute(state: SandboxState, request: Request) -> Reply:
    """Answer `/swap/v2/execute` and `/ultra/v1/execute`."""
    try:
        body: Any = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return json_reply({"error": "the body must be JSON"}, 400)
    if not isinstance(body, dict):
        return json_reply({"error": "the body must be a JSON object"}, 400)
    signed, request_id = body.get("signedTransaction"), body.get("requestId")
    if not isinstance(signed, str) or not isinstance(request_id, str):
        return json_reply({"error": "signedTransaction and requestId are required, both text"}, 400)
    height = body.get("lastValidBlockHeight")
    if height is not None and not str(height).isdecimal():
        return json_reply(
            {"error": "lastValidBlockHeight must be a whole number as text", "code": -1004}, 400
        )
    if first(request.faults, "empty"):
        return json_reply({})
    status, answer = state.swaps.execute(
        signed, request_id, None if height is None else int(height), request.faults
    )
    return json_reply(answer, status)


def _parse_order(state: SandboxState, query: dict[str, str]) -> QuoteRequest | Reply:
    for name in ("inputMint", "outputMint", "amount"):
        if not query.get(name):
            return json_reply({"error": f"{name} is required"}, 400)
    input_mint, output_mint, amount = query["inputMint"], query["outputMint"], query["amount"]
    if not amount.isdecimal() or not 0 < int(amount) <= _MAX_AMOUNT:
        return json_reply({"error": f"amount must be a whole number between 1 and {_MAX_AMOUNT}"}, 400)
    for name in ("inputMint", "outputMint", "taker"):
        if query.get(name) and not is_address(query[name]):
            return json_reply({"error": f"{name} is not a base58 address of 32 bytes"}, 400)
    if input_mint == output_mint:
        return json_reply({"error": "inputMint and outputMint must differ"}, 400)
    for name, most in (("slippageBps", 10_000), ("priorityFeeLamports", LAMPORTS_PER_SOL)):
        if name in query and (not query[name].isdecimal() or int(query[name]) > most):
            return json_reply({"error": f"{name} must be a whole number between 0 and {most}"}, 400)
    is_buy = input_mint == SOL_MINT
    token = state.market.tokens.get(output_mint if is_buy else input_mint)
    if token is None or (not is_buy and output_mint != SOL_MINT):
        return _no_route(state)
    return QuoteRequest(
        token=token,
        is_buy=is_buy,
        amount=int(amount),
        taker=query.get("taker") or None,
        slippage_bps=int(query.get("slippageBps", state.settings.slippage_bps)),
        priority_fee_lamports=int(query["priorityFeeLamports"]) if "priorityFeeLamports" in query else None,
        is_manual=any(name in query for name in _OPTIONAL),
    )


def _no_route(state: SandboxState) -> Reply:
    return json_reply({"error": "Failed to get quotes", "requestId": state.swaps.new_request_id()}, 400)


def _factor(fault: FaultRule | None) -> Decimal:
    if fault is None or fault.kind in ("null_fields", "garbled_price"):
        return Decimal(1)
    return Decimal(fault.factor or 1000) if fault.kind == "absurd_price" else Decimal(0)


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _token(state: SandboxState, token: SandboxToken, bent: FaultRule | None) -> dict[str, object]:
    sol_usd = state.market.sol_usd()
    price_usd = significant(state.market.price_sol(token) * sol_usd) * _factor(bent)
    value = float(price_usd * token.supply)
    created_at = _iso(token.created_at_seconds)
    if bent is not None and bent.kind == "null_fields":
        return {
            "id": token.mint,
            "name": token.name,
            "symbol": token.symbol,
            "icon": None,
            "decimals": token.decimals,
            "tokenProgram": token.program,
            "firstPool": None,
            "holderCount": None,
            "usdPrice": None,
        }
    return {
        "id": token.mint,
        "name": token.name,
        "symbol": token.symbol,
        "icon": f"https://tokens.invalid/{token.mint}.png",
        "decimals": token.decimals,
        "tokenProgram": token.program,
        "createdAt": created_at,
        "circSupply": token.supply,
        "totalSupply": token.supply,
        "firstPool": {"id": token.pool, "createdAt": created_at},
        "holderCount": token.holder_count,
        "audit": {
            "mintAuthorityDisabled": True,
            "freezeAuthorityDisabled": True,
            "topHoldersPercentage": 21.4,
            "devMints": 1,
        },
        "organicScore": 31.2,
        "organicScoreLabel": "low",
        "isVerified": False,
        "tags": [],
        "fdv": round(value, 2),
        "mcap": round(value, 2),
        "usdPrice": float(price_usd),
        "priceBlockId": state.chain.slots.slot(),
        "liquidity": round(float(2 * Decimal(token.liquidity_lamports) / LAMPORTS_PER_SOL * sol_usd), 2),
        "stats24h": {
            "priceChange": 0.0,
            "buyVolume": 161000.2,
            "sellVolume": 149400.1,
            "numBuys": 4120,
            "numSells": 3987,
            "numTraders": 1022,
        },
        "updatedAt": _iso(int(state.clock.now().timestamp())),
    }


def _sol_token(state: SandboxState) -> dict[str, object]:
    return {
        "id": SOL_MINT,
        "name": "Wrapped SOL",
        "symbol": "SOL",
        "icon": None,
        "decimals": 9,
        "tokenProgram": TOKEN_PROGRAM,
        "createdAt": _SOL_CREATED_AT,
        "holderCount": 2_900_000,
        "isVerified": True,
        "tags": ["verified"],
        "usdPrice": float(state.market.sol_usd()),
        "priceBlockId": state.chain.slots.slot(),
        "liquidity": _SOL_LIQUIDITY_USD,
        "updatedAt": _iso(int(state.clock.now().timestamp())),
    }
