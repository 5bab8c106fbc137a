"""What a transaction changed of a wallet, whatever it was. Pure: the parsed answer of `getTransaction` in, changes out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nexgent.domain.reconciliation.models import Movement
from nexgent.infrastructure.external.json_values import int_of, list_of, mapping_of
from nexgent.infrastructure.external.solana.swap_facts import key_of, own_accounts, signatures_in
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress


def movement_of(transaction: Mapping[str, Any], wallet: str) -> Movement | None:
    """Return the changes, or None when the answer lacks what that takes or does not concern the wallet."""
    meta = mapping_of(transaction.get("meta"))
    message = mapping_of(mapping_of(transaction.get("transaction")).get("message"))
    keys = [key_of(key) for key in list_of(message.get("accountKeys"))]
    before = [int_of(value) for value in list_of(meta.get("preBalances"))]
    after = [int_of(value) for value in list_of(meta.get("postBalances"))]
    fee, slot, signatures = (
        int_of(meta.get("fee")),
        int_of(transaction.get("slot")),
        signatures_in(transaction),
    )
    if fee is None or slot is None or not signatures or not len(keys) == len(before) == len(after):
        return None
    if None in before or None in after:
        return None
    lamports = [(b or 0, a or 0) for b, a in zip(before, after, strict=True)]
    had = own_accounts(meta.get("preTokenBalances"), wallet)
    has = own_accounts(meta.get("postTokenBalances"), wallet)
    changes: dict[TokenAddress, int] = {}
    for sign, accounts in ((-1, had), (1, has)):
        for mint, amount in accounts.values():
            changes[TokenAddress(mint)] = changes.get(TokenAddress(mint), 0) + sign * amount
    if wallet in keys:
        was, now = lamports[keys.index(wallet)]
        # Wrapped and native SOL are the same money.
        changes[SOL_MINT] = changes.get(SOL_MINT, 0) + now - was
    elif not (had or has):
        return None
    rent = 0
    for place in had.keys() ^ has.keys():
        if place < len(keys):
            was, now = lamports[place]
            rent += now - was - _wrapped(had.get(place), has.get(place))
    at = int_of(transaction.get("blockTime"))
    return Movement(
        signature=signatures[0],
        signatures=tuple(signatures),
        slot=slot,
        at=datetime.fromtimestamp(at, UTC) if at is not None else None,
        failed=meta.get("err") is not None,
        changes={mint: change for mint, change in changes.items() if change},
        network_fee_lamports=fee if keys[:1] == [wallet] else 0,
        rent_lamports=rent if keys[:1] == [wallet] else 0,
    )


def _wrapped(had: tuple[str, int] | None, has: tuple[str, int] | None) -> int:
    """Return by how much the SOL wrapped in an account grew: it is money of its own, not a deposit."""
    before = had[1] if had is not None and had[0] == SOL_MINT else 0
    after = has[1] if has is not None and has[0] == SOL_MINT else 0
    return after - before
