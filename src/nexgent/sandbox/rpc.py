"""The Solana JSON-RPC: envelope, errors, and the table of methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from nexgent.sandbox import rpc_accounts, rpc_transactions
from nexgent.sandbox.faults import CONTENT_KINDS, FaultRule, first
from nexgent.sandbox.http import Reply, Request, json_reply
from nexgent.sandbox.rpc_types import RpcError, with_context
from nexgent.sandbox.state import SandboxState

Params = list[Any]
Method = Callable[[SandboxState, Params, list[FaultRule]], object]
MAX_BATCH = 100
DEFAULT_SLOTS_BEHIND = 50

METHODS: dict[str, Method] = {
    "getHealth": lambda _state, _params, _faults: "ok",
    "getGenesisHash": rpc_transactions.get_genesis_hash,
    "getSlot": rpc_transactions.get_slot,
    "getBlockTime": rpc_transactions.get_block_time,
    "getBlockHeight": rpc_transactions.get_block_height,
    "getEpochInfo": rpc_transactions.get_epoch_info,
    "getMinimumBalanceForRentExemption": rpc_accounts.get_minimum_balance_for_rent_exemption,
    "isBlockhashValid": rpc_transactions.is_blockhash_valid,
    "getBalance": rpc_accounts.get_balance,
    "getAccountInfo": rpc_accounts.get_account_info,
    "getMultipleAccounts": rpc_accounts.get_multiple_accounts,
    "getTokenAccountsByOwner": rpc_accounts.get_token_accounts_by_owner,
    "getLatestBlockhash": rpc_transactions.get_latest_blockhash,
    "getSignatureStatuses": rpc_transactions.get_signature_statuses,
    "getTransaction": rpc_transactions.get_transaction,
    "getSignaturesForAddress": rpc_transactions.get_signatures_for_address,
    "sendTransaction": rpc_transactions.send_transaction,
    "simulateTransaction": rpc_transactions.simulate_transaction,
}


def method_of(body: bytes) -> str | None:
    """Return the method of a call, for fault rules; of a batch the first one's."""
    try:
        call: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if isinstance(call, list):
        call = call[0] if call else None
    method = call.get("method") if isinstance(call, dict) else None
    return method if isinstance(method, str) else None


def handle_second(state: SandboxState, request: Request) -> Reply:
    """Answer as the second node, which is behind."""
    with state.chain.slots.seen_behind(state.terms.second_node_slots_behind):
        return _handle(state, request)


def handle(state: SandboxState, request: Request) -> Reply:
    """Answer a call or a batch of calls, as a node that is behind when a fault says so."""
    behind = first(request.faults, "behind")
    with state.chain.slots.seen_behind(_slots_behind(behind) if behind is not None else 0):
        return _handle(state, request)


def _slots_behind(fault: FaultRule) -> int:
    return DEFAULT_SLOTS_BEHIND if fault.slots is None else fault.slots


def _handle(state: SandboxState, request: Request) -> Reply:
    try:
        body: Any = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return json_reply(_error(None, RpcError(-32700, "Parse error")))
    if not isinstance(body, list):
        return json_reply(_answer(state, body, request.faults))
    if not 0 < len(body) <= MAX_BATCH:
        return json_reply(_error(None, RpcError(-32600, f"a batch holds 1 to {MAX_BATCH} calls")))
    answers = [_answer(state, body[0], request.faults)]
    for call in body[1:]:
        method = call.get("method") if isinstance(call, dict) else None
        faults = state.faults.strike("rpc", method, orjson.dumps(call).decode(), CONTENT_KINDS)
        answers.append(_answer(state, call, faults))
    return json_reply(answers)


def _answer(state: SandboxState, call: Any, faults: list[FaultRule]) -> dict[str, object]:
    if not isinstance(call, dict) or call.get("jsonrpc") != "2.0" or not isinstance(call.get("method"), str):
        return _error(None, RpcError(-32600, "Invalid request"))
    call_id = call.get("id")
    method = METHODS.get(call["method"])
    params = call.get("params", [])
    fault = first(faults, "rpc_error")
    try:
        if fault is not None:
            raise _injected(state, fault)
        if method is None:
            raise RpcError(-32601, "Method not found")
        if not isinstance(params, list):
            raise RpcError(-32602, "Invalid params: an array is expected")
        blank = first(faults, "empty") is not None
        result = _empty(state, call["method"], params) if blank else method(state, params, faults)
    except RpcError as error:
        return _error(call_id, error)
    return {"jsonrpc": "2.0", "result": result, "id": call_id}


def _injected(state: SandboxState, fault: FaultRule) -> RpcError:
    code = fault.code if fault.code is not None else -32005
    data = fault.data
    if data is None and code == -32005:
        data = {"numSlotsBehind": 42}
    if data is None and code == -32016:
        data = {"contextSlot": state.chain.slots.slot() - 42}
    messages = {-32005: "Node is behind by 42 slots", -32016: "Minimum context slot has not been reached"}
    return RpcError(code, fault.message or messages.get(code, "Injected error"), data)


def _empty(state: SandboxState, method: str, params: Params) -> object:
    """Return the answer of a node that knows nothing."""
    match method:
        case "getSignatureStatuses":
            asked = params[0] if params and isinstance(params[0], list) else []
            return with_context(state, [None] * len(asked))
        case "getTokenAccountsByOwner":
            return with_context(state, [])
        case "getBalance":
            return with_context(state, 0)
        case "getAccountInfo":
            return with_context(state, None)
        case "getSignaturesForAddress":
            return []
        case _:
            return None


def _error(call_id: object, error: RpcError) -> dict[str, object]:
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return {"jsonrpc": "2.0", "error": body, "id": call_id}
