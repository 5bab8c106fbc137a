"""Hold an order's transaction against what was ordered, and against what the chain says it would do, before it is signed.

One round trip: the wallet's accounts of now and the simulation are asked for side by side. Lookup tables are read once and
remembered; they can only grow.

A node that cannot simulate: an entry is refused, nothing is lost by not buying. An exit goes without when its instructions are
read completely, for a stop loss that waits for a node costs more than it protects from: mints, accounts, amount and minimum
are then known from the instruction itself, and Jupiter's program holds to them on the chain. An exit over a router whose
instructions cannot be read, or over an intermediate token, is refused like an entry.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from solders.address_lookup_table_account import LOOKUP_TABLE_META_SIZE
from solders.pubkey import Pubkey

from nexgent.domain.trading.errors import SwapNotSentError, UnsafeSwapError
from nexgent.domain.trading.models import Quote
from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.json_values import int_of, list_of, mapping_of, text_of
from nexgent.infrastructure.external.jupiter.decoded import DecodedTransaction, decode, tables_of
from nexgent.infrastructure.external.jupiter.inspection import (
    SYSTEM_PROGRAM,
    Accepted,
    InspectionLimits,
    Ordered,
    inspect,
)
from nexgent.infrastructure.external.jupiter.signing import parse_order_transaction
from nexgent.infrastructure.external.solana.rpc import TOKEN_PROGRAMS, RpcError, SolanaRpc
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

PREFLIGHT_SECONDS = 5.0
"""How long an order waits for the node; it is good for some twenty seconds."""
_LOOKUP_TABLE_PROGRAM = "AddressLookupTab1e1111111111111111111111111"
_REMEMBERED_TABLES = 2_000
_KEY_BYTES = 32
_NO_DELEGATE = bytes(4)
_MOST_ACCOUNTS = 100

RefusalObserver = Callable[[str], None]


class _Swap(msgspec.Struct, rename="camel"):
    input_mint: str = ""
    output_mint: str = ""


class _Hop(msgspec.Struct, rename="camel"):
    swap_info: _Swap = msgspec.field(default_factory=_Swap)


class _Terms(msgspec.Struct, rename="camel"):
    """What of an order's payload decides how its transaction may look."""

    router: str | None = None
    gasless: bool | None = None
    signature_fee_payer: str | None = None
    route_plan: list[_Hop] = []


@dataclass(frozen=True, slots=True)
class _Account:
    """One account as the chain has it or would have it."""

    lamports: int
    program: str
    mint: str | None = None
    owner: str | None = None
    amount: int = 0
    delegated: bool = False
    closable: bool = False


