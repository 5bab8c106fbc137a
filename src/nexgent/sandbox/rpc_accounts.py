"""RPC methods that look at accounts."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from solders.pubkey import Pubkey

from nexgent.sandbox.accounts import Accounts, TokenAccount
from nexgent.sandbox.constants import (
    LOOKUP_TABLE_PROGRAM,
    RENT_EPOCH,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from nexgent.sandbox.faults import FaultRule
from nexgent.sandbox.rpc_types import RpcError, address_at, config_at, with_context
from nexgent.sandbox.state import SandboxState
from nexgent.sandbox.tokens import SandboxToken

_MAX_ACCOUNTS = 100
_MAX_ACCOUNT_BYTES = 10 * 1024 * 1024
_PROGRAM_NAMES = {TOKEN_PROGRAM: "spl-token", TOKEN_2022_PROGRAM: "spl-token-2022"}
_MINT_BYTES = 82
_TABLE_HEADER_BYTES = 56
_ALL_ONES = (2**64 - 1).to_bytes(8, "little")
_ACCOUNT_BYTES = 165
# Extension 1 of a mint: two authorities, a withheld amount and an older and a newer fee of 18 bytes each.
_TRANSFER_FEE_EXTENSION = 1
_TRANSFER_FEE_BYTES = 108


def get_minimum_balance_for_rent_exemption(
    state: SandboxState, params: list[Any], _faults: list[FaultRule]
) -> object:
    """Return the deposit of an account of a size."""
    size = params[0] if params else None
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_ACCOUNT_BYTES:
        raise RpcError(-32602, "Invalid params: a size in bytes is expected")
    config_at(state, params, 1)
    return state.terms.rent_for(size)


def get_balance(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return lamports, 0 for an unknown account."""
    address = address_at(params, 0)
    config_at(state, params, 1)
    state.chain.tell(address)
    return with_context(state, state.chain.accounts.lamports(address))


