"""Build the transaction of an order, in the layout of Jupiter's own swap program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0, MessageV1, TransactionConfig
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from nexgent.sandbox.constants import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_UNIT_LIMIT,
    MEMO_PROGRAM,
    SWAP_PROGRAM,
    SYSTEM_PROGRAM,
)

ROUTE_V2 = bytes([187, 100, 250, 204, 49, 196, 175, 20])
_EVENT_AUTHORITY = Pubkey.from_string("D8cy77BBepLMngZx6ZukaTff5hCt1HrWyKk3Hnd9oitf")
_SWAP_PROGRAM_KEY = Pubkey.from_string(SWAP_PROGRAM)
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapTerms:
    """What the transaction of an order says. `opens` creates the destination account."""

    taker: Pubkey
    input_mint: Pubkey
    output_mint: Pubkey
    source: Pubkey
    destination: Pubkey
    source_program: Pubkey
    destination_program: Pubkey
    pool: Pubkey
    opens: bool
    request_id: str
    in_amount: int
    quoted_out: int
    slippage_bps: int
    priority_fee_lamports: int


def swap_instructions(terms: SwapTerms) -> list[Instruction]:
    """Return the instructions of a swap, which is the last one. A memo names the order."""
    instructions = [Instruction(Pubkey.from_string(MEMO_PROGRAM), terms.request_id.encode(), [])]
    if terms.opens:
        accounts = [
            AccountMeta(terms.taker, is_signer=True, is_writable=True),
            AccountMeta(terms.destination, is_signer=False, is_writable=True),
            _read(terms.taker),
            _read(terms.output_mint),
            _read(Pubkey.from_string(SYSTEM_PROGRAM)),
            _read(terms.destination_program),
        ]
        program = Pubkey.from_string(ASSOCIATED_TOKEN_PROGRAM)
        instructions.append(Instruction(program, b"\x01", accounts))
    instructions.append(_route(terms))
    return instructions


def _route(terms: SwapTerms) -> Instruction:
    numbers = (
        (terms.in_amount, 8),
        (terms.quoted_out, 8),
        (terms.slippage_bps, 2),
        (0, 2),
        (0, 2),
        (0, 4),
    )
    data = ROUTE_V2 + b"".join(number.to_bytes(size, "little") for number, size in numbers)
    accounts = [
        AccountMeta(terms.taker, is_signer=True, is_writable=True),
        AccountMeta(terms.source, is_signer=False, is_writable=True),
        AccountMeta(terms.destination, is_signer=False, is_writable=True),
        _read(terms.input_mint),
        _read(terms.output_mint),
        _read(terms.source_program),
        _read(terms.destination_program),
        # The program's own address stands for an account that is not given: another one for the output.
        _read(_SWAP_PROGRAM_KEY),
        _read(_EVENT_AUTHORITY),
        _read(_SWAP_PROGRAM_KEY),
        AccountMeta(terms.pool, is_signer=False, is_writable=True),
    ]
    return Instruction(_SWAP_PROGRAM_KEY, data, accounts)


def compile_transaction(
    payer: Pubkey,
    instructions: Sequence[Instruction],
    blockhash: Hash,
    *,
    priority_fee_lamports: int,
    version: int = 0,
    tables: Sequence[AddressLookupTableAccount] = (),
) -> VersionedTransaction:
    """Return an unsigned transaction.

    Version 1 carries the priority fee, in lamports, in its configuration and needs no compute-budget instructions.
    """
    message: MessageV0 | MessageV1
    if version == 1 and not tables:
        config = TransactionConfig(priority_fee=priority_fee_lamports, compute_unit_limit=COMPUTE_UNIT_LIMIT)
        message = MessageV1.try_compile(payer, list(instructions), blockhash, config)
    else:
        budget = [
            set_compute_unit_limit(COMPUTE_UNIT_LIMIT),
            set_compute_unit_price(priority_fee_lamports * _MICRO // COMPUTE_UNIT_LIMIT),
        ]
        message = MessageV0.try_compile(payer, [*budget, *instructions], list(tables), blockhash)
    unsigned = [Signature.default()] * message.header.num_required_signatures
    return VersionedTransaction.populate(message, unsigned)


def _read(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=False)
