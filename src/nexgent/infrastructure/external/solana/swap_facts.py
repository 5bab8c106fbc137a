"""What a transaction on the chain did to a wallet. Pure: the parsed answer of `getTransaction` in, amounts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nexgent.infrastructure.external.json_values import int_of, list_of, mapping_of, text_of
from nexgent.shared.money import SOL_MINT


@dataclass(frozen=True, slots=True)
class SwapFacts:
    """Authoritative amounts, in base units, of one wallet. Totals are without network fee and rent."""

    failed: bool
    err: object
    network_fee_lamports: int
    """What the wallet paid; 0 when somebody else is the fee payer."""
    rent_lamports: int
    """Deposits for token accounts the transaction opened for the wallet, less those of accounts it closed."""
    total_in_raw: int
    total_out_raw: int


def swap_facts(
    transaction: Mapping[str, Any], *, wallet: str, input_mint: str, output_mint: str
) -> SwapFacts | None:
    """Return what the transaction did, or None when the answer lacks what that takes."""
    meta = mapping_of(transaction.get("meta"))
    message = mapping_of(mapping_of(transaction.get("transaction")).get("message"))
    keys = [key_of(key) for key in list_of(message.get("accountKeys"))]
    before = [int_of(value) for value in list_of(meta.get("preBalances"))]
    after = [int_of(value) for value in list_of(meta.get("postBalances"))]
    fee = int_of(meta.get("fee"))
    if fee is None or wallet not in keys or len(before) < len(keys) or len(after) < len(keys):
        return None
    if None in before or None in after:
        return None
    lamports_before = [value or 0 for value in before]
    lamports_after = [value or 0 for value in after]
    index = keys.index(wallet)
    network_fee = fee if index == 0 else 0
    tokens_before = own_accounts(meta.get("preTokenBalances"), wallet)
    tokens_after = own_accounts(meta.get("postTokenBalances"), wallet)
    rent = 0
    # An account somebody else pays for is opened in transactions somebody else pays the fee of.
    if index == 0:
        for place, (mint, amount) in tokens_after.items():
            if place not in tokens_before and place < len(keys):
                deposit = lamports_after[place] - lamports_before[place]
                rent += max(deposit - (amount if mint == SOL_MINT else 0), 0)
        for place, (mint, amount) in tokens_before.items():
            if place not in tokens_after and place < len(keys):
                deposit = lamports_before[place] - lamports_after[place]
                rent -= max(deposit - (amount if mint == SOL_MINT else 0), 0)
    err = meta.get("err")
    if err is not None:
        return SwapFacts(True, err, network_fee, 0, 0, 0)
    change = {
        mint: _sum(tokens_after, mint) - _sum(tokens_before, mint) for mint in (input_mint, output_mint)
    }
    native = lamports_after[index] - lamports_before[index] + network_fee + rent
    if SOL_MINT in change:
        # Wrapped and native SOL are the same money.
        change[SOL_MINT] += native
    return SwapFacts(False, None, network_fee, rent, -change[input_mint], change[output_mint])


def signatures_in(transaction: Mapping[str, Any]) -> list[str]:
    """Return all signatures of a transaction; the first is its id."""
    found = list_of(mapping_of(transaction.get("transaction")).get("signatures"))
    return [signature for signature in found if isinstance(signature, str)]


def key_of(key: object) -> str | None:
    """Keys are objects in the encoding `jsonParsed`, texts in `json`."""
    return text_of(key) if isinstance(key, str) else text_of(mapping_of(key).get("pubkey"))


def own_accounts(balances: object, wallet: str) -> dict[int, tuple[str, int]]:
    """Return mint and amount of the wallet's token accounts, by their place among the keys."""
    accounts: dict[int, tuple[str, int]] = {}
    for item in list_of(balances):
        fields = mapping_of(item)
        place = int_of(fields.get("accountIndex"))
        mint = text_of(fields.get("mint"))
        amount = int_of(mapping_of(fields.get("uiTokenAmount")).get("amount"))
        if fields.get("owner") == wallet and place is not None and mint is not None and amount is not None:
            accounts[place] = (mint, amount)
    return accounts


def _sum(accounts: Mapping[int, tuple[str, int]], mint: str) -> int:
    return sum(amount for name, amount in accounts.values() if name == mint)
