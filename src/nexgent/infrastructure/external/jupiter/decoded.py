"""A transaction as readable steps: every account resolved, whatever the version of the message. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from solders.message import Message, MessageV0, MessageV1

from nexgent.domain.trading.errors import UnsafeSwapError

COMPUTE_BUDGET_PROGRAM = "ComputeBudget111111111111111111111111111111"
SIGNATURE_FEE_LAMPORTS = 5_000
_MICRO = 1_000_000
_UNITS_PER_STEP = 200_000
_MOST_UNITS = 1_400_000
_SET_UNIT_LIMIT, _SET_UNIT_PRICE = 2, 3

AnyMessage = Message | MessageV0 | MessageV1
LookupTables = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction with its accounts resolved."""

    program: str
    accounts: tuple[str, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class DecodedTransaction:
    """What a transaction does, in order. `fee_lamports` is what the network takes: signatures and priority."""

    keys: tuple[str, ...]
    signers: tuple[str, ...]
    writable: frozenset[str]
    steps: tuple[Step, ...]
    fee_lamports: int

    @property
    def payer(self) -> str:
        """Return who pays the network fee."""
        return self.keys[0]


def tables_of(message: AnyMessage) -> dict[str, int]:
    """Return the lookup tables a message takes accounts from, and how many entries of each it presumes."""
    if not isinstance(message, MessageV0):
        return {}
    return {
        str(lookup.account_key): 1
        + max((*bytes(lookup.writable_indexes), *bytes(lookup.readonly_indexes)), default=-1)
        for lookup in message.address_table_lookups
    }


def decode(message: AnyMessage, tables: LookupTables) -> DecodedTransaction:
    """Resolve a message. Raises `UnsafeSwapError` when an account cannot be resolved: what is not read is not signed."""
    static = [str(key) for key in message.account_keys]
    header = message.header
    signer_count = header.num_required_signatures
    writable_signers = signer_count - header.num_readonly_signed_accounts
    writable_static = len(static) - header.num_readonly_unsigned_accounts
    writable = {
        key
        for index, key in enumerate(static)
        if index < writable_signers or signer_count <= index < writable_static
    }
    loaded_writable, loaded_readonly = _loaded(message, tables)
    writable.update(loaded_writable)
    keys = (*static, *loaded_writable, *loaded_readonly)
    steps = []
    for compiled in message.instructions:
        places = (compiled.program_id_index, *bytes(compiled.accounts))
        if any(place >= len(keys) for place in places):
            raise UnsafeSwapError(
                "UNRESOLVED_LOOKUP", "The transaction names an account that it does not have"
            )
        accounts = tuple(keys[place] for place in places[1:])
        steps.append(Step(keys[places[0]], accounts, bytes(compiled.data)))
    return DecodedTransaction(
        keys=keys,
        signers=tuple(static[:signer_count]),
        writable=frozenset(writable),
        steps=tuple(steps),
        fee_lamports=signer_count * SIGNATURE_FEE_LAMPORTS + _priority_fee(message, steps),
    )


def _loaded(message: AnyMessage, tables: LookupTables) -> tuple[list[str], list[str]]:
    if not isinstance(message, MessageV0):
        return [], []
    writable: list[str] = []
    readonly: list[str] = []
    for lookup in message.address_table_lookups:
        addresses = tables.get(str(lookup.account_key), ())
        for places, found in (
            (bytes(lookup.writable_indexes), writable),
            (bytes(lookup.readonly_indexes), readonly),
        ):
            for place in places:
                if place >= len(addresses):
                    raise UnsafeSwapError(
                        "UNRESOLVED_LOOKUP",
                        "An account of the transaction is not in the lookup table it names",
                    )
                found.append(addresses[place])
    return writable, readonly


def _priority_fee(message: AnyMessage, steps: Sequence[Step]) -> int:
    """Return the priority fee in lamports: of a v1 message its total, else ceil(price in micro-lamports x units / 10^6)."""
    if isinstance(message, MessageV1):
        return message.config.priority_fee or 0
    price = 0
    others = sum(1 for step in steps if step.program != COMPUTE_BUDGET_PROGRAM)
    units = min(_UNITS_PER_STEP * others, _MOST_UNITS)
    for step in steps:
        if step.program != COMPUTE_BUDGET_PROGRAM or not step.data:
            continue
        value = int.from_bytes(step.data[1:], "little")
        if step.data[0] == _SET_UNIT_LIMIT:
            units = min(value, _MOST_UNITS)
        elif step.data[0] == _SET_UNIT_PRICE:
            price = max(price, value)
    return -(-price * units // _MICRO)
