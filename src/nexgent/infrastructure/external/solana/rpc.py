"""JSON-RPC of a Solana node: the reads the engine needs, always at commitment `confirmed`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from nexgent.infrastructure.external.budget import NO_RESERVES, Priority, RateBudget
from nexgent.infrastructure.external.errors import FailureKind, UpstreamCallError, clean_text
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.json_values import (
    BadJsonError,
    decode_object,
    int_of,
    mapping_of,
    text_of,
)
from nexgent.infrastructure.external.upstream import Upstream
from nexgent.shared.backoff import Backoff
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UpstreamError
from nexgent.shared.types import WalletAddress

DEFAULT_URL = "https://api.mainnet-beta.solana.com"
TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"  # noqa: S105 -- the address of a program
TOKEN_2022_PROGRAM = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"  # noqa: S105 -- the address of a program
TOKEN_PROGRAMS = (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
TOKEN_ACCOUNT_BYTES = 165
NEWEST_VERSION = 1
"""The newest version of transactions that is read and signed."""
RENT_KEPT_SECONDS = 600.0
RPC_TIMEOUT_SECONDS = 5.0
_RPC_DEADLINE_SECONDS = 10.0
_ATTEMPTS = 3
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 0.4
_COMMITMENT = {"commitment": "confirmed"}
# The node lags behind, or has not reached the slot asked for: another try helps.
_NODE_BEHIND = frozenset({-32005, -32016, -32004, -32014, -32603, 429, -32429})


class RpcError(UpstreamError):
    """The node answered with an error that trying again does not change; `rpc_code` is its code."""

    code = "RPC_ERROR"

    def __init__(self, method: str, rpc_code: int | None, said: str) -> None:
        super().__init__(
            f"Solana RPC {method}: error {rpc_code}" + (f", {said}" if said else ""), method=method
        )
        self.rpc_code = rpc_code


@dataclass(frozen=True, slots=True)
class SignatureStatus:
    """What a node knows of a transaction. `err` None is success; `confirmed` is confirmed or finalized."""

    slot: int
    err: object
    confirmed: bool


@dataclass(frozen=True, slots=True)
class SignatureAnswer:
    """What a node says of a transaction, None when it does not know it, and the slot up to which it knows the chain."""

    context_slot: int
    status: SignatureStatus | None


@dataclass(frozen=True, slots=True)
class ChainMoment:
    """Slot and height of one moment, as one node sees them."""

    slot: int
    height: int


@dataclass(frozen=True, slots=True)
class LatestBlockhash:
    """A blockhash and the last block height at which a transaction with it can land."""

    blockhash: str
    last_valid_block_height: int


class SolanaRpc:
    """One node. Its URL may hold a key and never appears in a message."""

    def __init__(
        self,
        *,
        http: HttpClient,
        clock: Clock,
        url: str = DEFAULT_URL,
        requests_per_ten_seconds: int = 0,
    ) -> None:
        """A limit of 0 is unlimited. Raises `ValueError` when the URL cannot be used."""
        budget = RateBudget(
            "Solana RPC",
            limit=requests_per_ten_seconds,
            window_seconds=10.0,
            clock=clock,
            reserves=NO_RESERVES,
        )
        self._upstream = Upstream(name="Solana RPC", http=http, base_url=url or DEFAULT_URL, budget=budget)
        self._clock = clock
        self._ids = itertools.count(1)
        self._rents: dict[int, tuple[float, int]] = {}

    @property
    def budget(self) -> RateBudget:
        """What may be asked of it."""
        return self._upstream.budget

    async def call(
        self, method: str, params: Sequence[object], *, priority: Priority = Priority.RECONCILE
    ) -> Any:
        """Return the result of a method that only reads. Raises `UpstreamCallError`, `RpcError`."""
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        for attempt in range(1, _ATTEMPTS + 1):
            body = msgspec.json.encode(
                {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
            )
            answer = await self._upstream.post(
                "",
                body,
                operation=method,
                priority=priority,
                timeout_seconds=RPC_TIMEOUT_SECONDS,
                deadline_seconds=_RPC_DEADLINE_SECONDS,
                attempts=_ATTEMPTS,
            )
            try:
                fields = decode_object(answer.body)
            except BadJsonError:
                raise self._bad_answer(method) from None
            error = fields.get("error")
            if error is None:
                if "result" not in fields:
                    raise self._bad_answer(method)
                return fields["result"]
            code = int_of(mapping_of(error).get("code"))
            if code in _NODE_BEHIND:
                if attempt < _ATTEMPTS:
                    await backoff.wait()
                    continue
                raise UpstreamCallError(
                    "Solana RPC", method, FailureKind.SERVER_ERROR, f"the node is not ready (error {code})"
                )
            break
        raise RpcError(method, code, clean_text(mapping_of(error).get("message")))

    async def genesis(self) -> str:
        """Return the hash of the chain's first block, which names the chain."""
        method = "getGenesisHash"
        genesis = text_of(await self.call(method, []))
        if genesis is None:
            raise self._bad_answer(method)
        return genesis

    async def slot(self) -> int:
        """Return the newest confirmed slot."""
        return self._int("getSlot", await self.call("getSlot", [_COMMITMENT]))

    async def block_time(self, slot: int) -> datetime:
        """Return when the block of a slot was made, by the chain's clock, in whole seconds."""
        seconds = self._int("getBlockTime", await self.call("getBlockTime", [slot]))
        return datetime.fromtimestamp(seconds, UTC)

    async def balance_lamports(self, wallet: WalletAddress) -> int:
        """Return the lamports of an address, 0 for an unknown one."""
        result = await self.call("getBalance", [wallet, _COMMITMENT])
        return self._int("getBalance", mapping_of(result).get("value"))

    async def account(
        self, address: str, *, priority: Priority = Priority.RECONCILE
    ) -> Mapping[str, Any] | None:
        """Return an account in the encoding `jsonParsed`, None when it does not exist."""
        params = [address, {"encoding": "jsonParsed", **_COMMITMENT}]
        value = self._value("getAccountInfo", await self.call("getAccountInfo", params, priority=priority))
        return None if value is None else mapping_of(value)

    async def raw_accounts(
        self,
        addresses: Sequence[str],
        *,
        min_context_slot: int | None = None,
        priority: Priority = Priority.RECONCILE,
    ) -> list[Mapping[str, Any] | None]:
        """Return up to 100 accounts in the encoding `base64`, None for one that does not exist.

        `min_context_slot` is a slot the node has to have reached.
        """
        method = "getMultipleAccounts"
        options: dict[str, object] = {"encoding": "base64", **_COMMITMENT}
        if min_context_slot is not None:
            options["minContextSlot"] = min_context_slot
        params = [list(addresses), options]
        found = self._value(method, await self.call(method, params, priority=priority))
        if not isinstance(found, list) or len(found) != len(addresses):
            raise self._bad_answer(method)
        return [None if item is None else mapping_of(item) for item in found]

    async def simulate(
        self, transaction: str, addresses: Sequence[str], *, priority: Priority = Priority.ENTRY
    ) -> Mapping[str, Any]:
        """Return what a transaction in base64, signed or not, would do, and those accounts as it would leave them."""
        method = "simulateTransaction"
        options = {
            "encoding": "base64",
            "sigVerify": False,
            "replaceRecentBlockhash": False,
            "accounts": {"encoding": "base64", "addresses": list(addresses)},
            **_COMMITMENT,
        }
        value = self._value(method, await self.call(method, [transaction, options], priority=priority))
        if not isinstance(value, Mapping):
            raise self._bad_answer(method)
        return value

    async def latest_blockhash(self) -> LatestBlockhash:
        """Return the newest blockhash."""
        method = "getLatestBlockhash"
        value = mapping_of(self._value(method, await self.call(method, [_COMMITMENT])))
        blockhash = text_of(value.get("blockhash"))
        if blockhash is None:
            raise self._bad_answer(method)
        return LatestBlockhash(blockhash, self._int(method, value.get("lastValidBlockHeight")))

    async def moment(self, *, priority: Priority = Priority.RECONCILE) -> ChainMoment:
        """Return slot and height of the newest confirmed block, both from the same node."""
        method = "getEpochInfo"
        fields = mapping_of(await self.call(method, [_COMMITMENT], priority=priority))
        return ChainMoment(
            slot=self._int(method, fields.get("absoluteSlot")),
            height=self._int(method, fields.get("blockHeight")),
        )

    async def blockhash_valid(
        self, blockhash: str, *, min_context_slot: int, priority: Priority = Priority.RECONCILE
    ) -> bool:
        """Tell whether a transaction with the blockhash can still land, as a node says that has reached a slot."""
        method = "isBlockhashValid"
        options = {"minContextSlot": min_context_slot, **_COMMITMENT}
        valid = self._value(method, await self.call(method, [blockhash, options], priority=priority))
        if not isinstance(valid, bool):
            raise self._bad_answer(method)
        return valid

    async def rent_lamports(self, size_bytes: int = TOKEN_ACCOUNT_BYTES) -> int:
        """Return the deposit of a new account of a size. It changes seldom, so an answer is kept for a while."""
        known = self._rents.get(size_bytes)
        if known is not None and self._clock.monotonic() - known[0] < RENT_KEPT_SECONDS:
            return known[1]
        method = "getMinimumBalanceForRentExemption"
        lamports = self._int(method, await self.call(method, [size_bytes, _COMMITMENT]))
        self._rents[size_bytes] = (self._clock.monotonic(), lamports)
        return lamports

    async def signature_status(
        self, signature: str, *, priority: Priority = Priority.RECONCILE
    ) -> SignatureAnswer:
        """Return what became of a transaction, searched in the whole history, and up to where the node has looked."""
        method = "getSignatureStatuses"
        params = [[signature], {"searchTransactionHistory": True}]
        result = await self.call(method, params, priority=priority)
        statuses = self._value(method, result)
        if not isinstance(statuses, list) or len(statuses) != 1:
            raise self._bad_answer(method)
        context_slot = self._int(method, mapping_of(mapping_of(result).get("context")).get("slot"))
        if statuses[0] is None:
            return SignatureAnswer(context_slot, None)
        status = mapping_of(statuses[0])
        return SignatureAnswer(
            context_slot,
            SignatureStatus(
                slot=self._int(method, status.get("slot")),
                err=status.get("err"),
                confirmed=status.get("confirmationStatus") in ("confirmed", "finalized"),
            ),
        )

    async def transaction(
        self, signature: str, *, priority: Priority = Priority.RECONCILE
    ) -> Mapping[str, Any] | None:
        """Return a confirmed transaction in the encoding `jsonParsed`, None when the node does not have it."""
        options = {"encoding": "jsonParsed", "maxSupportedTransactionVersion": NEWEST_VERSION, **_COMMITMENT}
        result = await self.call("getTransaction", [signature, options], priority=priority)
        return None if result is None else mapping_of(result)

    async def signatures_of(
        self, address: str, *, limit: int = 100, min_context_slot: int | None = None
    ) -> list[str]:
        """Return the newest transactions that mention an address, newest first, of a node that has reached a slot."""
        method = "getSignaturesForAddress"
        options: dict[str, object] = {"limit": limit, **_COMMITMENT}
        if min_context_slot is not None:
            options["minContextSlot"] = min_context_slot
        result = await self.call(method, [address, options])
        if not isinstance(result, list):
            raise self._bad_answer(method)
        found = (text_of(mapping_of(item).get("signature")) for item in result)
        return [signature for signature in found if signature is not None]

    def _value(self, method: str, result: object) -> Any:
        fields = mapping_of(result)
        if "value" not in fields:
            raise self._bad_answer(method)
        return fields["value"]

    def _int(self, method: str, value: object) -> int:
        number = int_of(value)
        if number is None:
            raise self._bad_answer(method)
        return number

    @staticmethod
    def _bad_answer(method: str) -> UpstreamCallError:
        return UpstreamCallError(
            "Solana RPC", method, FailureKind.BAD_ANSWER, "the answer is not what the method promises"
        )
