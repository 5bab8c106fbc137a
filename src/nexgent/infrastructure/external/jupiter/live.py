"""Swaps for real: sign, send, and find out what became of what was sent."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.errors import SwapHeldBackError, SwapNotSentError
from nexgent.domain.trading.models import (
    Landed,
    NeverLanded,
    Quote,
    QuoteRequest,
    Reverted,
    StillUnknown,
    SwapOutcome,
)
from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.jupiter.chain_fill import fill_from_chain
from nexgent.infrastructure.external.jupiter.preflight import SwapPreflight
from nexgent.infrastructure.external.jupiter.signing import (
    WalletSigner,
    blockhash_of,
    sign_order,
    wallet_pays_fee,
)
from nexgent.infrastructure.external.jupiter.swap import Execution, JupiterSwapClient, signature_in
from nexgent.infrastructure.external.solana.rpc import RpcError, SolanaRpc
from nexgent.infrastructure.external.solana.swap_facts import signatures_in, swap_facts
from nexgent.infrastructure.external.solana.transaction_errors import error_in_words
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

REPOST_SECONDS = 120.0
REPOST_TIMEOUT_SECONDS = 5.0
"""How long the answer is waited for when the same bytes are posted again: they are out then, and the chain tells the rest."""
SEND_WITHIN_SECONDS = 20.0
"""An older order is not sent any more: with short slots it may expire on its way, and its price is of long ago."""
EXPIRY_MARGIN_BLOCKS = 40
"""How far past the last valid height the chain has to be: nodes behind one address differ by some blocks."""
ABSENCE_SECONDS = 3.0
"""How far apart two absences have to be, so that they are not the same moment of the same lagging node."""
UNSUPPORTED_VERSION = -32015
_LOOK_UP_PAUSES_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8)
_REMEMBERED_SUBMISSIONS = 2_000
_SCANNED_SIGNATURES = 100

# What codes of `/execute` say. None of them is believed: the signed transaction is out, and the chain decides.
_REFUSALS = {
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
    expired_slot: int | None = None
    """A slot at which it could not land any more."""
    absent_since: float | None = None
    """When (monotonic) the chain was first seen without it after that slot."""
    others: set[str] = field(default_factory=set)
    """Transactions of the wallet that are known to be others."""

    def learn(self, submission: Submission, signature: str | None) -> None:
        """Note the id an answer gives the transaction."""
        if signature is not None and signature != submission.signature:
            self.transaction_id = signature


class LiveSwapGateway:
    """A `SwapGateway` over Jupiter and the chain. After something was posted, only the chain or expiry decides."""

    def __init__(
        self,
        *,
        client: JupiterSwapClient,
        rpc: SolanaRpc,
        signer: WalletSigner,
        clock: Clock,
        preflight: SwapPreflight | None = None,
        may_send: Callable[[], Awaitable[None]] | None = None,
        witnesses: Sequence[SolanaRpc] = (),
    ) -> None:
        """Without a preflight of its own, one with the usual limits is made: there is no gateway that signs unseen.

        Before a swap is called expired, each of the `witnesses`, further nodes, has to miss it as well.
        `may_send` is asked before every post and raises when this process is not the engine, or when nobody can say so.
        """
        self._may_send = may_send
        self._preflight = preflight or SwapPreflight(rpc)
        self._client = client
        self._rpc = rpc
        self._witnesses = tuple(witnesses)
        self._signer = signer
        self._clock = clock
        self._sent: OrderedDict[str, _Sent] = OrderedDict()

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        """Return an offer with a transaction. Raises `QuoteFailedError`, `SwapUnavailableError`."""
        return await self._client.order(request, urgent=urgent)

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        """Check and sign the order's transaction. Raises `WalletNotLoadedError`, `UnsafeSwapError`, `SwapNotSentError`."""
        if not self._signer.is_loaded(wallet):
            raise self._signer.refusal(wallet)
        await self._preflight.check(quote, wallet)
        submission = sign_order(quote, wallet, self._signer)
        self._memory(submission).quote = quote
        return submission

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        """Post the signed swap once and look it up on the chain. Raises `SwapNotSentError` when nothing left the process,
        and `SwapHeldBackError` when this process may not post it.

        An answer only starts the look-up: whatever it says, what has left the process can land.
        """
        if submission is None:
            raise SwapNotSentError("There is no signed transaction to send")
        sent = self._memory(submission)
        sent.quote = quote
        first = sent.posts == 0
        if first and self._clock.monotonic() - quote.received_monotonic > SEND_WITHIN_SECONDS:
            self._forget(submission)
            raise SwapNotSentError("The order is too old to be sent; a new one has to be asked for")
        try:
            execution = await self._post(submission, sent)
        except _HeldBackError as error:
            if first:
                self._forget(submission)
                raise SwapHeldBackError(f"The swap was not sent: {error.reason}") from None
            return StillUnknown(reason=error.reason)
        except UpstreamCallError as error:
            if first and error.nothing_left:
                self._forget(submission)
                raise SwapNotSentError(f"The swap was not sent: {error.message}") from None
            log.warning("swap.unknown", signature=submission.signature, reason=error.message)
            return StillUnknown(reason=error.message)
        if execution.code is None or execution.code < 0:
            return StillUnknown(reason=_said(execution))
        taker = quote.request.taker
        if taker is None:
            return StillUnknown(reason="The quote is for no wallet, so the chain cannot be asked")
        return await self._await_chain(submission, sent, taker, quote.request)

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        """Find out what became of a submission. The same bytes cannot execute twice, so they may be posted again."""
        sent = self._memory(submission)
        outcome = await self._look_up(submission, sent, wallet, request)
        if not isinstance(outcome, StillUnknown) or not self._may_post(sent):
            return outcome
        try:
            execution = await self._post(submission, sent, timeout_seconds=REPOST_TIMEOUT_SECONDS)
        except _HeldBackError as error:
            log.info("swap.held_back", signature=submission.signature, reason=error.reason)
            return outcome
        except UpstreamCallError as error:
            log.info("swap.repost_failed", signature=submission.signature, reason=error.message)
            return outcome
        if execution.code is None or execution.code < 0:
            return StillUnknown(reason=_said(execution))
        return await self._look_up(submission, sent, wallet, request)

    def _may_post(self, sent: _Sent) -> bool:
        """Tell whether posting the same bytes again can help: not once they have expired."""
        if sent.expired_slot is not None:
            return False
        return sent.first_post is None or self._clock.monotonic() - sent.first_post < REPOST_SECONDS

    async def _post(
        self, submission: Submission, sent: _Sent, *, timeout_seconds: float | None = None
    ) -> Execution:
        """Post and count; a post of which nothing left the process does not count."""
        sent.posts += 1
        try:
            execution = await self._client.execute(
                submission.signed_transaction,
                submission.request_id,
                submission.last_valid_block_height,
                before=self._require_leave,
                timeout_seconds=timeout_seconds,
            )
        except _HeldBackError:
            sent.posts -= 1
            raise
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

    async def _require_leave(self) -> None:
        """Hold a post back that this process may not make. An exit that is held back is kept and tried again like any other."""
        if self._may_send is None:
            return
        try:
            await self._may_send()
        except UnavailableError as error:
            raise _HeldBackError(error.message) from None

    async def _await_chain(
        self, submission: Submission, sent: _Sent, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        """Look a swap up that is said to be on the chain: the node may be a moment behind whoever says so."""
        outcome: SwapOutcome = StillUnknown(reason="The chain was not asked yet")
        for pause in _LOOK_UP_PAUSES_SECONDS:
            await asyncio.sleep(pause)
            outcome = await self._look_up(submission, sent, wallet, request)
            if not isinstance(outcome, StillUnknown):
                break
        return outcome

    async def _look_up(
        self, submission: Submission, sent: _Sent, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        """Ask the chain once; what it decides is final here, and nothing more is remembered of the submission."""
        try:
            outcome = await self._ask_chain(submission, sent, wallet, request)
        except (UpstreamCallError, RpcError) as error:
            return StillUnknown(reason=error.message)
        if not isinstance(outcome, StillUnknown):
            self._forget(submission)
        return outcome

    async def _ask_chain(
        self, submission: Submission, sent: _Sent, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        signature = await self._transaction_id(submission, sent, wallet)
        transaction = (
            await self._rpc.transaction(signature, priority=Priority.EXIT) if signature is not None else None
        )
        if signature is None or transaction is None:
            return await self._absent(submission, sent, wallet, signature)
        sent.absent_since = None
        if submission.signature not in signatures_in(transaction):
            sent.transaction_id = None
            return StillUnknown(reason="The transaction that was named is not the one that was signed")
        facts = swap_facts(
            transaction, wallet=wallet, input_mint=request.input_mint, output_mint=request.output_mint
        )
        if facts is None:
            return StillUnknown(reason="The chain knows the swap, but its amounts cannot be read yet")
        if facts.failed:
            return Reverted(
                code=_FAILED_CODE,
                reason=f"The swap failed on chain: {error_in_words(facts.err, _PROGRAM_ERRORS)}",
                network_fee_lamports=facts.network_fee_lamports,
            )
        if facts.total_in_raw <= 0 or facts.total_out_raw <= 0:
            log.error("swap.amounts_unclear", signature=signature)
            return StillUnknown(
                reason="The transaction landed, but does not look like the swap that was ordered"
            )
        return Landed(fill=fill_from_chain(facts, request, submission, sent.quote, signature))

    async def _absent(
        self, submission: Submission, sent: _Sent, wallet: WalletAddress, signature: str | None
    ) -> SwapOutcome:
        """Decide what it means that a node does not have the transaction.

        One silence proves nothing: the node may be behind, or be another one than the one that knows. So the transaction must
        have expired, and be missed twice, seconds apart, by a node that has seen the point beyond which it cannot land.
        """
        point = await self._expired_slot(submission, sent)
        if signature is not None:
            answer = await self._rpc.signature_status(signature, priority=Priority.EXIT)
            if answer.status is not None:
                sent.absent_since = None
                return StillUnknown(reason="The chain knows the swap, but its amounts cannot be read yet")
            if point is not None and answer.context_slot < point:
                return StillUnknown(reason="The node is behind and cannot tell yet whether the swap landed")
        if point is None:
            return StillUnknown(reason="The chain does not know the swap yet, and it can still land")
        # The history of the wallet is another index of the node: what it lists has landed, whatever the status says.
        if signature in await self._rpc.signatures_of(
            wallet, limit=_SCANNED_SIGNATURES, min_context_slot=point
        ):
            sent.absent_since = None
            return StillUnknown(reason="The chain knows the swap, but its amounts cannot be read yet")
        now = self._clock.monotonic()
        if sent.absent_since is None:
            sent.absent_since = now
        if now - sent.absent_since < ABSENCE_SECONDS:
            return StillUnknown(reason="The swap has expired; the chain is asked once more whether it landed")
        for witness in self._witnesses:
            if not await self._misses(witness, submission, sent, wallet, signature, point):
                return StillUnknown(
                    reason="A second node knows the swap, or cannot tell yet whether it landed"
                )
        return NeverLanded(
            reason="The last valid block height has passed and the chain does not know the swap"
        )

    async def _misses(
        self,
        node: SolanaRpc,
        submission: Submission,
        sent: _Sent,
        wallet: WalletAddress,
        signature: str | None,
        point: int,
    ) -> bool:
        """Tell whether a node that has reached a slot does not have the transaction."""
        if signature is None:
            return await self._find(node, submission, sent, wallet, point) is None
        answer = await node.signature_status(signature, priority=Priority.EXIT)
        return answer.status is None and answer.context_slot >= point

    async def _expired_slot(self, submission: Submission, sent: _Sent) -> int | None:
        """Return a slot past which the transaction cannot land any more, None while it can."""
        if sent.expired_slot is not None:
            return sent.expired_slot
        last_valid = submission.last_valid_block_height or sent.expiry_height
        if last_valid is None:
            # The order did not say. A blockhash of now outlives the transaction's, so its height is safe to wait for.
            sent.expiry_height = (await self._rpc.latest_blockhash()).last_valid_block_height
            return None
        moment = await self._rpc.moment(priority=Priority.EXIT)
        if moment.height <= last_valid + EXPIRY_MARGIN_BLOCKS:
            return None
        # The order may have understated its height; what counts for the chain is the blockhash that was signed.
        if await self._rpc.blockhash_valid(
            blockhash_of(submission), min_context_slot=moment.slot, priority=Priority.EXIT
        ):
            return None
        sent.expired_slot = moment.slot
        return moment.slot

    async def _transaction_id(self, submission: Submission, sent: _Sent, wallet: WalletAddress) -> str | None:
        """Return the first signature: the wallet's own, or the one of the other signer who pays the fee."""
        if wallet_pays_fee(submission, wallet):
            return submission.signature
        if sent.transaction_id is not None:
            return sent.transaction_id
        sent.transaction_id = await self._find(self._rpc, submission, sent, wallet, sent.expired_slot)
        return sent.transaction_id

    async def _find(
        self,
        node: SolanaRpc,
        submission: Submission,
        sent: _Sent,
        wallet: WalletAddress,
        min_slot: int | None,
    ) -> str | None:
        """Look through the wallet's newest transactions for the one with our signature; return its id."""
        listed = await node.signatures_of(wallet, limit=_SCANNED_SIGNATURES, min_context_slot=min_slot)
        for candidate in listed:
            if candidate in sent.others:
                continue
            try:
                transaction = await node.transaction(candidate)
            except RpcError as error:
                # One transaction that cannot be read, of a version to come for example, says nothing about the others.
                log.info("swap.unreadable_transaction", signature=candidate, reason=error.message)
                if error.rpc_code == UNSUPPORTED_VERSION:
                    sent.others.add(candidate)
                continue
            if transaction is None:
                continue
            if submission.signature in signatures_in(transaction):
                return candidate
            sent.others.add(candidate)
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


class _HeldBackError(Exception):
    """A post that was not made."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _said(execution: Execution) -> str:
    """Return what an answer without a swap says, in words."""
    code = execution.code
    reason = _REFUSALS.get(code or 0) or execution.error
    said = f": {reason}" if reason else ""
    return f"Jupiter does not say that the swap landed (code {code}{said}); the chain decides"
