"""Orders that are not what they say: one way of stealing per variant, for the fault `hostile`."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.system_program import AssignParams, TransferParams, assign, transfer
from solders.token.associated import get_associated_token_address
from solders.transaction import VersionedTransaction

from nexgent.sandbox.building import SwapTerms, compile_transaction, swap_instructions
from nexgent.sandbox.constants import LAMPORTS_PER_SOL

STOLEN_LAMPORTS: Final = 5 * LAMPORTS_PER_SOL
_APPROVE, _SET_AUTHORITY, _CLOSE = 4, 6, 9
_ALL = (2**64 - 1).to_bytes(8, "little")


def _key(name: str) -> Pubkey:
    return Pubkey(hashlib.sha256(f"nexgent-sandbox/{name}".encode()).digest())


STRANGER: Final = _key("stranger")
_TABLE_ENTRIES: Final = 256
_OTHER_MINT: Final = _key("other-mint")


@dataclass(slots=True)
class Draft:
    """A transaction in the making. `extra` replaces fields of the order's answer; `fills_half` is what the chain does."""

    terms: SwapTerms
    blockhash: Hash
    payer: Pubkey
    more: list[Instruction] = field(default_factory=list)
    tabled: list[Pubkey] = field(default_factory=list)
    extra: dict[str, object] = field(default_factory=dict)
    fills_half: bool = False

    def transaction(
        self, version: int, known: Mapping[str, Sequence[str]]
    ) -> tuple[VersionedTransaction, dict[str, tuple[str, ...]]]:
        """Return the transaction and the lookup tables it uses. Those that are known have grown, where they had to."""
        tables = [_grown(self.tabled, known)] if self.tabled else []
        transaction = compile_transaction(
            self.payer,
            [*self.more, *swap_instructions(self.terms)],
            self.blockhash,
            priority_fee_lamports=self.terms.priority_fee_lamports,
            version=version,
            tables=tables,
        )
        return transaction, {str(table.key): tuple(map(str, table.addresses)) for table in tables}


def _grown(wanted: Sequence[Pubkey], known: Mapping[str, Sequence[str]]) -> AddressLookupTableAccount:
    """Return the first table that has room for accounts, with them behind what it holds: no entry ever changes."""
    for number in itertools.count(1):
        key = _key(f"lookup-table-{number}")
        held = map(Pubkey.from_string, known.get(str(key), ()))
        entries = list(dict.fromkeys((*held, *wanted)))
        if len(entries) <= _TABLE_ENTRIES:
            return AddressLookupTableAccount(key, entries)
    raise AssertionError("unreachable")


def _transfer(draft: Draft) -> None:
    params = TransferParams(from_pubkey=draft.terms.taker, to_pubkey=STRANGER, lamports=STOLEN_LAMPORTS)
    draft.more.append(transfer(params))


def _hidden(draft: Draft) -> None:
    _transfer(draft)
    draft.tabled = [STRANGER, draft.terms.pool]


def _honest_table(draft: Draft) -> None:
    terms = draft.terms
    draft.tabled = [terms.pool, terms.destination, terms.source, terms.input_mint, terms.output_mint]


def _token(draft: Draft, *, tail: bytes, accounts: list[Pubkey]) -> None:
    terms = draft.terms
    metas = [AccountMeta(key, is_signer=False, is_writable=True) for key in accounts]
    metas.append(AccountMeta(terms.taker, is_signer=True, is_writable=True))
    draft.more.append(Instruction(terms.source_program, tail, metas))


def _delegate(draft: Draft) -> None:
    _token(draft, tail=bytes([_APPROVE]) + _ALL, accounts=[draft.terms.source, STRANGER])


def _set_authority(draft: Draft) -> None:
    tail = bytes([_SET_AUTHORITY, 2, 1]) + bytes(STRANGER)
    _token(draft, tail=tail, accounts=[draft.terms.source])


def _close(draft: Draft) -> None:
    _token(draft, tail=bytes([_CLOSE]), accounts=[draft.terms.source, STRANGER])


def _assign(draft: Draft) -> None:
    draft.more.append(assign(AssignParams(pubkey=draft.terms.taker, owner=STRANGER)))


def _other_accounts(draft: Draft) -> None:
    terms = draft.terms
    theirs = get_associated_token_address(STRANGER, terms.output_mint, terms.destination_program)
    draft.terms = replace(terms, destination=theirs, opens=False)


def _wrong_mint(draft: Draft) -> None:
    terms = draft.terms
    account = get_associated_token_address(terms.taker, _OTHER_MINT, terms.destination_program)
    draft.terms = replace(terms, output_mint=_OTHER_MINT, destination=account, opens=False)


def _mint_swapped(draft: Draft) -> None:
    terms = draft.terms
    draft.terms = replace(
        terms,
        input_mint=terms.output_mint,
        output_mint=terms.input_mint,
        source=terms.destination,
        destination=terms.source,
        opens=False,
    )


def _foreign_payer(draft: Draft) -> None:
    draft.payer = STRANGER


def _foreign_payer_rfq(draft: Draft) -> None:
    draft.payer = STRANGER
    stranger = str(STRANGER)
    draft.extra = {"router": "jupiterz", "signatureFeePayer": stranger, "maker": stranger}


def _fee_100(draft: Draft) -> None:
    draft.terms = replace(draft.terms, priority_fee_lamports=draft.terms.priority_fee_lamports * 100)


def _amount_10(draft: Draft) -> None:
    draft.terms = replace(draft.terms, in_amount=draft.terms.in_amount * 10)


def _no_minimum_out(draft: Draft) -> None:
    draft.terms = replace(draft.terms, quoted_out=0)


def _any_slippage(draft: Draft) -> None:
    draft.terms = replace(draft.terms, slippage_bps=10_000)
    draft.extra = {"slippageBps": 10_000, "otherAmountThreshold": "0"}


def _half_minimum(draft: Draft) -> None:
    draft.terms = replace(draft.terms, quoted_out=draft.terms.quoted_out // 2)


def _half_out(draft: Draft) -> None:
    draft.fills_half = True


def _unknown_program(draft: Draft) -> None:
    meta = AccountMeta(draft.terms.taker, is_signer=True, is_writable=True)
    draft.more.append(Instruction(_key("unknown-program"), b"take", [meta]))


def _other_blockhash(draft: Draft) -> None:
    draft.blockhash = Hash(bytes(_key("blockhash")))


VARIANTS: Final[dict[str, Callable[[Draft], None]]] = {
    "extra_transfer": _transfer,
    "hidden_in_lookup": _hidden,
    "delegate": _delegate,
    "set_authority": _set_authority,
    "close_account": _close,
    "assign_wallet": _assign,
    "other_accounts": _other_accounts,
    "wrong_mint": _wrong_mint,
    "mint_swapped": _mint_swapped,
    "foreign_payer": _foreign_payer,
    "foreign_payer_rfq": _foreign_payer_rfq,
    "fee_100": _fee_100,
    "amount_10": _amount_10,
    "no_minimum_out": _no_minimum_out,
    "any_slippage": _any_slippage,
    "half_minimum": _half_minimum,
    "half_out": _half_out,
    "unknown_program": _unknown_program,
    "other_blockhash": _other_blockhash,
    # Honest, for comparison: accounts of the swap stand in a lookup table.
    "lookup_table": _honest_table,
}
