"""Swaps for real: sign, send, and find out what became of what was sent."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import structlog

from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.errors import SwapNotSentError
from nexgent.domain.trading.models import (
    Landed,
    NeverLanded,
    Quote,
    QuoteRequest,
    Reverted,
    StillUnknown,
    SwapOutcome,
)
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.jupiter.chain_fill import fill_from_chain
from nexgent.infrastructure.external.jupiter.mapping import fill_from_execute
from nexgent.infrastructure.external.jupiter.signing import WalletSigner, sign_order, wallet_pays_fee
from nexgent.infrastructure.external.jupiter.swap import Execution, JupiterSwapClient, signature_in
from nexgent.infrastructure.external.solana.rpc import RpcError, SolanaRpc
from nexgent.infrastructure.external.solana.swap_facts import signatures_in, swap_facts
from nexgent.shared.clock import Clock
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

REPOST_SECONDS = 120.0
EXPIRY_MARGIN_BLOCKS = 8
"""How far past the last valid height the chain has to be: nodes behind one address differ by a few blocks."""
_REMEMBERED_SUBMISSIONS = 2_000
_SCANNED_SIGNATURES = 100

# Codes of `/execute` that mean that nothing was sent to the chain, when nothing was posted before.
_NOT_SENT = {
    -1: "the order has expired",
    -2: "the signed transaction is invalid",
    -3: "the signed message is invalid",
    -1002: "the transaction is invalid",
    -1003: "the transaction is not fully signed",
    -1004: "the block height is invalid",
    -2002: "the market maker refused the payload",
    -2003: "the market maker's quote has expired",
    -2004: "the market maker rejected the swap",
}
_PROGRAM_ERRORS = {
    6001: "slippage tolerance exceeded",
    6008: "not enough account keys",
    6014: "wrong token program",
    6017: "exact-out amount not matched",
    6024: "insufficient funds",
    6025: "invalid token account",
}
_FAILED_CODE = "SWAP_FAILED"


@dataclass(slots=True)
class _Sent:
    """What this process remembers of a submission until its outcome is known."""

    quote: Quote | None
    posts: int = 0
    first_post: float | None = None
    expiry_height: int | None = None
    transaction_id: str | None = None
    """The first signature, when it is not the wallet's own."""

    def learn(self, submission: Submission, signature: str | None) -> None:
        """Note the id an answer gives the transaction."""
        if signature is not None and signature != submission.signature:
            self.transaction_id = signature


