"""One run of a transaction against the accounts: instruction by instruction, kept only when all succeed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nexgent.sandbox.accounts import Accounts, TokenAccount
from nexgent.sandbox.constants import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    INSUFFICIENT_FUNDS_ERROR,
    MEMO_PROGRAM,
    SLIPPAGE_ERROR,
    SWAP_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from nexgent.sandbox.market import Market
from nexgent.sandbox.orders import SwapOrder
from nexgent.sandbox.pricing import SwapAmounts
from nexgent.sandbox.transactions import ParsedInstruction, ParsedTransaction, swap_request_id

_SYSTEM_TRANSFER = 2
# Instructions of the token programs, by the first byte of their data.
_TOKEN_TRANSFER, _TOKEN_CLOSE, _TOKEN_TRANSFER_CHECKED, _TOKEN_WITHDRAW_EXCESS = 3, 9, 12, 38
# Errors of the token programs.
_TOO_FEW_TOKENS, _OTHER_MINT, _NOT_THE_OWNER, _NOT_EMPTY = 1, 3, 4, 11
# The system program's own error for "the sender has too few lamports".
_RESULT_WITH_NEGATIVE_LAMPORTS = 1
COMPUTE_UNITS_CONSUMED = 98_120


class ExecutionError(Exception):
    """A transaction fails on chain; `err` has the shape of the RPC."""

    def __init__(self, err: object) -> None:
        super().__init__(str(err))
        self.err = err


@dataclass(frozen=True, slots=True)
class TokenAmount:
    """What one token account among the keys of a transaction holds."""

    account_index: int
    mint: str
    owner: str
    program: str
    amount: int
    decimals: int


class TransactionRun:
    """Execute one transaction on top of the accounts, without touching them before `commit`."""

    def __init__(
        self,
        transaction: ParsedTransaction,
        accounts: Accounts,
        orders: Mapping[str, SwapOrder],
        market: Market,
    ) -> None:
        self._transaction = transaction
        self._accounts = accounts
        self._orders = orders
        self._market = market
        self._lamports_delta: dict[str, int] = {}
        self._token_delta: dict[tuple[str, str], int] = {}
        self._swaps: list[tuple[SwapOrder, SwapAmounts]] = []
        self._transfers: list[tuple[TokenAccount, int]] = []
        self._closed: list[TokenAccount] = []
        self.logs: list[str] = []

    @property
    def fill(self) -> SwapAmounts | None:
        """Return what the last swap of the transaction moved."""
        return self._swaps[-1][1] if self._swaps else None

    def execute(self, forced_error: object = None) -> None:
        """Run every instruction; raises ExecutionError. A forced error strikes at the last instruction."""
        last = len(self._transaction.instructions) - 1
        for index, instruction in enumerate(self._transaction.instructions):
            self.logs.append(f"Program {instruction.program} invoke [1]")
            failure = forced_error if forced_error is not None and index == last else self._run(instruction)
            if failure is not None:
                if isinstance(failure, dict) and "Custom" in failure:
                    text = f"custom program error: {failure['Custom']:#x}"
                else:
                    text = str(failure)
                self.logs.append(f"Program {instruction.program} failed: {text}")
                raise ExecutionError({"InstructionError": [index, failure]})
            self.logs.append(f"Program {instruction.program} success")

    def commit(self) -> None:
        """Write what the run changed."""
        for order, fill in self._swaps:
            token = order.token
            account = self._accounts.open_token_account(
                order.taker, token.mint, token.program, token.decimals, rent_lamports=order.rent_lamports
            )
            account.amount += fill.out_amount if order.is_buy else -fill.in_amount
        for account, change in self._transfers:
            account.amount += change
        for address, delta in self._lamports_delta.items():
            self._accounts.set_lamports(address, self._accounts.lamports(address) + delta)
        for account in self._closed:
            self._accounts.close_token_account(account)

    def token_amounts(self) -> list[TokenAmount]:
        """Return what the token accounts among the keys hold now."""
        found = []
        for index, key in enumerate(self._transaction.keys):
            account = self._accounts.token_account_at(key)
            if account is not None:
                found.append(
                    TokenAmount(
                        index, account.mint, account.owner, account.program, account.amount, account.decimals
                    )
                )
        return found

    def _run(self, instruction: ParsedInstruction) -> object:
        """Return None, or the error of an instruction in the shape of the RPC."""
        match instruction.program:
            case program if program in (COMPUTE_BUDGET_PROGRAM, MEMO_PROGRAM, ASSOCIATED_TOKEN_PROGRAM):
                # The swap itself opens the account it needs.
                return None
            case program if program == SYSTEM_PROGRAM:
                return self._transfer(instruction)
            case program if program == SWAP_PROGRAM:
                return self._swap()
            case program if program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
                return self._token(instruction)
            case _:
                return "UnsupportedProgramId"

    def _transfer(self, instruction: ParsedInstruction) -> object:
        data = instruction.data
        if (
            len(data) != 12
            or int.from_bytes(data[:4], "little") != _SYSTEM_TRANSFER
            or len(instruction.accounts) < 2
        ):
            return "InvalidInstructionData"
        source, destination = instruction.accounts[:2]
        if source not in self._transaction.keys[: self._transaction.signer_count]:
            return "MissingRequiredSignature"
        amount = int.from_bytes(data[4:], "little")
        if self._available_lamports(source) < amount:
            return {"Custom": _RESULT_WITH_NEGATIVE_LAMPORTS}
        self._move(source, -amount)
        self._move(destination, amount)
        return None

    def _token(self, instruction: ParsedInstruction) -> object:
        """Run what wallets do with token accounts: transfer, close an empty one, take excess rent back."""
        kind, accounts = instruction.data[:1], list(instruction.accounts)
        if kind == bytes([_TOKEN_TRANSFER_CHECKED]) and len(accounts) >= 4:
            del accounts[1]
        elif kind not in (bytes([_TOKEN_TRANSFER]), bytes([_TOKEN_CLOSE]), bytes([_TOKEN_WITHDRAW_EXCESS])):
            return "UnsupportedProgramId"
        if len(accounts) < 3:
            return "NotEnoughAccountKeys"
        source, owner = self._accounts.token_account_at(accounts[0]), accounts[2]
        if source is None or source.program != instruction.program or source in self._closed:
            return "InvalidAccountData"
        if owner not in self._transaction.keys[: self._transaction.signer_count]:
            return "MissingRequiredSignature"
        if owner != source.owner:
            return {"Custom": _NOT_THE_OWNER}
        if kind == bytes([_TOKEN_CLOSE]):
            return self._close(source, accounts[1])
        if kind == bytes([_TOKEN_WITHDRAW_EXCESS]):
            excess = self._available_lamports(source.address) - self._accounts.rent_exempt_lamports
            self._move(source.address, -max(excess, 0))
            self._move(accounts[1], max(excess, 0))
            return None
        return self._transfer_tokens(source, accounts[1], int.from_bytes(instruction.data[1:9], "little"))

    def _close(self, account: TokenAccount, destination: str) -> object:
        if self._held(account):
            return {"Custom": _NOT_EMPTY}
        lamports = self._available_lamports(account.address)
        self._move(account.address, -lamports)
        self._move(destination, lamports)
        self._closed.append(account)
        return None

    def _transfer_tokens(self, source: TokenAccount, destination: str, amount: int) -> object:
        target = self._accounts.token_account_at(destination)
        if target is None:
            return "InvalidAccountData"
        if target.mint != source.mint:
            return {"Custom": _OTHER_MINT}
        if self._held(source) < amount:
            return {"Custom": _TOO_FEW_TOKENS}
        self._transfers += [(source, -amount), (target, amount)]
        return None

    def _held(self, account: TokenAccount) -> int:
        moved = sum(change for one, change in self._transfers if one is account)
        return account.amount + moved + self._token_delta.get((account.owner, account.mint), 0)

    def _swap(self) -> object:
        request_id = swap_request_id(self._transaction)
        order = self._orders.get(request_id) if request_id is not None else None
        if order is None or order.message != self._transaction.message:
            return "InvalidInstructionData"
        fill = order.fill(self._market)
        if fill.out_amount < order.threshold or fill.out_amount <= 0:
            return {"Custom": SLIPPAGE_ERROR}
        key = (order.taker, order.token.mint)
        account = self._accounts.token_account(*key)
        if order.is_buy:
            rent = order.rent_lamports if account is None else 0
            if self._available_lamports(order.taker) < fill.in_amount + rent:
                return {"Custom": INSUFFICIENT_FUNDS_ERROR}
            self._move(order.taker, -fill.in_amount - rent)
            self._token_delta[key] = self._token_delta.get(key, 0) + fill.out_amount
        else:
            held = self._held(account) if account is not None else 0
            if held < fill.in_amount:
                return {"Custom": INSUFFICIENT_FUNDS_ERROR}
            self._move(order.taker, fill.out_amount)
            self._token_delta[key] = self._token_delta.get(key, 0) - fill.in_amount
        self._swaps.append((order, fill))
        return None

    def _available_lamports(self, address: str) -> int:
        available = self._accounts.lamports(address) + self._lamports_delta.get(address, 0)
        return available - (self._transaction.fee_lamports if address == self._transaction.fee_payer else 0)

    def _move(self, address: str, delta: int) -> None:
        self._lamports_delta[address] = self._lamports_delta.get(address, 0) + delta
