"""What nodes say of a wallet: `WalletChain` over JSON-RPC. What a node does not say clearly is an error, never a zero."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import structlog
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

from nexgent.domain.reconciliation.models import ChainSnapshot, Movement, TokenAccount
from nexgent.infrastructure.external.errors import FailureKind, UpstreamCallError
from nexgent.infrastructure.external.json_values import int_of, list_of, mapping_of, text_of
from nexgent.infrastructure.external.jupiter.aftermath import account_state
from nexgent.infrastructure.external.solana.movements import movement_of
from nexgent.infrastructure.external.solana.rpc import TOKEN_PROGRAMS, RpcError, SolanaRpc
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress

log = structlog.get_logger(__name__)

MOST_SIGNATURES = 1_000
MOST_READ = 200
"""So many transactions are read at most; a wallet that made more since the last time is compared by its balances alone."""
_CONFIRMED = "confirmed"
_MOST_ACCOUNTS = 100


class SolanaWalletChain:
    """One node for everything, and others, if there are any, to be asked a second time."""

    def __init__(self, rpc: SolanaRpc, witnesses: Sequence[SolanaRpc] = ()) -> None:
        self._rpc = rpc
        self._witnesses = tuple(witnesses)

    async def snapshot(self, wallet: WalletAddress, *, min_slot: int = 0) -> ChainSnapshot:
        """Return what the wallet holds, as a node says that has reached a slot.

        Each answer has to come from a node that is as far as the answer before; the snapshot is as old as its oldest part.
        """
        genesis = await self._rpc.genesis()
        slot, value = await self._with_slot("getBalance", [wallet, {}], min_slot)
        lamports = int_of(value)
        if lamports is None:
            raise _bad_answer("getBalance")
        newest, accounts = slot, []
        for program in TOKEN_PROGRAMS:
            params = [wallet, {"programId": program}, {"encoding": "jsonParsed"}]
            newest, value = await self._with_slot("getTokenAccountsByOwner", params, newest)
            if not isinstance(value, list):
                raise _bad_answer("getTokenAccountsByOwner")
            accounts += [_account(item, program, wallet) for item in value]
        return ChainSnapshot(
            wallet_address=wallet, genesis=genesis, slot=slot, lamports=lamports, accounts=tuple(accounts)
        )

    async def confirms(self, snapshot: ChainSnapshot, mints: Collection[TokenAddress]) -> bool:
        """Ask for SOL and the accounts of these mints one by one, the witnesses where there are any; tell if all agree.

        A list of accounts comes from an index of the node; the accounts themselves do not. An account that is missing from
        the list is looked for where it usually is.
        """
        wallet = snapshot.wallet_address
        wanted: dict[str, int] = {}
        for mint in sorted(mints):
            if mint == SOL_MINT:
                wanted[wallet] = snapshot.lamports
            for program in TOKEN_PROGRAMS:
                key = get_associated_token_address(
                    Pubkey.from_string(wallet), Pubkey.from_string(mint), Pubkey.from_string(program)
                )
                wanted[str(key)] = 0
        for account in snapshot.accounts:
            if account.mint in mints:
                wanted[account.address] = account.amount_raw
        nodes = self._witnesses or (self._rpc,)
        for node in nodes:
            if not await self._agrees(node, wallet, wanted, snapshot.slot):
                return False
        return True

    async def block_time(self, slot: int) -> datetime:
        """Return when the block of a slot was made, by the chain's clock, in whole seconds."""
        return await self._rpc.block_time(slot)

    async def movements(self, wallet: WalletAddress, *, after_slot: int) -> Sequence[Movement]:
        """Return what transactions after a slot changed, oldest first. One that cannot be read is left out."""
        options = {"limit": MOST_SIGNATURES, "commitment": _CONFIRMED, "minContextSlot": after_slot}
        listed = await self._rpc.call("getSignaturesForAddress", [wallet, options])
        if not isinstance(listed, list):
            raise _bad_answer("getSignaturesForAddress")
        newer: list[str] = []
        for item in map(mapping_of, listed):
            signature, slot = text_of(item.get("signature")), int_of(item.get("slot"))
            if signature is not None and slot is not None and slot > after_slot:
                newer.append(signature)
        if len(newer) > MOST_READ:
            log.warning("reconciliation.many_transactions", wallet_address=wallet, count=len(newer))
            return []
        found = [await self.movement(wallet, signature) for signature in reversed(newer)]
        return [one for one in found if one is not None]

    async def movement(self, wallet: WalletAddress, signature: str) -> Movement | None:
        """Return what one transaction changed, None when the node does not have it or nobody can read it."""
        try:
            transaction = await self._rpc.transaction(signature)
        except RpcError as error:
            log.info("reconciliation.unreadable_transaction", signature=signature, reason=error.message)
            return None
        return movement_of(transaction, wallet) if transaction is not None else None

    async def _with_slot(self, method: str, params: list[Any], min_slot: int) -> tuple[int, Any]:
        """Return the context slot and the value of an answer of a node that has reached a slot."""
        *leading, options = params
        options = {**options, "commitment": _CONFIRMED}
        if min_slot:
            options["minContextSlot"] = min_slot
        result = mapping_of(await self._rpc.call(method, [*leading, options]))
        slot = int_of(mapping_of(result.get("context")).get("slot"))
        if slot is None or "value" not in result:
            raise _bad_answer(method)
        if slot < min_slot:
            raise UpstreamCallError(
                "Solana RPC",
                method,
                FailureKind.BAD_ANSWER,
                "the node answers for an earlier slot than before",
            )
        return slot, result["value"]

    async def _agrees(
        self, node: SolanaRpc, wallet: WalletAddress, wanted: dict[str, int], min_slot: int
    ) -> bool:
        addresses = list(wanted)
        for first in range(0, len(addresses), _MOST_ACCOUNTS):
            part = addresses[first : first + _MOST_ACCOUNTS]
            states = await node.raw_accounts(part, min_context_slot=min_slot)
            for address, fields in zip(part, states, strict=True):
                state = account_state(fields)
                if address == wallet:
                    amount = state.lamports if state is not None else 0
                else:
                    # An account that was given to somebody else is not the wallet's, whatever its address.
                    amount = state.amount if state is not None and state.owner == wallet else 0
                if amount != wanted[address]:
                    return False
        return True


