"""The swap desk: quotes, orders with a transaction to sign, and their execution."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from solders.message import to_bytes_versioned
from solders.pubkey import Pubkey

from nexgent.sandbox import pricing
from nexgent.sandbox.accounts import token_account_key
from nexgent.sandbox.building import SwapTerms
from nexgent.sandbox.chain import Chain
from nexgent.sandbox.constants import (
    LAMPORTS_PER_SOL,
    PRIORITY_FEE_LAMPORTS,
    SIGNATURE_FEE_LAMPORTS,
    SOL_MINT,
    TOKEN_PROGRAM,
)
from nexgent.sandbox.faults import FaultRule, first, for_mint
from nexgent.sandbox.hostile import VARIANTS, Draft
from nexgent.sandbox.market import Market
from nexgent.sandbox.orders import SwapOrder, pool_terms
from nexgent.sandbox.pricing import SwapAmounts
from nexgent.sandbox.quotes import QuoteScripts, ScriptedQuote
from nexgent.sandbox.settings import SandboxSettings
from nexgent.sandbox.tokens import SandboxToken
from nexgent.sandbox.transactions import (
    BrokenTransactionError,
    ParsedTransaction,
    parse_transaction,
    swap_request_id,
)
from nexgent.shared.clock import Clock

REPOST_SECONDS = 120.0
DEFAULT_LAND_LATER_SLOTS = 10
# HTTP 400 for posts that never were a transaction of an order, 200 with status Failed for the rest.
_BAD_REQUEST_CODES = (-1, -2, -3)
_AMOUNTS = ("totalInputAmount", "totalOutputAmount", "inputAmountResult", "outputAmountResult")


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """An order call, validated: mints exist, one of them is SOL, the amount is positive."""

    token: SandboxToken
    is_buy: bool
    amount: int
    taker: str | None
    slippage_bps: int
    priority_fee_lamports: int | None
    is_manual: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """The answer to an order call in exact numbers. `price_impact_ratio` is negative when adverse."""

    request: QuoteRequest
    request_id: str
    amounts: SwapAmounts
    threshold: int
    fee_bps: int
    signature_fee_lamports: int
    priority_fee_lamports: int
    rent_lamports: int
    in_usd: Decimal
    out_usd: Decimal
    price_impact_ratio: Decimal
    script: ScriptedQuote | None
    transaction: str | None = None
    last_valid_block_height: int | None = None
    error: tuple[int, str] | None = None
    slippage_bps: int = 0
    hostile_fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Posted:
    result: tuple[int, dict[str, object]]
    at_seconds: float
    transaction: ParsedTransaction
    lied: bool
    """The answer is not what happened, and stays so when the same is posted again."""


class NoRouteError(Exception):
    """Nothing can be quoted."""


class SwapDesk:
    """Quote, order, execute. Execution answers the same to the same post for two minutes."""

    def __init__(
        self, settings: SandboxSettings, market: Market, chain: Chain, scripts: QuoteScripts, clock: Clock
    ) -> None:
        self._settings = settings
        self._market = market
        self._chain = chain
        self._scripts = scripts
        self._clock = clock
        self._posted: dict[tuple[str, str], _Posted] = {}

    def new_request_id(self) -> str:
        """Return an id in the form of a version 7 UUID: milliseconds first, then chance."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
        value = (value & ~(0xF << 76)) | (0x7 << 76)
        return str(UUID(int=(value & ~(0x3 << 62)) | (0x2 << 62)))

    def order(self, request: QuoteRequest, faults: Sequence[FaultRule]) -> Quote:
        """Return a quote; with a taker also a transaction to sign. Raises NoRouteError."""
        self._chain.settle()
        quote = self._quote(request, faults)
        refused = first(faults, "order_error")
        if refused is not None:
            error = (
                refused.code if refused.code is not None else 1,
                refused.message or "Order could not be built",
            )
            return replace(quote, transaction="", error=error)
        if request.taker is None:
            return quote
        error_or_none = self._cannot_pay(request.taker, quote)
        if error_or_none is not None:
            return replace(quote, transaction="", error=error_or_none)
        return self._with_transaction(request.taker, quote, faults)

    def _quote(self, request: QuoteRequest, faults: Sequence[FaultRule]) -> Quote:
        token = request.token
        script = self._scripts.take(token.mint, "buy" if request.is_buy else "sell")
        fee_bps = (
            self._settings.platform_fee_bps if script is None or script.fee_bps is None else script.fee_bps
        )
        terms = pool_terms(self._market, token, fee_bps)
        bent = for_mint(faults, token.mint, "zero_price", "absurd_price")
        if bent is not None:
            factor = Decimal(bent.factor or 1000) if bent.kind == "absurd_price" else Decimal(0)
            terms = replace(terms, price_sol=terms.price_sol * factor)
        trade = pricing.buy if request.is_buy else pricing.sell
        amounts = trade(request.amount, terms)
        if script is not None:
            amounts = _scripted_amounts(amounts, script, is_buy=request.is_buy)
        if amounts.out_amount <= 0 and (script is None or script.out_amount is None) and bent is None:
            raise NoRouteError
        slippage = (
            request.slippage_bps if script is None or script.slippage_bps is None else script.slippage_bps
        )
        sol_usd = self._market.sol_usd()
        token_usd = self._market.price_sol(token) * sol_usd
        token_raw = amounts.out_amount if request.is_buy else request.amount
        token_value = Decimal(token_raw).scaleb(-token.decimals) * token_usd
        lamports = request.amount if request.is_buy else amounts.out_amount
        sol_value = Decimal(lamports) / LAMPORTS_PER_SOL * sol_usd
        in_usd, out_usd = (sol_value, token_value) if request.is_buy else (token_value, sol_value)
        impact = (out_usd / in_usd - 1) if in_usd else Decimal(0)
        quote = Quote(
            request=request,
            request_id=self.new_request_id(),
            amounts=amounts,
            threshold=amounts.out_amount * (10_000 - slippage) // 10_000,
            fee_bps=fee_bps,
            signature_fee_lamports=SIGNATURE_FEE_LAMPORTS,
            priority_fee_lamports=(
                PRIORITY_FEE_LAMPORTS
                if request.priority_fee_lamports is None
                else request.priority_fee_lamports
            ),
            rent_lamports=self._rent(request),
            in_usd=in_usd,
            out_usd=out_usd,
            price_impact_ratio=impact,
            script=script,
            slippage_bps=slippage,
        )
        return quote if script is None else _scripted_quote(quote, script)

    def _rent(self, request: QuoteRequest) -> int:
        if request.taker is None or not request.is_buy:
            return 0
        known = self._chain.accounts.token_account(request.taker, request.token.mint)
        return self._chain.terms.rent_lamports if known is None else 0

    def _cannot_pay(self, taker: str, quote: Quote) -> tuple[int, str] | None:
        """Return the documented error of the metis router when the taker has too little."""
        lamports = self._chain.accounts.lamports(taker)
        costs = quote.signature_fee_lamports + quote.priority_fee_lamports + quote.rent_lamports
        if quote.request.is_buy:
            if lamports < quote.amounts.in_amount:
                return 1, "Insufficient funds"
            costs += quote.amounts.in_amount
        else:
            account = self._chain.accounts.token_account(taker, quote.request.token.mint)
            if account is None or account.amount < quote.amounts.in_amount:
                return 1, "Insufficient funds"
        return (2, "Top up SOL for gas") if lamports < costs else None

    def _with_transaction(self, taker: str, quote: Quote, faults: Sequence[FaultRule]) -> Quote:
        token = quote.request.token
        blockhash, last_valid = self._chain.latest_blockhash()
        told = last_valid - self._chain.terms.understated_blocks
        draft = Draft(
            terms=_terms(taker, quote),
            blockhash=blockhash,
            payer=Pubkey.from_string(taker),
        )
        hostile = first(faults, "hostile")
        if hostile is not None:
            VARIANTS[hostile.message or "extra_transfer"](draft)
        transaction, tables = draft.transaction(self._chain.terms.order_version, self._chain.lookup_tables)
        self._chain.lookup_tables.update(tables)
        fixed = None
        if quote.script is not None and (quote.script.out_amount or quote.script.fill_out_amount):
            fixed = quote.amounts
            if quote.script.fill_out_amount is not None:
                fixed = _with_out(fixed, quote.script.fill_out_amount, is_buy=quote.request.is_buy)
        if draft.fills_half:
            fixed = _with_out(quote.amounts, quote.amounts.out_amount // 2, is_buy=quote.request.is_buy)
        self._chain.add_order(
            SwapOrder(
                request_id=quote.request_id,
                token=token,
                is_buy=quote.request.is_buy,
                taker=taker,
                amounts=quote.amounts,
                threshold=0 if draft.fills_half else quote.threshold,
                fee_bps=quote.fee_bps,
                rent_lamports=quote.rent_lamports,
                message=bytes(to_bytes_versioned(transaction.message)),
                last_valid_block_height=last_valid,
                told_block_height=told,
                fixed_fill=fixed,
            )
        )
        encoded = base64.b64encode(bytes(transaction)).decode()
        return replace(quote, transaction=encoded, last_valid_block_height=told, hostile_fields=draft.extra)

    def execute(
        self, signed_base64: str, request_id: str, height: int | None, faults: Sequence[FaultRule]
    ) -> tuple[int, dict[str, object]]:
        """Post a signed order; returns HTTP status and body. The same post gets the same answer for two minutes."""
        try:
            transaction = parse_transaction(
                base64.b64decode(signed_base64, validate=True), self._chain.lookup_tables
            )
        except (binascii.Error, BrokenTransactionError) as error:
            return _failure(-2, f"Invalid signed transaction: {error}")
        self._forget_posts()
        key = (request_id, transaction.signature)
        posted = self._posted.get(key)
        if posted is not None:
            # What was answered as lost may have landed since; polling has to find that out.
            record = self._chain.record(transaction.signature)
            if record is None or posted.lied:
                return posted.result
            return self._landed(transaction)
        order = self._chain.order(request_id)
        if order is None:
            return _failure(-1, "Order not found or expired")
        if transaction.message != order.message:
            return _failure(-3, "Message of the signed transaction is not the one of the order")
        if not transaction.fully_signed:
            return _failure(-1003, "Transaction is not fully signed", transaction)
        if not transaction.valid_signatures:
            return _failure(-1002, "Invalid transaction: signature verification failed", transaction)
        if height is not None and height != order.told_block_height:
            return _failure(-1004, "Invalid block height", transaction)
        result = self._post(transaction, faults)
        lied = first(faults, "wrong_amounts") is not None or any(
            rule.kind == "fail_execute" and rule.after for rule in faults
        )
        self._posted[key] = _Posted(result, self._clock.monotonic(), transaction, lied)
        return result

    def _post(
        self, transaction: ParsedTransaction, faults: Sequence[FaultRule]
    ) -> tuple[int, dict[str, object]]:
        fault = first(faults, "fail_execute", "vanish", "land_later", "false_success", "wrong_amounts")
        if fault is None:
            self._chain.submit(transaction, after_slots=0)
        elif fault.kind == "wrong_amounts":
            self._chain.submit(transaction, after_slots=0)
            status, body = self._landed(transaction)
            factor = Decimal(fault.factor or 2)
            wrong = {name: str(int(Decimal(str(body[name])) * factor)) for name in _AMOUNTS if name in body}
            return status, body | wrong
        elif fault.kind == "false_success":
            return 200, self._claimed(transaction)
        elif fault.kind == "fail_execute" and fault.after:
            self._chain.submit(transaction, after_slots=0)
            code = fault.code if fault.code is not None else -1001
            return _failure(code, fault.message or "Unknown error", transaction)
        elif fault.kind == "land_later":
            self._chain.submit(transaction, after_slots=later_slots(self._chain, fault))
            return _failure(-1000, "Failed to land", transaction)
        elif fault.kind == "fail_execute" and (fault.code or 0) > 0:
            self._chain.submit(transaction, after_slots=0, forced_error={"Custom": fault.code})
        elif fault.kind == "fail_execute":
            code = fault.code if fault.code is not None else -1001
            return _failure(code, fault.message or "Unknown error", transaction)
        else:
            return _failure(-1000, "Failed to land", transaction)
        return self._landed(transaction)

    def _claimed(self, transaction: ParsedTransaction) -> dict[str, object]:
        """Return the answer of a success that did not happen."""
        order = next(filter(None, map(self._chain.order, _request_ids(transaction))), None)
        fill = order.fill(self._market) if order is not None else None
        return {
            "status": "Success",
            "signature": transaction.signature,
            "slot": str(self._chain.slots.slot()),
            "code": 0,
            "totalInputAmount": str(fill.in_amount if fill is not None else 0),
            "totalOutputAmount": str(fill.out_amount if fill is not None else 0),
            "inputAmountResult": str(fill.route_in if fill is not None else 0),
            "outputAmountResult": str(fill.route_out if fill is not None else 0),
        }

    def _landed(self, transaction: ParsedTransaction) -> tuple[int, dict[str, object]]:
        record = self._chain.record(transaction.signature)
        if record is None:
            return _failure(-1000, "Failed to land", transaction)
        body: dict[str, object] = {"signature": transaction.signature, "slot": str(record.slot)}
        if record.err is not None or record.fill is None:
            code = _custom_code(record.err)
            error = "Slippage tolerance exceeded" if code == 6001 else "Transaction failed on chain"
            return 200, {"status": "Failed", **body, "error": error, "code": code}
        fill = record.fill
        order = next(
            (order for order in map(self._chain.order, _request_ids(transaction)) if order is not None), None
        )
        mint = order.token.mint if order is not None else ""
        is_buy = order is None or order.is_buy
        input_mint, output_mint = (SOL_MINT, mint) if is_buy else (mint, SOL_MINT)
        return 200, {
            "status": "Success",
            **body,
            "code": 0,
            "totalInputAmount": str(fill.in_amount),
            "totalOutputAmount": str(fill.out_amount),
            "inputAmountResult": str(fill.route_in),
            "outputAmountResult": str(fill.route_out),
            "swapEvents": [
                {
                    "inputMint": input_mint,
                    "inputAmount": str(fill.route_in),
                    "outputMint": output_mint,
                    "outputAmount": str(fill.route_out),
                }
            ],
        }

    def _forget_posts(self) -> None:
        horizon = self._clock.monotonic() - REPOST_SECONDS
        for key, posted in list(self._posted.items()):
            if posted.at_seconds >= horizon:
                break
            del self._posted[key]


def later_slots(chain: Chain, fault: FaultRule) -> int:
    """Return after how many slots a late transaction lands."""
    if fault.slots is not None:
        return fault.slots
    return chain.slots.slots_in(fault.seconds) if fault.seconds is not None else DEFAULT_LAND_LATER_SLOTS


def _terms(taker: str, quote: Quote) -> SwapTerms:
    """Return what the transaction of an honest order says."""
    token, is_buy = quote.request.token, quote.request.is_buy
    held, wrapped = (
        token_account_key(taker, token.mint, token.program),
        token_account_key(taker, SOL_MINT, TOKEN_PROGRAM),
    )
    sol, program = Pubkey.from_string(SOL_MINT), Pubkey.from_string(token.program)
    sol_program = Pubkey.from_string(TOKEN_PROGRAM)
    return SwapTerms(
        taker=Pubkey.from_string(taker),
        input_mint=sol if is_buy else token.mint_key,
        output_mint=token.mint_key if is_buy else sol,
        source=wrapped if is_buy else held,
        destination=held if is_buy else wrapped,
        source_program=sol_program if is_buy else program,
        destination_program=program if is_buy else sol_program,
        pool=Pubkey.from_string(token.pool),
        opens=is_buy and quote.rent_lamports > 0,
        request_id=quote.request_id,
        in_amount=quote.amounts.in_amount,
        quoted_out=quote.amounts.out_amount,
        slippage_bps=quote.slippage_bps,
        priority_fee_lamports=quote.priority_fee_lamports,
    )


def _request_ids(transaction: ParsedTransaction) -> list[str]:
    request_id = swap_request_id(transaction)
    return [] if request_id is None else [request_id]


def _custom_code(err: object) -> int:
    """Return the program's error number out of an error of the RPC, -1001 when it is another kind of error."""
    match err:
        case {"InstructionError": [_, {"Custom": int(code)}]}:
            return code
        case _:
            return -1001


def _failure(
    code: int, error: str, transaction: ParsedTransaction | None = None
) -> tuple[int, dict[str, object]]:
    if code in _BAD_REQUEST_CODES:
        return 400, {"error": error, "code": code}
    signature = transaction.signature if transaction is not None else ""
    return 200, {"status": "Failed", "signature": signature, "error": error, "code": code}


def _with_out(amounts: SwapAmounts, out_amount: int, *, is_buy: bool) -> SwapAmounts:
    if is_buy:
        return replace(amounts, route_out=out_amount, out_amount=out_amount)
    return replace(amounts, route_out=out_amount + amounts.fee_lamports, out_amount=out_amount)


def _scripted_amounts(amounts: SwapAmounts, script: ScriptedQuote, *, is_buy: bool) -> SwapAmounts:
    in_amount = amounts.in_amount if script.in_amount is None else script.in_amount
    fee = amounts.fee_lamports if script.platform_fee_lamports is None else script.platform_fee_lamports
    amounts = replace(amounts, in_amount=in_amount, fee_lamports=fee)
    amounts = replace(amounts, route_in=in_amount - fee if is_buy else in_amount)
    if script.out_amount is not None:
        if not is_buy and script.platform_fee_lamports is None and script.fee_bps is not None:
            # The fee is taken from what the route gives: gross = net / (1 - rate).
            gross = script.out_amount * 10_000 // max(1, 10_000 - script.fee_bps)
            amounts = replace(amounts, fee_lamports=gross - script.out_amount)
        amounts = _with_out(amounts, script.out_amount, is_buy=is_buy)
    return amounts


def _scripted_quote(quote: Quote, script: ScriptedQuote) -> Quote:
    ratio = quote.price_impact_ratio
    if script.price_impact_pct is not None:
        ratio = script.price_impact_pct
    elif script.price_impact is not None:
        ratio = script.price_impact / 100
    return replace(
        quote,
        signature_fee_lamports=_or(script.signature_fee_lamports, quote.signature_fee_lamports),
        priority_fee_lamports=_or(script.prioritization_fee_lamports, quote.priority_fee_lamports),
        rent_lamports=_or(script.rent_fee_lamports, quote.rent_lamports),
        in_usd=quote.in_usd if script.in_usd_value is None else script.in_usd_value,
        out_usd=quote.out_usd if script.out_usd_value is None else script.out_usd_value,
        price_impact_ratio=ratio,
    )


def _or(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given