class LiveSwapGateway:
    """A `SwapGateway` over Jupiter and the chain. After something was posted, only the chain or expiry decides."""

    def __init__(
        self, *, client: JupiterSwapClient, rpc: SolanaRpc, signer: WalletSigner, clock: Clock
    ) -> None:
        self._client = client
        self._rpc = rpc
        self._signer = signer
        self._clock = clock
        self._sent: OrderedDict[str, _Sent] = OrderedDict()

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        """Return an offer with a transaction. Raises `QuoteFailedError`, `SwapUnavailableError`."""
        return await self._client.order(request, urgent=urgent)

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        """Check and sign the order's transaction. Raises `WalletNotLoadedError`, `SwapNotSentError`."""
        if not self._signer.is_loaded(wallet):
            raise self._signer.refusal(wallet)
        submission = sign_order(quote, wallet, self._signer)
        self._memory(submission).quote = quote
        return submission

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        """Post the signed swap once. Raises `SwapNotSentError` when it certainly did not and will not happen."""
        if submission is None:
            raise SwapNotSentError("There is no signed transaction to send")
        sent = self._memory(submission)
        sent.quote = quote
        first = sent.posts == 0
        try:
            execution = await self._post(submission, sent)
        except UpstreamCallError as error:
            if first and error.nothing_left:
                self._forget(submission)
                raise SwapNotSentError(f"The swap was not sent: {error.message}") from None
            log.warning("swap.unknown", signature=submission.signature, reason=error.message)
            return StillUnknown(reason=error.message)
        if first and execution.code in _NOT_SENT:
            self._forget(submission)
            raise SwapNotSentError(
                f"The swap was not sent: {_NOT_SENT[execution.code]}",
                executeCode=execution.code,
                said=execution.error or None,
            )
        outcome = self._outcome_of(execution, submission, sent)
        if outcome is not None:
            self._forget(submission)
            return outcome
        return StillUnknown(reason=f"Jupiter cannot tell whether the swap landed (code {execution.code})")

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        """Find out what became of a submission. The same bytes cannot execute twice, so they may be posted again."""
        sent = self._memory(submission)
        if sent.first_post is None or self._clock.monotonic() - sent.first_post < REPOST_SECONDS:
            try:
                execution = await self._post(submission, sent)
            except UpstreamCallError as error:
                log.info("swap.repost_failed", signature=submission.signature, reason=error.message)
            else:
                outcome = self._outcome_of(execution, submission, sent)
                if outcome is not None:
                    self._forget(submission)
                    return outcome
        try:
            outcome = await self._ask_chain(submission, sent, wallet, request)
        except (UpstreamCallError, RpcError) as error:
            return StillUnknown(reason=error.message)
        if not isinstance(outcome, StillUnknown):
            self._forget(submission)
        return outcome

    async def _post(self, submission: Submission, sent: _Sent) -> Execution:
        """Post and count; a post of which nothing left the process does not count."""
        sent.posts += 1
        try:
            execution = await self._client.execute(
                submission.signed_transaction, submission.request_id, submission.last_valid_block_height
            )
        except UpstreamCallError as error:
            if error.nothing_left:
                sent.posts -= 1
            else:
                sent.first_post = sent.first_post or self._clock.monotonic()
                # A failing server may still say under which id it sent the transaction.
                sent.learn(submission, signature_in(error.body))
            raise
        sent.first_post = sent.first_post or self._clock.monotonic()
        sent.learn(submission, execution.signature)
        return execution

    def _outcome_of(self, execution: Execution, submission: Submission, sent: _Sent) -> SwapOutcome | None:
        """Return what an answer proves, None when it leaves the outcome open."""
        code, quote = execution.code, sent.quote
        if code is None or code < 0 or quote is None:
            # Without its quote the fees are not known here; the chain tells them.
            return None
        if code == 0:
            signature = execution.signature or submission.signature
            taker = quote.request.taker
            if signature != submission.signature and (taker is None or wallet_pays_fee(submission, taker)):
                log.error("swap.foreign_signature", expected=submission.signature, answered=signature)
                return None
            return Landed(fill=fill_from_execute(quote, execution.body, execution.answer, signature))
        reason = _PROGRAM_ERRORS.get(code) or execution.error or "the program refused"
        return Reverted(
            code=_FAILED_CODE,
            reason=f"The swap failed on chain: {reason} (error {code})",
            network_fee_lamports=quote.fees.network_fee_lamports,
        )

    async def _ask_chain(
        self, submission: Submission, sent: _Sent, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        # The height comes first: a transaction unknown after expiry can never land, one unknown before it still can.
        expired = await self._expired(submission, sent)
        signature = await self._transaction_id(submission, sent, wallet)
        status = await self._rpc.signature_status(signature) if signature is not None else None
        if signature is None or status is None:
            if expired:
                return NeverLanded(
                    reason="The last valid block height has passed and the chain does not know the swap"
                )
            return StillUnknown(reason="The chain does not know the swap yet, and it can still land")
        if not status.confirmed:
            return StillUnknown(reason="The swap is on the chain but not confirmed yet")
        transaction = await self._rpc.transaction(signature)
        if transaction is not None and submission.signature not in signatures_in(transaction):
            sent.transaction_id = None
            return StillUnknown(reason="The transaction that was named is not the one that was signed")
        facts = (
            swap_facts(
                transaction, wallet=wallet, input_mint=request.input_mint, output_mint=request.output_mint
            )
            if transaction is not None
            else None
        )
        if facts is None:
            return StillUnknown(reason="The chain knows the swap, but its amounts cannot be read yet")
        if facts.failed:
            return Reverted(
                code=_FAILED_CODE,
                reason=f"The swap failed on chain: {_describe(facts.err)}",
                network_fee_lamports=facts.network_fee_lamports,
            )
        if facts.total_in_raw <= 0 or facts.total_out_raw <= 0:
            log.error("swap.amounts_unclear", signature=signature)
            return StillUnknown(
                reason="The transaction landed, but does not look like the swap that was ordered"
            )
        return Landed(fill=fill_from_chain(facts, request, submission, sent.quote, signature))

    async def _expired(self, submission: Submission, sent: _Sent) -> bool:
        """Tell whether the transaction cannot land any more."""
        last_valid = submission.last_valid_block_height or sent.expiry_height
        if last_valid is None:
            # The order did not say. A blockhash of now outlives the transaction's, so its height is safe to wait for.
            sent.expiry_height = (await self._rpc.latest_blockhash()).last_valid_block_height
            return False
        return await self._rpc.block_height() > last_valid + EXPIRY_MARGIN_BLOCKS

    async def _transaction_id(self, submission: Submission, sent: _Sent, wallet: WalletAddress) -> str | None:
        """Return the first signature: the wallet's own, or the one of the other signer who pays the fee."""
        if wallet_pays_fee(submission, wallet):
            return submission.signature
        if sent.transaction_id is not None:
            return sent.transaction_id
        for candidate in await self._rpc.signatures_of(wallet, limit=_SCANNED_SIGNATURES):
            transaction = await self._rpc.transaction(candidate)
            if transaction is not None and submission.signature in signatures_in(transaction):
                sent.transaction_id = candidate
                return candidate
        return None

    def _memory(self, submission: Submission) -> _Sent:
        sent = self._sent.get(submission.signature)
        if sent is None:
            sent = self._sent[submission.signature] = _Sent(quote=None)
            while len(self._sent) > _REMEMBERED_SUBMISSIONS:
                self._sent.popitem(last=False)
        return sent

    def _forget(self, submission: Submission) -> None:
        self._sent.pop(submission.signature, None)


def _describe(err: object) -> str:
    """Return a transaction error in words; the program's number is the last of nested values."""
    match err:
        case {"InstructionError": [_, {"Custom": int(code)}]}:
            return f"{_PROGRAM_ERRORS.get(code, 'the program refused')} (error {code})"
        case {"InstructionError": [_, str(name)]}:
            return name
        case str(name):
            return name
        case _:
            return "transaction error"
