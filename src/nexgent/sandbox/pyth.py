"""Pyth Hermes: the SOL/USD feed, once or as a stream."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from decimal import Decimal

import orjson

from nexgent.sandbox.constants import SOL_USD_FEED
from nexgent.sandbox.faults import CONTENT_KINDS, FaultRule, first
from nexgent.sandbox.http import Receive, Reply, Request, Send, text_reply, wait_for_disconnect
from nexgent.sandbox.state import SandboxState

_EXPO = -8
_CONF_RATIO = Decimal("0.0005")
_KEEP_ALIVE_SECONDS = 15.0
_BINARY_BYTES = 440
_BOOLEANS = {"true": True, "false": False}


def latest(state: SandboxState, request: Request) -> Reply:
    """Answer `/v2/updates/price/latest`."""
    refused = _refuse(request)
    if refused is not None:
        return refused
    return Reply(200, orjson.dumps(_update(state, request, request.faults)))


async def stream(state: SandboxState, request: Request, receive: Receive, send: Send) -> None:
    """Answer `/v2/updates/price/stream` until the client goes or a fault ends it."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")],
        }
    )
    # An empty part makes the server send its headers before the first update.
    await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
    gone = asyncio.ensure_future(wait_for_disconnect(receive))
    try:
        await _send_updates(state, request, send, gone)
    finally:
        gone.cancel()


async def _send_updates(
    state: SandboxState, request: Request, send: Send, gone: asyncio.Future[None]
) -> None:
    interval = state.settings.pyth_interval_seconds
    last_sent = state.clock.monotonic()
    ending: FaultRule | None = None
    left = 0
    while not gone.done():
        faults = state.faults.strike("pyth", None, "", CONTENT_KINDS)
        if ending is None:
            ending = first(faults, "sse_end")
            left = ending.updates if ending is not None else 0
        if ending is not None and left <= 0:
            text = ending.message or "Connection timeout reached (24h)"
            await send({"type": "http.response.body", "body": f"event:error\ndata:{text}\n\n".encode()})
            return
        if first(faults, "sse_silence") is None:
            data = orjson.dumps(_update(state, request, faults))
            await send({"type": "http.response.body", "body": b"data:" + data + b"\n\n", "more_body": True})
            last_sent = state.clock.monotonic()
            left -= 1
        elif state.clock.monotonic() - last_sent >= _KEEP_ALIVE_SECONDS:
            await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
            last_sent = state.clock.monotonic()
        await asyncio.wait((gone,), timeout=interval)


def refuse_stream(request: Request) -> Reply | None:
    """Return the plain answer to a stream request that cannot be served."""
    return _refuse(request)


def _refuse(request: Request) -> Reply | None:
    ids = []
    ignore = False
    for name, value in request.query_pairs():
        if name == "ids[]":
            ids.append(value.lower().removeprefix("0x"))
        elif name == "encoding" and value not in ("hex", "base64"):
            return text_reply("Failed to deserialize query string: encoding must be hex or base64", 400)
        elif name in ("parsed", "ignore_invalid_price_ids", "allow_unordered", "benchmarks_only"):
            if value not in _BOOLEANS:
                return text_reply(f"Failed to deserialize query string: {name} must be true or false", 400)
            ignore = ignore or (name == "ignore_invalid_price_ids" and _BOOLEANS[value])
    if not ids:
        return text_reply("Failed to deserialize query string: missing field `ids`", 400)
    if any(len(feed) != 64 or not _is_hex(feed) for feed in ids):
        return text_reply("Failed to deserialize query string: a price id has 64 hexadecimal digits", 400)
    unknown = [feed for feed in ids if feed != SOL_USD_FEED]
    if unknown and (not ignore or len(unknown) == len(ids)):
        return text_reply("Price ids not found: " + ", ".join(f"0x{feed}" for feed in unknown), 404)
    return None


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text)


def _update(state: SandboxState, request: Request, faults: list[FaultRule]) -> dict[str, object]:
    query = request.query()
    now = int(state.clock.now().timestamp())
    stale = first(faults, "stale_publish_time")
    publish_time = now - int(
        stale.seconds if stale is not None and stale.seconds is not None else 3600
    ) * bool(stale)
    value = state.market.sol_usd()
    bent = first(faults, "zero_price", "absurd_price")
    if bent is not None:
        value *= Decimal(bent.factor or 1000) if bent.kind == "absurd_price" else 0
    wide = first(faults, "wide_conf")
    ratio = Decimal(wide.factor or "0.05") if wide is not None else _CONF_RATIO
    price = {
        "price": str(int(value.scaleb(-_EXPO))),
        "conf": str(int((value * ratio).scaleb(-_EXPO))),
        "expo": _EXPO,
        "publish_time": publish_time,
    }
    raw = _binary(price["price"], publish_time)
    is_base64 = query.get("encoding") == "base64"
    text = base64.b64encode(raw).decode() if is_base64 else raw.hex()
    answer: dict[str, object] = {"binary": {"encoding": "base64" if is_base64 else "hex", "data": [text]}}
    if query.get("parsed") != "false":
        metadata = {
            "slot": state.chain.slots.slot(),
            "proof_available_time": publish_time + 1,
            "prev_publish_time": publish_time - 1,
        }
        parsed = [{"id": SOL_USD_FEED, "price": price, "ema_price": price, "metadata": metadata}]
        answer["parsed"] = [] if first(faults, "empty") else parsed
    return answer


def _binary(price: object, publish_time: int) -> bytes:
    """Return bytes that begin and are as long as an accumulator update; nobody verifies its signatures here."""
    noise = hashlib.shake_128(f"{price}/{publish_time}".encode()).digest(_BINARY_BYTES)
    return b"PNAU\x01\x00\x00\x00\x00\xb8\x01\x00" + noise