def _account(item: object, program: str, wallet: str) -> TokenAccount:
    fields = mapping_of(item)
    account = mapping_of(fields.get("account"))
    data = mapping_of(account.get("data"))
    info = mapping_of(mapping_of(data.get("parsed")).get("info"))
    amount = mapping_of(info.get("tokenAmount"))
    address, mint = text_of(fields.get("pubkey")), text_of(info.get("mint"))
    raw, decimals = int_of(amount.get("amount")), int_of(amount.get("decimals"))
    lamports, size = int_of(account.get("lamports")), int_of(data.get("space", account.get("space")))
    if address is None or mint is None or raw is None or decimals is None or lamports is None:
        raise _bad_answer("getTokenAccountsByOwner")
    if info.get("owner") != wallet:
        raise _bad_answer("getTokenAccountsByOwner")
    withheld = any(
        mapping_of(one).get("extension") == "transferFeeAmount"
        and int_of(mapping_of(mapping_of(one).get("state")).get("withheldAmount")) != 0
        for one in list_of(info.get("extensions"))
    )
    foreign = info.get("closeAuthority") not in (None, wallet)
    return TokenAccount(
        address=address,
        program=program,
        mint=TokenAddress(mint),
        amount_raw=raw,
        decimals=decimals,
        lamports=lamports,
        size_bytes=size if size is not None else 0,
        closable=info.get("state") != "frozen" and not withheld and not foreign,
    )


def _bad_answer(method: str) -> UpstreamCallError:
    return UpstreamCallError(
        "Solana RPC", method, FailureKind.BAD_ANSWER, "the answer is not what the method promises"
    )