def get_account_info(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return a mint, a token account, a wallet, or null."""
    address = address_at(params, 0)
    config = config_at(state, params, 1)
    state.chain.settle()
    return with_context(
        state, account_json(state, state.chain.accounts, address, config.get("encoding", "base58"))
    )


def get_multiple_accounts(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return up to 100 accounts in request order."""
    if not params or not isinstance(params[0], list) or len(params[0]) > _MAX_ACCOUNTS:
        raise RpcError(-32602, f"Invalid params: an array of at most {_MAX_ACCOUNTS} addresses is expected")
    config = config_at(state, params, 1)
    state.chain.settle()
    addresses = [address_at(params[0], index) for index in range(len(params[0]))]
    encoding = config.get("encoding", "base64")
    return with_context(
        state, [account_json(state, state.chain.accounts, address, encoding) for address in addresses]
    )


def get_token_accounts_by_owner(state: SandboxState, params: list[Any], _faults: list[FaultRule]) -> object:
    """Return the token accounts of an owner for one mint or one token program."""
    owner = address_at(params, 0)
    wanted = params[1] if len(params) > 1 else None
    if not isinstance(wanted, dict) or len(wanted) != 1 or next(iter(wanted)) not in ("mint", "programId"):
        raise RpcError(-32602, "Invalid params: exactly one of mint and programId is expected")
    config = config_at(state, params, 2)
    name, value = next(iter(wanted.items()))
    if name == "programId" and value not in _PROGRAM_NAMES:
        raise RpcError(-32602, "Invalid param: unrecognized Token program id")
    if name == "mint" and value not in state.market.tokens:
        raise RpcError(-32602, "Invalid param: could not find mint")
    state.chain.tell(owner)
    encoding = config.get("encoding", "base64")
    found = [
        {"pubkey": account.address, "account": _token_account(state.chain.accounts, account, encoding)}
        for account in state.chain.accounts.token_accounts(owner)
        if value == (account.mint if name == "mint" else account.program)
    ]
    return with_context(state, found)


def ui_amount(amount: int, decimals: int) -> dict[str, object]:
    """Return an amount the way the RPC shows it."""
    human = Decimal(amount).scaleb(-decimals)
    text = format(human, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return {"amount": str(amount), "decimals": decimals, "uiAmount": float(human), "uiAmountString": text}


def account_json(
    state: SandboxState, accounts: Accounts, address: str, encoding: object
) -> dict[str, object] | None:
    """Return an account out of those given the way the RPC shows it, null when it does not exist."""
    token = state.market.tokens.get(address)
    if token is not None:
        return _mint(state, token, encoding)
    table = state.chain.lookup_tables.get(address)
    if table is not None:
        raw = _table_bytes(table)
        return _wrapped(
            state.terms.rent_for(len(raw)), LOOKUP_TABLE_PROGRAM, len(raw), _encoded(raw, encoding)
        )
    held = accounts.token_account_at(address)
    if held is not None:
        return _token_account(accounts, held, encoding)
    lamports = accounts.lamports(address)
    if not lamports:
        return None
    return _wrapped(
        lamports, SYSTEM_PROGRAM, 0, _encoded(b"", "base64" if encoding == "jsonParsed" else encoding)
    )


def _table_bytes(addresses: Sequence[str]) -> bytes:
    """Return a lookup table: 56 bytes of which only "initialised" and "never deactivated" matter, then its addresses."""
    header = (1).to_bytes(4, "little") + _ALL_ONES + bytes(_TABLE_HEADER_BYTES - 12)
    return header + b"".join(bytes(Pubkey.from_string(address)) for address in addresses)


def _mint(state: SandboxState, token: SandboxToken, encoding: object) -> dict[str, object]:
    raw = _mint_bytes(token)
    lamports = state.terms.rent_for(len(raw))
    if encoding != "jsonParsed":
        return _wrapped(lamports, token.program, len(raw), _encoded(raw, encoding))
    info: dict[str, object] = {
        "decimals": token.decimals,
        "freezeAuthority": None,
        "isInitialized": True,
        "mintAuthority": None,
        "supply": str(token.supply * 10**token.decimals),
    }
    if token.program == TOKEN_2022_PROGRAM:
        info["extensions"] = _extensions(token)
    data = {
        "program": _PROGRAM_NAMES[token.program],
        "space": len(raw),
        "parsed": {"type": "mint", "info": info},
    }
    return _wrapped(lamports, token.program, len(raw), data)


def _extensions(token: SandboxToken) -> list[dict[str, object]]:
    if not token.transfer_fee_bps:
        return []
    fee = {"epoch": 0, "maximumFee": 2**64 - 1, "transferFeeBasisPoints": token.transfer_fee_bps}
    state = {
        "newerTransferFee": fee,
        "olderTransferFee": fee,
        "transferFeeConfigAuthority": None,
        "withdrawWithheldAuthority": None,
        "withheldAmount": 0,
    }
    return [{"extension": "transferFeeConfig", "state": state}]


def _mint_bytes(token: SandboxToken) -> bytes:
    supply: int = min(token.supply * 10**token.decimals, 2**64 - 1)
    base = bytes(36) + supply.to_bytes(8, "little") + bytes([token.decimals, 1]) + bytes(36)
    if token.program != TOKEN_2022_PROGRAM or not token.transfer_fee_bps:
        return base
    fee = bytes(8) + (2**64 - 1).to_bytes(8, "little") + token.transfer_fee_bps.to_bytes(2, "little")
    header = _TRANSFER_FEE_EXTENSION.to_bytes(2, "little") + _TRANSFER_FEE_BYTES.to_bytes(2, "little")
    return base + bytes(_ACCOUNT_BYTES - _MINT_BYTES) + b"\x01" + header + bytes(72) + fee + fee


def _token_account(accounts: Accounts, account: TokenAccount, encoding: object) -> dict[str, object]:
    lamports = accounts.lamports(account.address)
    if encoding != "jsonParsed":
        return _wrapped(
            lamports,
            account.program,
            _ACCOUNT_BYTES,
            _encoded(_account_bytes(account), encoding),
        )
    info = {
        "isNative": False,
        "mint": account.mint,
        "owner": account.owner,
        "state": "initialized",
        "tokenAmount": ui_amount(account.amount, account.decimals),
    }
    data = {
        "program": _PROGRAM_NAMES[account.program],
        "space": _ACCOUNT_BYTES,
        "parsed": {"type": "account", "info": info},
    }
    return _wrapped(lamports, account.program, _ACCOUNT_BYTES, data)


def _account_bytes(account: TokenAccount) -> bytes:
    keys = bytes(Pubkey.from_string(account.mint)) + bytes(Pubkey.from_string(account.owner))
    # No delegate, state 1 (initialised), not native, nothing delegated, no close authority.
    return keys + account.amount.to_bytes(8, "little") + bytes(36) + b"\x01" + bytes(12 + 8 + 36)


def _encoded(raw: bytes, encoding: object) -> list[str]:
    if encoding != "base64":
        raise RpcError(-32602, "Invalid params: this node serves the encodings base64 and jsonParsed")
    return [base64.b64encode(raw).decode(), "base64"]


def _wrapped(lamports: int, owner: str, space: int, data: object) -> dict[str, object]:
    return {
        "lamports": lamports,
        "owner": owner,
        "data": data,
        "executable": False,
        "rentEpoch": RENT_EPOCH,
        "space": space,
    }
