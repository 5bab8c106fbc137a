"""The control API: what tests, the demo and benchmarks do to the market. JSON in, JSON out, camelCase.

Bad input is answered with 400 `{"error": "…"}`. Prices are numbers or text (text keeps every digit), amounts base units.

    GET    /control/state        seed, slot, blockHeight, solUsd, walk, chain, accounts, faults, scriptedQuotes, rateLimits
    GET    /control/tokens       {"tokens": [{mint, symbol, name, decimals, program, priceSol, liquiditySol, walking,
                                 holderCount, supply, transferFeeBps, pool}]}
    POST   /control/tokens       {"tokens": [{mint?, symbol, name?, decimals=6, liquiditySol=500, priceSol, program="Token" |
                                 "Token-2022", holderCount, supply, transferFeeBps=0, walk=false}], "generate"?: n,
                                 "replace"?: bool}; answers the tokens made. The same mint replaces a token.
    POST   /control/price        {mint, priceSol, liquiditySol?, walk=false} or {"prices": {mint: price}, walk=false}
    POST   /control/sol-usd      {"price": 150}
    POST   /control/walk         {enabled?, volatility?, intervalSeconds?, advance?: steps}
    POST   /control/fund         {address, lamports? | mint+amount?, set=false}
    POST   /control/faults       {"rules": [rule, …]} or one rule; DELETE drops all, GET lists them with `struck`
    POST   /control/quotes       {"quotes": [scripted quote, …]} or one; used up in order per mint and direction; DELETE
    POST   /control/slots        {"advance": n}
    POST   /control/chain        {slotSeconds? (0 stops the clock), orderVersion? 0 | 1, rentLamports?, secondNodeSlotsBehind?,
                                 understatedBlocks? (by which orders understate lastValidBlockHeight), platformFeePartBps?,
                                 genesis? (any text: another chain's genesis hash is told)}; GET shows them
    POST   /control/rate-limits  {enabled?, limits?: {jupiter, execute, dexscreener, pyth, rpc: n}}
    GET    /control/requests     {"counts": {endpoint: n, "rpc.getBalance": n}, "total": n, "last": [{endpoint, method, path,
                                 status, atSeconds}]}, `?last=n` (50)
    POST   /control/reset        back to the settings: market, chain, faults, scripts, counters

A fault rule is `{kind, endpoint="*", method?, mint?, times?, probability=1, …}`; endpoint order, execute, price,
dexscreener, tokens, pyth, rpc or *; method an RPC method; mint restricts it to requests that name it. Kinds:

    delay(seconds=1), timeout(seconds=60, then cut), drop_before, drop_after (cut before / after taking effect),
    status(status=500, message?, headers?), rate_limit(seconds until reset=1, headers?), html_error(status=503);
        with `after: true` delay, timeout, status and html_error come after the request took effect
    empty, missing_token, null_fields, zero_price, absurd_price(factor=1000),
        garbled_price(message="NaN": what stands in the place of the price, as text)
    other_price(priceSol: what this source says, at price or dexscreener, of the mint it names),
        frozen_price (this source goes on saying what it said when the rule struck first; of SOL as well, unless a mint is named)
    stale_publish_time(seconds=3600), wide_conf(factor=0.05 of the price), sse_silence, sse_end(updates still sent=0)
    hostile(message: which way the transaction of the order differs from the order, one of extra_transfer, hidden_in_lookup,
        delegate, set_authority, close_account, assign_wallet, other_accounts, wrong_mint, mint_swapped, foreign_payer,
        foreign_payer_rfq, fee_100, amount_10, no_minimum_out, any_slippage, half_minimum, half_out, unknown_program,
        other_blockhash; lookup_table is honest)
    order_error(code=1, message?), fail_execute(code; positive = lands and reverts), rpc_error(code=-32005, message?, data?)
    vanish (execute answers -1000, sendTransaction a signature; nothing lands),
    land_later(seconds | slots=10; answers like vanish, and lands if the blockhash is still valid then)
    false_success (execute answers Success, nothing lands), wrong_amounts(factor=2; lands, the answer tells other amounts);
        fail_execute with `after: true` lands and answers the code all the same
    behind(slots=50; the node that answers the RPC is that far behind; `/rpc/second` always is)

A scripted quote is `{mint, direction: "buy"|"sell", inAmount?, outAmount?, fillOutAmount?, feeBps?, platformFeeLamports?,
signatureFeeLamports?, prioritizationFeeLamports?, rentFeeLamports?, priceImpact? (percent), priceImpactPct? (ratio),
swapUsdValue?, inUsdValue?, outUsdValue?, slippageBps?, router?, times=1, extra?: {field: value}, omit?: [field]}`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from nexgent.sandbox import control_models as models
from nexgent.sandbox.constants import LAMPORTS_PER_SOL, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from nexgent.sandbox.faults import FaultRule
from nexgent.sandbox.http import Reply, Request, json_reply
from nexgent.sandbox.quotes import ScriptedQuote
from nexgent.sandbox.state import SandboxState
from nexgent.sandbox.tokens import SandboxToken, derive_address

_M = TypeVar("_M", bound=models.ControlModel)
_MAX_PROBLEMS = 5


class ControlError(Exception):
    """The request cannot be served; the text says what is allowed."""


def handle(state: SandboxState, request: Request) -> Reply:
    """Answer a request below `/control/`."""
    name = request.path.removeprefix("/control/").strip("/")
    methods = _ROUTES.get(name)
    if methods is None:
        return json_reply(
            {"error": f"unknown; allowed are {', '.join(f'/control/{n}' for n in _ROUTES)}"}, 404
        )
    action = methods.get(request.method)
    if action is None:
        return json_reply({"error": f"{request.method} is not allowed here, only {', '.join(methods)}"}, 405)
    try:
        return json_reply(action(state, request))
    except ControlError as error:
        return json_reply({"error": str(error)}, 400)


def _body(request: Request, model: type[_M], *, wrap: str | None = None) -> _M:
    """Return the validated body; `wrap` names the list a bare object or array stands for."""
    try:
        raw: Any = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError as error:
        raise ControlError(f"the body must be JSON: {error}") from error
    if wrap is not None and isinstance(raw, list):
        raw = {wrap: raw}
    elif wrap is not None and isinstance(raw, dict) and ("mint" in raw or "kind" in raw or "symbol" in raw):
        raw = {wrap: [raw]}
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()[:_MAX_PROBLEMS]
        ]
        raise ControlError("; ".join(problems)) from error


def _get_state(state: SandboxState, _request: Request) -> object:
    market, chain = state.market, state.chain
    balances: dict[str, dict[str, object]] = {}
    chain.settle()
    for address, lamports in chain.accounts.balances():
        tokens = {a.mint: str(a.amount) for a in chain.accounts.token_accounts(address)}
        balances[address] = {"lamports": lamports, "tokens": tokens}
    return {
        "seed": state.settings.seed,
        "slot": chain.slots.slot(),
        "blockHeight": chain.slots.height(),
        "solUsd": format(market.sol_usd(), "f"),
        "tokens": len(market.tokens),
        "walk": _walk_json(state),
        "chain": chain.counts(),
        "accounts": balances,
        "faults": len([rule for rule in state.faults.rules if not rule.spent]),
        "scriptedQuotes": state.scripts.waiting(),
        "rateLimits": _limits_json(state),
    }


def _walk_json(state: SandboxState) -> dict[str, object]:
    walk = state.market.walk_clock
    return {
        "enabled": walk.enabled,
        "volatility": walk.volatility,
        "intervalSeconds": walk.interval_seconds,
        "step": walk.step(),
    }


def _limits_json(state: SandboxState) -> dict[str, object]:
    limits = {name: bucket.limit for name, bucket in state.limits.buckets.items()}
    return {"enabled": state.limits.enabled, "limits": limits}


def _token_json(state: SandboxState, token: SandboxToken) -> dict[str, object]:
    return {
        "mint": token.mint,
        "symbol": token.symbol,
        "name": token.name,
        "decimals": token.decimals,
        "program": "Token-2022" if token.program == TOKEN_2022_PROGRAM else "Token",
        "priceSol": format(state.market.price_sol(token), "f"),
        "liquiditySol": format(Decimal(token.liquidity_lamports) / LAMPORTS_PER_SOL, "f"),
        "walking": token.walk is not None,
        "holderCount": token.holder_count,
        "supply": token.supply,
        "transferFeeBps": token.transfer_fee_bps,
        "pool": token.pool,
    }


def _get_tokens(state: SandboxState, _request: Request) -> object:
    return {"tokens": [_token_json(state, token) for token in state.market.tokens.values()]}


def _post_tokens(state: SandboxState, request: Request) -> object:
    body = _body(request, models.TokensIn, wrap="tokens")
    if not body.tokens and not body.generate and not body.replace:
        raise ControlError("give tokens, or generate with a count")
    if body.replace:
        state.market.clear()
    made = []
    for item in body.tokens:
        mint = item.mint or derive_address(state.settings.seed, f"mint/{item.symbol}")
        token = SandboxToken(
            mint=mint,
            symbol=item.symbol,
            name=item.name or item.symbol,
            decimals=item.decimals,
            program=TOKEN_2022_PROGRAM if item.program == "Token-2022" else TOKEN_PROGRAM,
            liquidity_lamports=int(item.liquidity_sol * LAMPORTS_PER_SOL),
            supply=item.supply,
            holder_count=item.holder_count,
            price_sol=item.price_sol,
            pool=derive_address(state.settings.seed, f"pool/{mint}"),
            created_at_seconds=state.market.started_at_seconds - 7 * 86_400,
            transfer_fee_bps=item.transfer_fee_bps,
        )
        state.market.add([token], walk=item.walk)
        made.append(token)
    made.extend(state.market.generate(body.generate))
    return {"tokens": [_token_json(state, token) for token in made]}


def _known_token(state: SandboxState, mint: str) -> SandboxToken:
    token = state.market.tokens.get(mint)
    if token is None:
        raise ControlError(f"no token with mint {mint}; GET /control/tokens lists them, POST creates one")
    return token


def _post_price(state: SandboxState, request: Request) -> object:
    body = _body(request, models.PriceIn)
    prices = dict(body.prices)
    if body.mint is not None and body.price_sol is not None:
        prices[body.mint] = body.price_sol
    # All are looked up before the first is set: a request applies as a whole or not at all.
    found = [(_known_token(state, mint), price) for mint, price in prices.items()]
    for token, price in found:
        state.market.set_price(token, price, walk=body.walk)
        if body.liquidity_sol is not None:
            state.market.set_liquidity(token, int(body.liquidity_sol * LAMPORTS_PER_SOL))
    return {"prices": {token.mint: format(price, "f") for token, price in found}}


def _post_sol_usd(state: SandboxState, request: Request) -> object:
    state.market.set_sol_usd(_body(request, models.SolUsdIn).price)
    return {"solUsd": format(state.market.sol_usd(), "f")}


def _post_walk(state: SandboxState, request: Request) -> object:
    body = _body(request, models.WalkIn)
    walk = state.market.walk_clock
    walk.change(enabled=body.enabled, volatility=body.volatility, interval_seconds=body.interval_seconds)
    walk.advance(body.advance)
    return _walk_json(state)


def _post_fund(state: SandboxState, request: Request) -> object:
    body = _body(request, models.FundIn)
    accounts = state.chain.accounts
    state.chain.settle()
    token = _known_token(state, body.mint) if body.mint is not None else None
    if body.lamports is not None:
        accounts.set_lamports(
            body.address, body.lamports + (0 if body.set else accounts.lamports(body.address))
        )
    if token is not None and body.amount is not None:
        account = accounts.open_token_account(body.address, token.mint, token.program, token.decimals)
        account.amount = body.amount + (0 if body.set else account.amount)
    tokens = {account.mint: str(account.amount) for account in accounts.token_accounts(body.address)}
    return {"address": body.address, "lamports": accounts.lamports(body.address), "tokens": tokens}


def _faults_json(state: SandboxState) -> object:
    return {"rules": [asdict(rule) for rule in state.faults.rules]}


def _post_faults(state: SandboxState, request: Request) -> object:
    body = _body(request, models.FaultsIn, wrap="rules")
    for rule in body.rules:
        values = rule.model_dump()
        for name in ("factor", "price_sol"):
            values[name] = None if values[name] is None else format(values[name], "f")
        state.faults.add([FaultRule(**values)])
    return _faults_json(state)


def _delete_faults(state: SandboxState, _request: Request) -> object:
    state.faults.clear()
    return _faults_json(state)


def _post_quotes(state: SandboxState, request: Request) -> object:
    body = _body(request, models.QuotesIn, wrap="quotes")
    for item in body.quotes:
        _known_token(state, item.mint)
    for item in body.quotes:
        state.scripts.add(ScriptedQuote(**{**item.model_dump(), "omit": tuple(item.omit)}))
    return {"waiting": state.scripts.waiting()}


def _delete_quotes(state: SandboxState, _request: Request) -> object:
    state.scripts.clear()
    return {"waiting": 0}


def _post_slots(state: SandboxState, request: Request) -> object:
    state.chain.slots.advance(_body(request, models.SlotsIn).advance)
    state.chain.settle()
    return {"slot": state.chain.slots.slot(), "blockHeight": state.chain.slots.height()}


def _chain_json(state: SandboxState) -> object:
    return {to_camel(name): value for name, value in asdict(state.terms).items()}


def _post_chain(state: SandboxState, request: Request) -> object:
    changes = _body(request, models.ChainIn).model_dump(exclude_none=True)
    for name, value in changes.items():
        setattr(state.terms, name, value)
    if "slot_seconds" in changes:
        state.chain.slots.pace(state.terms.slot_seconds)
    return _chain_json(state)


def _post_rate_limits(state: SandboxState, request: Request) -> object:
    body = _body(request, models.RateLimitsIn)
    if body.enabled is not None:
        state.limits.enabled = body.enabled
    for name, limit in body.limits.items():
        state.limits.buckets[name].limit = limit
    return _limits_json(state)


def _get_requests(state: SandboxState, request: Request) -> object:
    last = request.query().get("last", "50")
    if not last.isdecimal():
        raise ControlError("last must be a whole number")
    log = list(state.requests.last)
    counts = dict(state.requests.counts)
    # A call of the RPC is counted as "rpc" and, a second time, as "rpc.<method>".
    total = sum(count for name, count in counts.items() if "." not in name)
    return {"counts": counts, "total": total, "last": log[-int(last) :] if int(last) else []}


def _post_reset(state: SandboxState, _request: Request) -> object:
    state.reset()
    return {"reset": True}


_Action = Callable[[SandboxState, Request], object]
_ROUTES: dict[str, dict[str, _Action]] = {
    "state": {"GET": _get_state},
    "tokens": {"GET": _get_tokens, "POST": _post_tokens},
    "price": {"POST": _post_price},
    "sol-usd": {"POST": _post_sol_usd},
    "walk": {"POST": _post_walk},
    "fund": {"POST": _post_fund},
    "faults": {
        "GET": lambda state, _request: _faults_json(state),
        "POST": _post_faults,
        "DELETE": _delete_faults,
    },
    "quotes": {"POST": _post_quotes, "DELETE": _delete_quotes},
    "slots": {"POST": _post_slots},
    "chain": {"GET": lambda state, _request: _chain_json(state), "POST": _post_chain},
    "rate-limits": {"POST": _post_rate_limits},
    "requests": {"GET": _get_requests},
    "reset": {"POST": _post_reset},
}