class SwapPreflight:
    """Decides whether a quoted transaction may be signed. Refusals are `UnsafeSwapError` and told to the observer."""

    def __init__(
        self, rpc: SolanaRpc, limits: InspectionLimits | None = None, refused: RefusalObserver | None = None
    ) -> None:
        self._rpc = rpc
        self._limits = limits or InspectionLimits()
        self._refused = refused
        self._tables: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    async def check(self, quote: Quote, wallet: WalletAddress) -> None:
        """Return when the transaction is the order. Raises `UnsafeSwapError`, `SwapNotSentError`."""
        try:
            await self._check(quote, wallet)
        except UnsafeSwapError as error:
            if self._refused is not None:
                self._refused(error.code)
            log.error(
                "swap.not_signed",
                code=error.code,
                reason=error.message,
                request_id=quote.request_id,
                wallet=wallet,
            )
            raise

    async def _check(self, quote: Quote, wallet: WalletAddress) -> None:
        if quote.transaction is None:
            raise SwapNotSentError("The quote has no transaction to sign")
        message = parse_order_transaction(quote.transaction).message
        order = _ordered(quote, wallet)
        try:
            async with asyncio.timeout(PREFLIGHT_SECONDS):
                tables = await self._resolved(tables_of(message))
        except (UpstreamCallError, RpcError, TimeoutError):
            raise UnsafeSwapError(
                "UNRESOLVED_LOOKUP", "The transaction's lookup tables cannot be read at present"
            ) from None
        transaction = decode(message, tables)
        accepted = inspect(transaction, order, self._limits)
        try:
            async with asyncio.timeout(PREFLIGHT_SECONDS):
                await self._simulated(quote.transaction, transaction, order, accepted)
        except (UpstreamCallError, RpcError, TimeoutError) as error:
            self._without_simulation(order, accepted, error)

    def _without_simulation(self, order: Ordered, accepted: Accepted, error: Exception) -> None:
        if not order.is_exit or not accepted.fully_read or order.intermediate_mints:
            raise UnsafeSwapError(
                "SIMULATION_UNAVAILABLE", "The node cannot tell at present what the transaction would do"
            ) from None
        reason = error.message if isinstance(error, UpstreamCallError | RpcError) else "no answer in time"
        log.warning("swap.not_simulated", wallet=order.wallet, reason=reason)

    async def _resolved(self, addresses: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the contents of lookup tables, asking for those that are not remembered."""
        missing = [address for address in dict.fromkeys(addresses) if address not in self._tables]
        if missing:
            for address, account in zip(missing, await self._rpc.raw_accounts(missing), strict=True):
                data = _data(account)
                if account is None or text_of(account.get("owner")) != _LOOKUP_TABLE_PROGRAM:
                    raise UnsafeSwapError(
                        "UNRESOLVED_LOOKUP", "The transaction names a lookup table that is none"
                    )
                entries = data[LOOKUP_TABLE_META_SIZE:]
                whole = len(entries) - len(entries) % _KEY_BYTES
                self._tables[address] = tuple(
                    str(Pubkey(entries[place : place + _KEY_BYTES])) for place in range(0, whole, _KEY_BYTES)
                )
        found = {address: self._tables[address] for address in addresses}
        while len(self._tables) > _REMEMBERED_TABLES:
            self._tables.popitem(last=False)
        return found

    async def _simulated(
        self, encoded: str, transaction: DecodedTransaction, order: Ordered, accepted: Accepted
    ) -> None:
        """Raise `UnsafeSwapError` unless the chain says that the swap does what was ordered. A second look clears up a race.

        The accounts of now and the simulation may be of different slots, and another swap of the wallet may lie between.
        """
        try:
            await self._simulated_once(encoded, transaction, order, accepted)
        except UnsafeSwapError as error:
            if error.code != "SIMULATION_MISMATCH":
                raise
            await self._simulated_once(encoded, transaction, order, accepted)

    async def _simulated_once(
        self, encoded: str, transaction: DecodedTransaction, order: Ordered, accepted: Accepted
    ) -> None:
        own = [order.wallet, *sorted(accepted.accounts & set(transaction.keys))]
        others = sorted(transaction.writable - set(own))
        if len(own) + len(others) > _MOST_ACCOUNTS:
            raise UnsafeSwapError(
                "TOO_MANY_ACCOUNTS", "The transaction may change more accounts than can be looked at"
            )
        priority = Priority.EXIT if order.is_exit else Priority.ENTRY
        before, simulation = await asyncio.gather(
            self._rpc.raw_accounts([*own, *others], priority=priority),
            self._rpc.simulate(encoded, own, priority=priority),
        )
        known = {address: _account(account) for address, account in zip([*own, *others], before, strict=True)}
        for address in others:
            account = known[address]
            if account is not None and account.owner == order.wallet:
                raise UnsafeSwapError(
                    "FOREIGN_ACCOUNT", "The transaction may change another token account of the wallet"
                )
        err = simulation.get("err")
        if err == "BlockhashNotFound":
            raise UnsafeSwapError(
                "STALE_BLOCKHASH", "The transaction's blockhash is not one of the chain of now"
            )
        if err is not None:
            raise UnsafeSwapError("SIMULATION_FAILED", f"The swap would fail on the chain: {_text(err)}")
        found = list_of(simulation.get("accounts"))
        if len(found) != len(own):
            raise UnsafeSwapError("SIMULATION_FAILED", "The node does not tell what the swap would change")
        after = {
            address: _account(mapping_of(item) if item is not None else None)
            for address, item in zip(own, found, strict=True)
        }
        _compare(transaction, order, accepted, {a: known[a] for a in own}, after)


def _ordered(quote: Quote, wallet: str) -> Ordered:
    try:
        terms = msgspec.json.decode(quote.payload_json, type=_Terms)
    except msgspec.DecodeError:
        terms = _Terms()
    request = quote.request
    ends = (request.input_mint, request.output_mint)
    hops = (
        mint for hop in terms.route_plan for mint in (hop.swap_info.input_mint, hop.swap_info.output_mint)
    )
    return Ordered(
        wallet=wallet,
        input_mint=request.input_mint,
        output_mint=request.output_mint,
        most_in_raw=min(quote.in_amount_raw, request.amount_raw),
        out_raw=quote.out_amount_raw,
        slippage_bps=quote.slippage_bps,
        router=terms.router,
        gasless=terms.gasless is True,
        fee_payer=terms.signature_fee_payer,
        intermediate_mints=tuple(dict.fromkeys(mint for mint in hops if mint not in ends and _is_key(mint))),
    )


def _compare(
    transaction: DecodedTransaction,
    order: Ordered,
    accepted: Accepted,
    before: Mapping[str, _Account | None],
    after: Mapping[str, _Account | None],
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


def _sum(accounts: Iterable[_Account | None], mint: str | None) -> int:
    """Return the lamports of accounts, or their amount of a mint."""
    if mint is None:
        return sum(account.lamports for account in accounts if account is not None)
    return sum(account.amount for account in accounts if account is not None and account.mint == mint)


def _account(fields: Mapping[str, Any] | None) -> _Account | None:
    if fields is None:
        return None
    program, lamports = text_of(fields.get("owner")) or "", int_of(fields.get("lamports")) or 0
    data = _data(fields)
    # Mints of token-2022 may be as long as token accounts; byte 165 tells them apart.
    is_account = len(data) == 165 or (len(data) > 165 and data[165] == 2)
    if program not in TOKEN_PROGRAMS or not is_account:
        return _Account(lamports, program)
    return _Account(
        lamports=lamports,
        program=program,
        mint=str(Pubkey(data[:32])),
        owner=str(Pubkey(data[32:64])),
        amount=int.from_bytes(data[64:72], "little"),
        delegated=data[72:76] != _NO_DELEGATE,
        closable=data[129:133] != _NO_DELEGATE,
    )


def _data(fields: Mapping[str, Any] | None) -> bytes:
    content = list_of(fields.get("data")) if fields is not None else []
    try:
        return base64.b64decode(content[0]) if content and isinstance(content[0], str) else b""
    except binascii.Error:
        return b""


def _is_key(text: str) -> bool:
    try:
        Pubkey.from_string(text)
    except ValueError:
        return False
    return True


def _text(err: object) -> str:
    match err:
        case {"InstructionError": [_, {"Custom": int(code)}]}:
            return f"error {code}"
        case {"InstructionError": [_, str(name)]}:
            return name
        case str(name):
            return name
        case _:
            return "transaction error"
