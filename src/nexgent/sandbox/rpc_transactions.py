"""RPC methods about blockhashes and transactions."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from solders.hash import Hash
from solders.message import MessageV1, from_bytes_versioned
from solders.signature import Signature

from nexgent.sandbox.chain import Simulation, TransactionRecord
from nexgent.sandbox.constants import FINALIZED_AFTER_SLOTS
from nexgent.sandbox.execution import COMPUTE_UNITS_CONSUMED, TokenAmount
from nexgent.sandbox.faults import FaultRule, first
from nexgent.sandbox.rpc_accounts import account_json, ui_amount
from nexgent.sandbox.rpc_types import RpcError, address_at, config_at, with_context
from nexgent.sandbox.state import SandboxState
from nexgent.sandbox.swaps import later_slots
from nexgent.sandbox.transactions import BrokenTransactionError, ParsedTransaction, parse_transaction

_MAX_STATUSES = 256
_MAX_SIGNATURES = 1000
# Without a history search a node looks only at the slots of its status cache.
_STATUS_CACHE_SLOTS = 150
_SLOTS_IN_EPOCH = 432_000


def get_slot(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return the newest slot."""
    config_at(state, params, 0)
    return state.chain.slots.slot()


def get_block_time(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return when a block was made, in whole seconds; a node does not know those to come."""
    slot = params[0] if params else None
    if not isinstance(slot, int) or isinstance(slot, bool) or slot < 0:
        raise RpcError(-32602, "Invalid params: invalid type, expected u64")
    if slot > state.chain.slots.slot():
        raise RpcError(-32004, f"Block not available for slot {slot}")
    return state.chain.block_time_seconds(slot)


def get_block_height(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return the height of the newest block."""
    config_at(state, params, 0)
    return state.chain.slots.height()


def get_genesis_hash(state: SandboxState, _params: list[Any], _faults: list[FaultRule]) -> object:
    """Return the name of the chain: that of the seed, or another one when a fault says so."""
    return state.chain.genesis_hash


def get_epoch_info(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return slot and height of one moment, as one node sees them."""
    config_at(state, params, 0)
    slot = state.chain.slots.slot()
    return {
        "absoluteSlot": slot,
        "blockHeight": state.chain.slots.height(),
        "epoch": slot // _SLOTS_IN_EPOCH,
        "slotIndex": slot % _SLOTS_IN_EPOCH,
        "slotsInEpoch": _SLOTS_IN_EPOCH,
        "transactionCount": None,
    }


def is_blockhash_valid(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Say whether a transaction with a blockhash can still land."""
    if not params or not isinstance(params[0], str):
        raise RpcError(-32602, "`params` should have at least 1 argument(s)")
    config_at(state, params, 1)
    try:
        Hash.from_string(params[0])
    except ValueError as error:
        raise RpcError(-32602, "Invalid param: WrongSize") from error
    return with_context(state, state.chain.blockhash_valid_at(params[0], state.chain.slots.slot()))


def get_latest_blockhash(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return a blockhash and the last height it is valid at."""
    config_at(state, params, 0)
    blockhash, last_valid = state.chain.latest_blockhash()
    return with_context(state, {"blockhash": str(blockhash), "lastValidBlockHeight": last_valid})


def get_signature_statuses(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return the status of each signature in request order, null for an unknown one."""
    if not params or not isinstance(params[0], list) or len(params[0]) > _MAX_STATUSES:
        raise RpcError(-32602, f"Invalid params: an array of at most {_MAX_STATUSES} signatures is expected")
    history = config_at(state, params, 1).get("searchTransactionHistory") is True
    slot = state.chain.slots.slot()
    values: list[object] = []
    for text in params[0]:
        record = state.chain.record(_signature(text))
        if record is None or (not history and slot - record.slot > _STATUS_CACHE_SLOTS):
            values.append(None)
            continue
        finalized = slot - record.slot >= FINALIZED_AFTER_SLOTS
        values.append(
            {
                "slot": record.slot,
                "confirmations": None if finalized else slot - record.slot,
                "err": record.err,
                "status": {"Ok": None} if record.err is None else {"Err": record.err},
                "confirmationStatus": "finalized" if finalized else "confirmed",
            }
        )
    return with_context(state, values)


def get_transaction(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return a landed transaction with its effects, or null."""
    if not params:
        raise RpcError(-32602, "`params` should have at least 1 argument(s)")
    config = config_at(state, params, 1)
    record = state.chain.record(_signature(params[0]))
    if record is None or not _reached(state, record, config):
        return None
    version, most = record.transaction.version, config.get("maxSupportedTransactionVersion")
    if isinstance(version, int) and (not isinstance(most, int) or version > most):
        raise RpcError(
            -32015,
            f"Transaction version ({version}) is not supported by the requesting client. "
            "Please try the request again with the following configuration parameter: "
            f'"maxSupportedTransactionVersion": {version}',
        )
    return {
        "slot": record.slot,
        "blockTime": record.block_time_seconds,
        "version": record.transaction.version,
        "transaction": _transaction_json(record.transaction, config.get("encoding", "json")),
        "meta": _meta(record),
    }


def get_signatures_for_address(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return the signatures that mention an address, newest first."""
    address = address_at(params, 0)
    config = config_at(state, params, 1)
    limit = config.get("limit", _MAX_SIGNATURES)
    if not isinstance(limit, int) or not 1 <= limit <= _MAX_SIGNATURES:
        raise RpcError(-32602, f"Invalid limit; max {_MAX_SIGNATURES}")
    found = list(reversed(state.chain.signatures_of(address)))
    if config.get("before") in found:
        found = found[found.index(config["before"]) + 1 :]
    if config.get("until") in found:
        found = found[: found.index(config["until"])]
    slot = state.chain.slots.slot()
    listed = []
    for signature in found:
        record = state.chain.record(signature)
        if record is None or not _reached(state, record, config):
            continue
        listed.append(
            {
                "signature": signature,
                "slot": record.slot,
                "err": record.err,
                "memo": None,
                "blockTime": record.block_time_seconds,
                "confirmationStatus": "finalized"
                if slot - record.slot >= FINALIZED_AFTER_SLOTS
                else "confirmed",
            }
        )
    return listed[:limit]


def send_transaction(state: SandboxState, params: list[Any], faults: list[FaultRule]) -> object:
    """Accept a transaction and return its signature; it lands, or not, some slots later."""
    config = config_at(state, params, 1)
    transaction = _decode(state, params, config)
    if not transaction.fully_signed or not transaction.valid_signatures:
        raise RpcError(-32003, "Transaction signature verification failure")
    if config.get("skipPreflight") is not True:
        simulation = state.chain.simulate(transaction)
        if simulation.err is not None:
            message = f"Transaction simulation failed: {_describe(simulation.err)}"
            data = _simulation_json(simulation)
            del data["loadedAccountsDataSize"]
            raise RpcError(-32002, message, data)
    fault = first(faults, "vanish", "land_later")
    if fault is None:
        state.chain.submit(transaction, after_slots=state.settings.landing_slots)
    elif fault.kind == "land_later":
        state.chain.submit(transaction, after_slots=later_slots(state.chain, fault))
    return transaction.signature


def simulate_transaction(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return what a transaction would do."""
    config = config_at(state, params, 1)
    verify, replace = config.get("sigVerify") is True, config.get("replaceRecentBlockhash") is True
    if verify and replace:
        raise RpcError(-32602, "sigVerify may not be used with replaceRecentBlockhash")
    transaction = _decode(state, params, config)
    if verify and not (transaction.fully_signed and transaction.valid_signatures):
        raise RpcError(-32003, "Transaction signature verification failure")
    simulation = state.chain.simulate(transaction, check_blockhash=not replace)
    answer = _simulation_json(simulation)
    answer["accounts"] = _accounts_after(state, simulation, transaction, config.get("accounts"))
    if replace:
        blockhash, last_valid = state.chain.latest_blockhash()
        answer["replacementBlockhash"] = {"blockhash": str(blockhash), "lastValidBlockHeight": last_valid}
    return with_context(state, answer)


def _accounts_after(
    state: SandboxState, simulation: Simulation, transaction: ParsedTransaction, wanted: object
) -> list[object] | None:
    """Return the accounts asked for as a simulation leaves them; of a failed one nothing is told."""
    if wanted is None:
        return None
    addresses = wanted.get("addresses") if isinstance(wanted, dict) else None
    if not isinstance(addresses, list) or len(addresses) > len(transaction.keys):
        raise RpcError(
            -32602, "Invalid params: accounts takes at most as many addresses as the transaction has"
        )
    names = [address_at(addresses, index) for index in range(len(addresses))]
    if simulation.err is not None:
        return [None] * len(names)
    encoding = wanted.get("encoding", "base64") if isinstance(wanted, dict) else "base64"
    return [
        account_json(state, simulation.accounts, name, encoding) if name in transaction.keys else None
        for name in names
    ]


def _decode(state: SandboxState, params: list[Any], config: dict[str, Any]) -> ParsedTransaction:
    if not params or not isinstance(params[0], str):
        raise RpcError(-32602, "Invalid params: an encoded transaction is expected")
    if config.get("encoding") != "base64":
        raise RpcError(-32602, "Invalid params: this node takes transactions in the encoding base64 only")
    try:
        return parse_transaction(base64.b64decode(params[0], validate=True), state.chain.lookup_tables)
    except (binascii.Error, BrokenTransactionError) as error:
        raise RpcError(-32602, f"invalid transaction: {error}") from error


def _signature(text: object) -> str:
    try:
        return str(Signature.from_string(text if isinstance(text, str) else ""))
    except ValueError as error:
        raise RpcError(-32602, "Invalid param: WrongSize") from error


def _reached(state: SandboxState, record: TransactionRecord, config: dict[str, Any]) -> bool:
    """Say whether a record has the commitment asked for; the default is finalized, as on the real chain."""
    if config.get("commitment", "finalized") != "finalized":
        return True
    return state.chain.slots.slot() - record.slot >= FINALIZED_AFTER_SLOTS


def _describe(err: object) -> str:
    match err:
        case {"InstructionError": [index, {"Custom": int(code)}]}:
            return f"Error processing Instruction {index}: custom program error: {code:#x}"
        case {"InstructionError": [index, text]}:
            return f"Error processing Instruction {index}: {text}"
        case "BlockhashNotFound":
            return "Blockhash not found"
        case "AlreadyProcessed":
            return "This transaction has already been processed"
        case _:
            return str(err)


def _simulation_json(simulation: Simulation) -> dict[str, object]:
    return {
        "err": simulation.err,
        "logs": simulation.logs,
        "accounts": None,
        "unitsConsumed": COMPUTE_UNITS_CONSUMED if simulation.logs else 0,
        "loadedAccountsDataSize": 1_203_411 if simulation.logs else 0,
        "returnData": None,
        "innerInstructions": None,
        "replacementBlockhash": None,
    }


def _meta(record: TransactionRecord) -> dict[str, object]:
    return {
        "err": record.err,
        "status": {"Ok": None} if record.err is None else {"Err": record.err},
        "fee": record.transaction.fee_lamports,
        "preBalances": record.pre_lamports,
        "postBalances": record.post_lamports,
        "preTokenBalances": [_token_balance(amount) for amount in record.pre_tokens],
        "postTokenBalances": [_token_balance(amount) for amount in record.post_tokens],
        "innerInstructions": [],
        "logMessages": record.logs,
        "rewards": [],
        "loadedAddresses": {"readonly": [], "writable": []},
        "computeUnitsConsumed": COMPUTE_UNITS_CONSUMED,
    }


def _token_balance(amount: TokenAmount) -> dict[str, object]:
    return {
        "accountIndex": amount.account_index,
        "mint": amount.mint,
        "owner": amount.owner,
        "programId": amount.program,
        "uiTokenAmount": ui_amount(amount.amount, amount.decimals),
    }


def _transaction_json(transaction: ParsedTransaction, encoding: object) -> object:
    if encoding == "base64":
        return [base64.b64encode(transaction.raw).decode(), "base64"]
    if encoding not in ("json", "jsonParsed"):
        raise RpcError(-32602, "Invalid params: this node serves the encodings json, jsonParsed and base64")
    if encoding == "json":
        header = from_bytes_versioned(transaction.message).header
        return {
            "signatures": list(transaction.signatures),
            "message": {
                "accountKeys": list(transaction.keys),
                "header": {
                    "numRequiredSignatures": header.num_required_signatures,
                    "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
                    "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
                },
                "recentBlockhash": transaction.blockhash,
                "instructions": [
                    {
                        "programIdIndex": transaction.keys.index(instruction.program),
                        "accounts": [transaction.keys.index(account) for account in instruction.accounts],
                        "data": base58(instruction.data),
                        "stackHeight": None,
                    }
                    for instruction in transaction.instructions
                ],
                **_of_version(transaction),
            },
        }
    return {
        "signatures": list(transaction.signatures),
        "message": {
            "accountKeys": [
                {
                    "pubkey": key,
                    "signer": index < transaction.signer_count,
                    "source": "transaction",
                    "writable": transaction.writable[index],
                }
                for index, key in enumerate(transaction.keys)
            ],
            "recentBlockhash": transaction.blockhash,
            "instructions": [
                {
                    "programId": instruction.program,
                    "accounts": list(instruction.accounts),
                    "data": base58(instruction.data),
                    "stackHeight": None,
                }
                for instruction in transaction.instructions
            ],
            **_of_version(transaction),
        },
    }


def _of_version(transaction: ParsedTransaction) -> dict[str, object]:
    """Return what only one version of a message has."""
    if transaction.version != 1:
        return {"addressTableLookups": []}
    message = from_bytes_versioned(transaction.message)
    if not isinstance(message, MessageV1):
        return {}
    return {
        "transactionConfig": {
            "priorityFee": message.config.priority_fee,
            "computeUnitLimit": message.config.compute_unit_limit,
            "loadedAccountsDataSizeLimit": message.config.loaded_accounts_data_size_limit,
            "heapSize": message.config.heap_size,
        }
    }


_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(raw: bytes) -> str:
    """Return bytes in base58, the way the RPC shows instruction data."""
    value = int.from_bytes(raw, "big")
    digits = ""
    while value:
        value, digit = divmod(value, 58)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + digits
