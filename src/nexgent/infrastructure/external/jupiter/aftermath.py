"""What a simulated swap would leave of a wallet, held against the order. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from nexgent.domain.trading.errors import UnsafeSwapError
from nexgent.infrastructure.external.json_values import int_of, list_of, text_of
from nexgent.infrastructure.external.jupiter.decoded import DecodedTransaction
from nexgent.infrastructure.external.jupiter.inspection import SYSTEM_PROGRAM, Accepted, Ordered
from nexgent.infrastructure.external.solana.rpc import TOKEN_PROGRAMS
from nexgent.shared.money import SOL_MINT

_NO_DELEGATE = bytes(4)


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account as the chain has it or would have it."""

    lamports: int
    program: str
    mint: str | None = None
    owner: str | None = None
    amount: int = 0
    delegated: bool = False
    closable: bool = False


def compare(
    transaction: DecodedTransaction,
    order: Ordered,
    accepted: Accepted,
    before: Mapping[str, AccountState | None],
    after: Mapping[str, AccountState | None],
) -> None:
    """Hold the change of everything the wallet owns against the order."""
    for address, account in after.items():
        if account is None:
            continue
        if address == order.wallet:
            if account.program != SYSTEM_PROGRAM:
                raise UnsafeSwapError("AUTHORITY_CHANGE", "The swap would give the wallet itself away")
        elif account.owner not in (order.wallet, None):
            raise UnsafeSwapError("AUTHORITY_CHANGE", "The swap would give a token account away")
        earlier = before[address]
        if account.delegated and not (earlier is not None and earlier.delegated):
            raise UnsafeSwapError("DELEGATE", "The swap would let somebody spend the wallet's tokens")
        if account.closable and not (earlier is not None and earlier.closable):
            raise UnsafeSwapError("AUTHORITY_CHANGE", "The swap would let somebody close a token account")
    # Rent of the wallet's own new accounts stays the wallet's, so that it cancels out in the sum.
    lamports = _sum(after.values(), None) - _sum(before.values(), None)
    fee = transaction.fee_lamports if transaction.payer == order.wallet else 0
    allowed = -fee - accepted.tip_lamports
    if order.input_mint == SOL_MINT:
        allowed -= order.most_in_raw
    elif order.output_mint == SOL_MINT:
        allowed += order.minimum_out_raw
    if lamports < allowed:
        raise UnsafeSwapError(
            "SIMULATION_MISMATCH",
            f"The swap would change the wallet's SOL by {lamports} lamports, not {allowed}",
        )
    mints = {account.mint for account in (*before.values(), *after.values()) if account is not None}
    for mint in (mints | {order.input_mint, order.output_mint}) - {None, SOL_MINT}:
        change = _sum(after.values(), mint) - _sum(before.values(), mint)
        least = order.minimum_out_raw if mint == order.output_mint else 0
        least = -order.most_in_raw if mint == order.input_mint else least
        if change < least:
            raise UnsafeSwapError(
                "SIMULATION_MISMATCH", f"The swap would change the wallet's tokens by {change}, not {least}"
            )


def _sum(accounts: Iterable[AccountState | None], mint: str | None) -> int:
    """Return the lamports of accounts, or their amount of a mint."""
    if mint is None:
        return sum(account.lamports for account in accounts if account is not None)
    return sum(account.amount for account in accounts if account is not None and account.mint == mint)


def account_state(fields: Mapping[str, Any] | None) -> AccountState | None:
    """Return an account out of the node's answer, None when it does not exist."""
    if fields is None:
        return None
    program, lamports = text_of(fields.get("owner")) or "", int_of(fields.get("lamports")) or 0
    data = account_data(fields)
    # Mints of token-2022 may be as long as token accounts; byte 165 tells them apart.
    is_account = len(data) == 165 or (len(data) > 165 and data[165] == 2)
    if program not in TOKEN_PROGRAMS or not is_account:
        return AccountState(lamports, program)
    return AccountState(
        lamports=lamports,
        program=program,
        mint=str(Pubkey(data[:32])),
        owner=str(Pubkey(data[32:64])),
        amount=int.from_bytes(data[64:72], "little"),
        delegated=data[72:76] != _NO_DELEGATE,
        closable=data[129:133] != _NO_DELEGATE,
    )


def account_data(fields: Mapping[str, Any] | None) -> bytes:
    """Return the data of an account in the encoding `base64`."""
    content = list_of(fields.get("data")) if fields is not None else []
    try:
        return base64.b64decode(content[0]) if content and isinstance(content[0], str) else b""
    except binascii.Error:
        return b""
