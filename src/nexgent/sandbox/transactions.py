"""Transactions as bytes, taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from solders.message import MessageHeader, MessageV0, MessageV1, to_bytes_versioned
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from nexgent.sandbox.constants import (
    COMPUTE_BUDGET_PROGRAM,
    COMPUTE_UNIT_LIMIT,
    MEMO_PROGRAM,
    SIGNATURE_FEE_LAMPORTS,
)

LookupTables = Mapping[str, Sequence[str]]
_MICRO = 1_000_000
_MAX_BYTES = 1232
_MAX_BYTES_V1 = 4096
_V1_FIRST_BYTE = 0x81
_NO_SIGNATURE = Signature.default()


class BrokenTransactionError(ValueError):
    """The bytes are not a transaction, or its content is out of range."""


@dataclass(frozen=True, slots=True)
class ParsedInstruction:
    """One instruction with its keys resolved."""

    program: str
    accounts: tuple[str, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class ParsedTransaction:
    """A transaction taken apart. `signature` is its first one, in base58: the id of the transaction."""

    raw: bytes
    signature: str
    signatures: tuple[str, ...]
    message: bytes
    keys: tuple[str, ...]
    signer_count: int
    writable: tuple[bool, ...]
    blockhash: str
    instructions: tuple[ParsedInstruction, ...]
    fee_lamports: int
    version: int | str
    fully_signed: bool
    valid_signatures: bool

    @property
    def fee_payer(self) -> str:
        """Return who pays the network fee."""
        return self.keys[0]


def swap_request_id(transaction: ParsedTransaction) -> str | None:
    """Return the order id a transaction carries in a memo, None when it has none."""
    memos = (step.data for step in transaction.instructions if step.program == MEMO_PROGRAM)
    return next((memo.decode("ascii", "replace") for memo in memos), None)


def parse_transaction(raw: bytes, tables: LookupTables | None = None) -> ParsedTransaction:
    """Take a transaction apart, its accounts in lookup tables resolved; raises BrokenTransactionError."""
    most = _MAX_BYTES_V1 if raw[:1] == bytes([_V1_FIRST_BYTE]) else _MAX_BYTES
    if len(raw) > most:
        raise BrokenTransactionError(f"a transaction has at most {most} bytes, this one has {len(raw)}")
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except Exception as error:  # solders raises its own types, which share no base with each other
        raise BrokenTransactionError("failed to deserialize the transaction") from error
    message = transaction.message
    static = tuple(str(key) for key in message.account_keys)
    loaded_writable, loaded_readonly = _loaded(message, tables or {})
    keys = (*static, *loaded_writable, *loaded_readonly)
    instructions: list[ParsedInstruction] = []
    for compiled in message.instructions:
        indexes = (compiled.program_id_index, *compiled.accounts)
        if any(index >= len(keys) for index in indexes):
            raise BrokenTransactionError("an instruction names an account that the transaction does not have")
        names = tuple(keys[index] for index in compiled.accounts)
        instructions.append(ParsedInstruction(keys[compiled.program_id_index], names, bytes(compiled.data)))
    signer_count = message.header.num_required_signatures
    return ParsedTransaction(
        raw=raw,
        signature=str(transaction.signatures[0]),
        signatures=tuple(str(signature) for signature in transaction.signatures),
        message=bytes(to_bytes_versioned(message)),
        keys=keys,
        signer_count=signer_count,
        writable=(
            *_writable(message.header, len(static)),
            *(True for _ in loaded_writable),
            *(False for _ in loaded_readonly),
        ),
        blockhash=str(message.recent_blockhash),
        instructions=tuple(instructions),
        fee_lamports=signer_count * SIGNATURE_FEE_LAMPORTS
        + (
            message.config.priority_fee or 0
            if isinstance(message, MessageV1)
            else _priority_fee(instructions)
        ),
        version=_version(message),
        fully_signed=_NO_SIGNATURE not in transaction.signatures,
        valid_signatures=all(transaction.verify_with_results()),
    )


def _loaded(message: object, tables: LookupTables) -> tuple[list[str], list[str]]:
    """Return the accounts a message takes from lookup tables: those it may change, and the others."""
    writable: list[str] = []
    readonly: list[str] = []
    for lookup in message.address_table_lookups if isinstance(message, MessageV0) else ():
        addresses = tables.get(str(lookup.account_key), ())
        indexes = (*bytes(lookup.writable_indexes), *bytes(lookup.readonly_indexes))
        if any(index >= len(addresses) for index in indexes):
            raise BrokenTransactionError("a lookup table of the transaction does not exist, or is too short")
        writable.extend(addresses[index] for index in bytes(lookup.writable_indexes))
        readonly.extend(addresses[index] for index in bytes(lookup.readonly_indexes))
    return writable, readonly


def _version(message: object) -> int | str:
    if isinstance(message, MessageV1):
        return 1
    return 0 if isinstance(message, MessageV0) else "legacy"


def _writable(header: MessageHeader, count: int) -> tuple[bool, ...]:
    """Return which keys a transaction may change: signers come first, and in both groups the read-only ones last."""
    signers = header.num_required_signatures
    changeable_signers = signers - header.num_readonly_signed_accounts
    changeable = count - header.num_readonly_unsigned_accounts
    return tuple(index < changeable_signers or signers <= index < changeable for index in range(count))


def _priority_fee(instructions: Sequence[ParsedInstruction]) -> int:
    """Return ceil(price in micro-lamports x unit limit / 10^6); the limit defaults to 200 000 per instruction."""
    price = 0
    others = sum(1 for instruction in instructions if instruction.program != COMPUTE_BUDGET_PROGRAM)
    limit = min(COMPUTE_UNIT_LIMIT * others, 1_400_000)
    for instruction in instructions:
        if instruction.program != COMPUTE_BUDGET_PROGRAM or not instruction.data:
            continue
        value = int.from_bytes(instruction.data[1:], "little")
        match instruction.data[0]:
            case 2:
                limit = min(value, 1_400_000)
            case 3:
                price = value
    return -(-price * limit // _MICRO)
