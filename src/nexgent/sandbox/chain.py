"""The chain truth: blockhashes that expire, transactions that land, fail or vanish, and what they do to accounts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from solders.hash import Hash
from solders.pubkey import Pubkey

from nexgent.sandbox.accounts import Accounts
from nexgent.sandbox.clockwork import HEIGHT_LAG, SlotClock
from nexgent.sandbox.constants import BLOCKHASH_LIFETIME_BLOCKS
from nexgent.sandbox.execution import ExecutionError, TokenAmount, TransactionRun
from nexgent.sandbox.market import Market
from nexgent.sandbox.orders import SwapOrder
from nexgent.sandbox.pricing import SwapAmounts
from nexgent.sandbox.settings import SandboxSettings
from nexgent.sandbox.terms import ChainTerms
from nexgent.sandbox.tokens import derive_address
from nexgent.sandbox.transactions import ParsedTransaction
from nexgent.shared.clock import Clock

# The oldest transactions are forgotten beyond this number, so that a benchmark of hours does not fill the memory.
MAX_TRANSACTIONS = 100_000


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A transaction in a block. `err` None means success; `fill` is what its swap moved."""

    transaction: ParsedTransaction
    slot: int
    block_time_seconds: int
    err: object
    logs: list[str]
    pre_lamports: list[int]
    post_lamports: list[int]
    pre_tokens: list[TokenAmount]
    post_tokens: list[TokenAmount]
    fill: SwapAmounts | None


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a transaction would do. `accounts` are those it names, as it would leave them."""

    err: object
    logs: list[str]
    accounts: Accounts


@dataclass(order=True, slots=True)
class _Pending:
    due_slot: int
    number: int
    transaction: ParsedTransaction = field(compare=False)
    forced_error: object = field(compare=False, default=None)


class Chain:
    """Slots, blockhashes, accounts and transactions. Nothing runs by itself: what is due happens on the next look."""

    def __init__(self, settings: SandboxSettings, market: Market, clock: Clock, terms: ChainTerms) -> None:
        self._seed = settings.seed
        self._market = market
        self._clock = clock
        self.slots = SlotClock(clock, settings.slot_seconds)
        self.terms = terms
        self.accounts = Accounts(terms)
        self.lookup_tables: dict[str, tuple[str, ...]] = {}
        self._orders: dict[str, SwapOrder] = {}
        self._blockhashes: dict[str, int] = {}
        self._records: dict[str, TransactionRecord] = {}
        self._by_address: dict[str, list[str]] = {}
        self._pending: list[_Pending] = []
        self._told: dict[str, int] = {}
        self._submitted = 0

    @property
    def genesis_hash(self) -> str:
        """Return what tells this chain from others: the same for every run of a seed, unless it was set otherwise."""
        return derive_address(self._seed, self.terms.genesis or "genesis")

    def block_time_seconds(self, slot: int) -> int:
        """Return when a slot had its block."""
        return int(self._clock.now().timestamp() - self.slots.age_seconds(slot))

    def latest_blockhash(self) -> tuple[Hash, int]:
        """Return the newest blockhash and the last block height at which it is valid."""
        height = self.slots.height()
        blockhash = Hash(hashlib.sha256(f"{self._seed}/block/{height}".encode()).digest())
        name = str(blockhash)
        last_valid = height + BLOCKHASH_LIFETIME_BLOCKS
        if name not in self._blockhashes:
            self._blockhashes[name] = last_valid
            self._forget_expired(height)
        return blockhash, last_valid

    def blockhash_valid_at(self, blockhash: str, slot: int) -> bool:
        """Say whether a block of that slot accepts the blockhash."""
        last_valid = self._blockhashes.get(blockhash)
        return last_valid is not None and slot - HEIGHT_LAG <= last_valid

    def add_order(self, order: SwapOrder) -> None:
        """Remember an order, so that a transaction that names it can be executed."""
        self._orders[order.request_id] = order

    def order(self, request_id: str) -> SwapOrder | None:
        """Return an order; None once its blockhash has been expired for some time."""
        return self._orders.get(request_id)

    def submit(
        self, transaction: ParsedTransaction, *, after_slots: int, forced_error: object = None
    ) -> None:
        """Let a transaction land that many slots from now, if its blockhash is still valid then."""
        self._submitted += 1
        if not after_slots and any(self._told.get(key) == self.slots.slot() for key in transaction.keys):
            self.slots.advance(1)
        due = self.slots.slot() + after_slots
        self._pending.append(_Pending(due, self._submitted, transaction, forced_error))
        self._pending.sort()
        self.settle()

    def tell(self, address: str) -> None:
        """Note that somebody has been told what an address has in this slot: what lands for it from now on is of a later one."""
        self.settle()
        slot = self.slots.slot()
        if self._told.get(address) != slot:
            # Only the newest slot matters, and only whom somebody looked at in it.
            self._told = {key: told for key, told in self._told.items() if told >= slot} | {address: slot}

    def settle(self) -> None:
        """Land what is due."""
        if not self._pending:
            return
        slot = self.slots.slot()
        while self._pending and self._pending[0].due_slot <= slot:
            pending = self._pending.pop(0)
            self._land(pending.transaction, pending.due_slot, pending.forced_error)

    def record(self, signature: str) -> TransactionRecord | None:
        """Return a transaction that has landed."""
        self.settle()
        record = self._records.get(signature)
        # A node that is behind does not have the newest blocks.
        return record if record is not None and record.slot <= self.slots.slot() else None

    def signatures_of(self, address: str) -> list[str]:
        """Return the signatures that mention an address, oldest first."""
        self.settle()
        return [s for s in self._by_address.get(address, []) if self.record(s) is not None]

    def counts(self) -> dict[str, int]:
        """Return how much the chain holds, for the control API."""
        self.settle()
        return {
            "transactions": len(self._records),
            "pending": len(self._pending),
            "orders": len(self._orders),
        }

    def simulate(self, transaction: ParsedTransaction, *, check_blockhash: bool = True) -> Simulation:
        """Run a transaction without keeping anything of it."""
        self.settle()
        accounts = self.accounts.part(transaction.keys)
        if transaction.fully_signed and transaction.signature in self._records:
            return Simulation("AlreadyProcessed", [], accounts)
        if check_blockhash and not self.blockhash_valid_at(transaction.blockhash, self.slots.slot()):
            return Simulation("BlockhashNotFound", [], accounts)
        payer = transaction.fee_payer
        if not accounts.exists(payer):
            return Simulation("AccountNotFound", [], accounts)
        if accounts.lamports(payer) < transaction.fee_lamports:
            return Simulation("InsufficientFundsForFee", [], accounts)
        run = TransactionRun(transaction, accounts, self._orders, self._market)
        try:
            run.execute()
        except ExecutionError as error:
            return Simulation(error.err, run.logs, accounts)
        accounts.set_lamports(payer, accounts.lamports(payer) - transaction.fee_lamports)
        run.commit()
        return Simulation(None, run.logs, accounts)

    def _land(self, transaction: ParsedTransaction, slot: int, forced_error: object) -> None:
        payer = transaction.fee_payer
        if transaction.signature in self._records or not self.blockhash_valid_at(transaction.blockhash, slot):
            return
        if self.accounts.lamports(payer) < transaction.fee_lamports:
            return
        run = TransactionRun(transaction, self.accounts, self._orders, self._market)
        pre_lamports = [self.accounts.lamports(key) for key in transaction.keys]
        pre_tokens = run.token_amounts()
        err: object = None
        try:
            run.execute(forced_error)
        except ExecutionError as error:
            err = error.err
        # A failed transaction pays its fee and nothing else.
        self.accounts.set_lamports(payer, self.accounts.lamports(payer) - transaction.fee_lamports)
        if err is None:
            run.commit()
        record = TransactionRecord(
            transaction=transaction,
            slot=slot,
            block_time_seconds=int(self._clock.now().timestamp()),
            err=err,
            logs=run.logs,
            pre_lamports=pre_lamports,
            post_lamports=[self.accounts.lamports(key) for key in transaction.keys],
            pre_tokens=pre_tokens,
            post_tokens=run.token_amounts(),
            fill=run.fill if err is None else None,
        )
        self._records[transaction.signature] = record
        for key in transaction.keys:
            self._by_address.setdefault(key, []).append(transaction.signature)
        while len(self._records) > MAX_TRANSACTIONS:
            self._records.pop(next(iter(self._records)))

    def _forget_expired(self, height: int) -> None:
        """Drop blockhashes and orders that cannot land any more, long after they could not.

        Something that is posted late still deserves the answer "expired" for a while, hence the double lifetime.
        """
        horizon = height - BLOCKHASH_LIFETIME_BLOCKS
        for name, last_valid in list(self._blockhashes.items()):
            if last_valid >= horizon:
                break
            del self._blockhashes[name]
        for request_id, order in list(self._orders.items()):
            if order.last_valid_block_height >= horizon:
                break
            del self._orders[request_id]


def is_address(text: object) -> bool:
    """Say whether something is a base58 address of 32 bytes."""
    if not isinstance(text, str) or not 32 <= len(text) <= 44:
        return False
    try:
        Pubkey.from_string(text)
    except ValueError:
        return False
    return True
