"""Transactions as bytes: build the one of a swap, take any of them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageHeader, MessageV0, MessageV1, TransactionConfig, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from nexgent.sandbox.constants import (
    COMPUTE_BUDGET_PROGRAM,
    COMPUTE_UNIT_LIMIT,
    SIGNATURE_FEE_LAMPORTS,
    SWAP_PROGRAM,
)

SWAP_TAG = b"NXSWAP01"
_SWAP_PROGRAM_KEY = Pubkey.from_string(SWAP_PROGRAM)
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


def build_swap_transaction(
    *,
    taker: Pubkey,
    accounts: Sequence[Pubkey],
    blockhash: Hash,
    request_id: str,
    in_amount: int,
    threshold: int,
    priority_fee_lamports: int,
    version: int = 0,
) -> VersionedTransaction:
    """Return an unsigned transaction of a swap; the taker pays and is its only signer.

    Version 1 carries the priority fee, in lamports, in its configuration and needs no compute-budget instructions.
    """
    data = SWAP_TAG + in_amount.to_bytes(8, "little") + threshold.to_bytes(8, "little") + request_id.encode()
    metas = [AccountMeta(taker, is_signer=True, is_writable=True)]
    metas.extend(AccountMeta(account, is_signer=False, is_writable=True) for account in accounts)
    swap = Instruction(_SWAP_PROGRAM_KEY, data, metas)
    if version == 1:
        config = TransactionConfig(priority_fee=priority_fee_lamports, compute_unit_limit=COMPUTE_UNIT_LIMIT)
        newest = MessageV1.try_compile(taker, [swap], blockhash, config)
        return VersionedTransaction.populate(newest, [_NO_SIGNATURE])
    instructions = [
        set_compute_unit_limit(COMPUTE_UNIT_LIMIT),
        set_compute_unit_price(priority_fee_lamports * _MICRO // COMPUTE_UNIT_LIMIT),
        swap,
    ]
    message = MessageV0.try_compile(taker, instructions, [], blockhash)
    return VersionedTransaction.populate(message, [_NO_SIGNATURE])


def swap_request_id(instruction: ParsedInstruction) -> str | None:
    """Return the order id a swap instruction carries, None when it is another instruction of that program."""
    if not instruction.data.startswith(SWAP_TAG):
        return None
    return instruction.data[len(SWAP_TAG) + 16 :].decode("ascii", "replace")


def parse_transaction(raw: bytes) -> ParsedTransaction:
    """Take a transaction apart; raises BrokenTransactionError."""
    most = _MAX_BYTES_V1 if raw[:1] == bytes([_V1_FIRST_BYTE]) else _MAX_BYTES
    if len(raw) > most:
        raise BrokenTransactionError(f"a transaction has at most {most} bytes, this one has {len(raw)}")
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except Exception as error:  # solders raises its own types, which share no base with each other
        raise BrokenTransactionError("failed to deserialize the transaction") from error
    message = transaction.message
    keys = tuple(str(key) for key in message.account_keys)
    instructions: list[ParsedInstruction] = []
    for compiled in message.instructions:
        indexes = (compiled.program_id_index, *compiled.accounts)
        if any(index >= len(keys) for index in indexes):
            raise BrokenTransactionError("address lookup tables are not part of this chain")
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
        writable=_writable(message.header, len(keys)),
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
