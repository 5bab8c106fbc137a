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
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog
from solders.address_lookup_table_account import LOOKUP_TABLE_META_SIZE
from solders.pubkey import Pubkey

from nexgent.domain.trading.errors import SwapNotSentError, UnsafeSwapError
from nexgent.domain.trading.models import Quote
from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.json_values import list_of, mapping_of, text_of
from nexgent.infrastructure.external.jupiter.aftermath import account_data, account_state, compare
from nexgent.infrastructure.external.jupiter.decoded import DecodedTransaction, decode, tables_of
from nexgent.infrastructure.external.jupiter.inspection import (
    Accepted,
    InspectionLimits,
    Ordered,
    inspect,
)
from nexgent.infrastructure.external.jupiter.signing import parse_order_transaction
from nexgent.infrastructure.external.solana.rpc import RpcError, SolanaRpc
from nexgent.infrastructure.external.solana.transaction_errors import error_in_words
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

PREFLIGHT_SECONDS = 5.0
"""How long an order waits for the node; it is good for some twenty seconds."""
_LOOKUP_TABLE_PROGRAM = "AddressLookupTab1e1111111111111111111111111"
_REMEMBERED_TABLES = 2_000
_KEY_BYTES = 32
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

    async def _resolved(self, entries: Mapping[str, int]) -> Mapping[str, Sequence[str]]:
        """Return the contents of lookup tables of so many entries, asking for those that are not remembered.

        A table never changes but grows: one that is too short is read again.
        """
        missing = [
            address for address, least in entries.items() if len(self._tables.get(address, ())) < least
        ]
        if missing:
            for address, account in zip(missing, await self._rpc.raw_accounts(missing), strict=True):
                data = account_data(account)
                if account is None or text_of(account.get("owner")) != _LOOKUP_TABLE_PROGRAM:
                    raise UnsafeSwapError(
                        "UNRESOLVED_LOOKUP", "The transaction names a lookup table that is none"
                    )
                held = data[LOOKUP_TABLE_META_SIZE:]
                whole = len(held) - len(held) % _KEY_BYTES
                self._tables[address] = tuple(
                    str(Pubkey(held[place : place + _KEY_BYTES])) for place in range(0, whole, _KEY_BYTES)
                )
                self._tables.move_to_end(address)
        found = {address: self._tables[address] for address in entries}
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
        known = {
            address: account_state(account) for address, account in zip([*own, *others], before, strict=True)
        }
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
            raise UnsafeSwapError(
                "SIMULATION_FAILED", f"The swap would fail on the chain: {error_in_words(err)}"
            )
        found = list_of(simulation.get("accounts"))
        if len(found) != len(own):
            raise UnsafeSwapError("SIMULATION_FAILED", "The node does not tell what the swap would change")
        after = {
            address: account_state(mapping_of(item) if item is not None else None)
            for address, item in zip(own, found, strict=True)
        }
        compare(transaction, order, accepted, {a: known[a] for a in own}, after)


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


def _is_key(text: str) -> bool:
    try:
        Pubkey.from_string(text)
    except ValueError:
        return False
    return True
