"""Jupiter's swap API: quotes, and the execution of signed ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from nexgent.domain.trading.errors import OrderNotBuiltError, QuoteFailedError, SwapUnavailableError
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.errors import FailureKind, UpstreamCallError, clean_text
from nexgent.infrastructure.external.json_values import BadJsonError, decode_object, int_of, text_of
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.mapping import BadOrderError, quote_from_order
from nexgent.shared.clock import Clock

ORDER_TIMEOUT_SECONDS = 5.0
URGENT_ORDER_TIMEOUT_SECONDS = 3.0
QUOTE_DEADLINE_SECONDS = 10.0
URGENT_QUOTE_DEADLINE_SECONDS = 6.0
EXECUTE_TIMEOUT_SECONDS = 30.0
_ATTEMPTS = 3

_METIS_ERRORS = {
    1: "insufficient funds",
    2: "not enough SOL for the network fee",
    3: "not enough SOL for the network fee, and too small to be swapped without",
}
_RFQ_ERRORS = {1: "insufficient funds", 2: "a token account is missing", 3: "the swap could not be built"}


@dataclass(frozen=True, slots=True)
class Execution:
    """What `/execute` answered, whatever the HTTP status: code 0 is a confirmed swap. `body` is the answer itself."""

    code: int | None
    signature: str | None
    error: str
    answer: Mapping[str, Any]
    body: bytes
    request_id: str | None


class JupiterSwapClient:
    """The two calls of a swap. Quotes are retried, executions never: what an ambiguous one means is not decided here."""

    def __init__(
        self, api: JupiterApi, clock: Clock, *, execute_timeout_seconds: float = EXECUTE_TIMEOUT_SECONDS
    ) -> None:
        self._api = api
        self._clock = clock
        self._execute_timeout_seconds = execute_timeout_seconds

    async def order(self, request: QuoteRequest, *, urgent: bool) -> Quote:
        """Return a quote.

        Raises `QuoteFailedError`, `OrderNotBuiltError` where the wallet is what it fails for, or `SwapUnavailableError` when
        trying again may help.
        """
        query = [
            ("inputMint", request.input_mint),
            ("outputMint", request.output_mint),
            ("amount", str(request.amount_raw)),
        ]
        if request.taker is not None:
            query.append(("taker", request.taker))
        if request.slippage_bps is not None:
            query.append(("slippageBps", str(request.slippage_bps)))
        if request.priority_fee_lamports is not None:
            query.append(("priorityFeeLamports", str(request.priority_fee_lamports)))
        try:
            answer = await self._api.main.get(
                "/swap/v2/order",
                query,
                operation="order",
                priority=Priority.EXIT if urgent else Priority.ENTRY,
                timeout_seconds=URGENT_ORDER_TIMEOUT_SECONDS if urgent else ORDER_TIMEOUT_SECONDS,
                deadline_seconds=URGENT_QUOTE_DEADLINE_SECONDS if urgent else QUOTE_DEADLINE_SECONDS,
                attempts=_ATTEMPTS,
            )
        except UpstreamCallError as error:
            raise self._order_failed(error) from None
        try:
            fields = decode_object(answer.body)
        except BadJsonError:
            raise SwapUnavailableError(
                "Jupiter order: the answer is not JSON", {"requestId": answer.request_id}
            ) from None
        self._check_refusal(request, fields)
        try:
            return quote_from_order(request, answer.body, fields, self._clock.monotonic())
        except (BadOrderError, msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = str(error) if isinstance(error, BadOrderError) else "the answer cannot be read"
            raise QuoteFailedError(
                f"Jupiter order: {reason}", reason="INVALID_RESPONSE", requestId=answer.request_id
            ) from None

    async def execute(
        self,
        signed_transaction: str,
        request_id: str,
        last_valid_block_height: int | None,
        *,
        before: Callable[[], Awaitable[None]] | None = None,
        timeout_seconds: float | None = None,
    ) -> Execution:
        """Post a signed swap once. Raises `UpstreamCallError` for an answer without a code of its own, and what `before` raises,
        which is asked last of all: then nothing was posted."""
        body: dict[str, str] = {"signedTransaction": signed_transaction, "requestId": request_id}
        if last_valid_block_height is not None:
            body["lastValidBlockHeight"] = str(last_valid_block_height)
        try:
            answer = await self._api.main.post(
                "/swap/v2/execute",
                msgspec.json.encode(body),
                operation="execute",
                priority=Priority.EXIT,
                timeout_seconds=timeout_seconds or self._execute_timeout_seconds,
                budget=self._api.execute_budget,
                before=before,
            )
            content, call_id = answer.body, answer.request_id
        except UpstreamCallError as error:
            # A refusal carries the code in its body; everything else has no meaning of its own.
            if error.kind is not FailureKind.REFUSED or _code_of(error.body) is None:
                raise
            content, call_id = error.body, error.request_id
        try:
            fields = decode_object(content)
        except BadJsonError:
            raise UpstreamCallError(
                "Jupiter", "execute", FailureKind.BAD_ANSWER, "the answer is not JSON", request_id=call_id
            ) from None
        return Execution(
            code=_execution_code(fields),
            signature=text_of(fields.get("signature")),
            error=clean_text(fields.get("error"), secret=self._api.api_key),
            answer=fields,
            body=content,
            request_id=call_id,
        )

    def _check_refusal(self, request: QuoteRequest, fields: Mapping[str, Any]) -> None:
        """Raise `OrderNotBuiltError` for a quote without a usable transaction, which is answered with 200 and an error code."""
        code = int_of(fields.get("errorCode"))
        if not code and (request.taker is None or text_of(fields.get("transaction")) is not None):
            return
        known = _RFQ_ERRORS if fields.get("router") == "jupiterz" else _METIS_ERRORS
        said = clean_text(fields.get("errorMessage") or fields.get("error"), secret=self._api.api_key)
        reason = known.get(code or 0) or said or "no transaction could be built"
        raise OrderNotBuiltError(
            f"Jupiter order: {reason}", reason="JUPITER_API_ERROR", errorCode=code, said=said or None
        )

    def _order_failed(self, error: UpstreamCallError) -> QuoteFailedError | SwapUnavailableError:
        if error.status == 400:
            try:
                fields = decode_object(error.body)
            except BadJsonError:
                fields = {}
            name = clean_text(fields.get("errorCode"), secret=self._api.api_key) or None
            said = clean_text(fields.get("error"), secret=self._api.api_key)
            return QuoteFailedError(
                f"Jupiter cannot quote this swap: {said or name or 'no route'}",
                reason=name or "QUOTE_FAILED",
                requestId=error.request_id,
            )
        hints = {
            401: "; check JUPITER_API_KEY",
            403: "; the key has no access, or the request was blocked",
            404: "; check JUPITER_BASE_URL",
        }
        return SwapUnavailableError(
            error.message + hints.get(error.status or 0, ""),
            {"kind": error.kind.value, "status": error.status, "requestId": error.request_id},
            retry_after_seconds=error.retry_after_seconds,
        )


def _execution_code(fields: Mapping[str, Any]) -> int | None:
    code = int_of(fields.get("code"))
    if code is None and fields.get("status") == "Success":
        return 0
    # Neither half may contradict the other when money is concerned.
    if code == 0 and fields.get("status") not in ("Success", None):
        return None
    return code


def _code_of(body: bytes) -> int | None:
    try:
        return int_of(decode_object(body).get("code"))
    except BadJsonError:
        return None


def signature_in(body: bytes) -> str | None:
    """Return the signature in the body of an answer, if there is one."""
    try:
        return text_of(decode_object(body).get("signature"))
    except BadJsonError:
        return None
