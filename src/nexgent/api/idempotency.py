"""`Idempotency-Key`: a repeated request is answered with the first answer and not done again.

A key is noted durably before the request acts, and its answer before it is sent. When the process ends in between, or fails in a
way that does not tell how far it came, nobody knows whether the request was done: then it is never done again under that key, and
the caller is told to look. A failure that certainly came before anything was done frees the key: the caller may try again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import Response

from nexgent.api.errors import error_response
from nexgent.domain.idempotency.errors import (
    IdempotencyInProgressError,
    IdempotencyKeyReusedError,
    IdempotencyOutcomeUnknownError,
)
from nexgent.domain.idempotency.models import First, StoredAnswer
from nexgent.domain.idempotency.ports import AnswerStore
from nexgent.domain.ledger.errors import EngineElsewhereError, StaleWalletError
from nexgent.domain.trading.errors import (
    QuoteFailedError,
    SwapNotSentError,
    SwapUnavailableError,
    TokenUnavailableError,
)
from nexgent.domain.users.errors import LoginBusyError
from nexgent.domain.wallets.encrypted.errors import PassphrasesBusyError
from nexgent.domain.wallets.errors import WalletBusyError
from nexgent.shared.errors import InvalidInputError, NexgentError, UnavailableError
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

HEADER = "idempotency-key"
_VALID = re.compile(r"[\x21-\x7e]{1,255}")
# Refused before anything was done: the same key may try again.
_NOT_DONE = frozenset({400, 401, 403, 404, 408, 413, 415, 423, 425, 429})
# Failures on the way to something else, before anything was sent or written, and conflicts that are over in a moment. Of other
# failures nobody knows: a commit whose confirmation was lost may stand, and so may a swap.
_NOT_BEGUN = (
    LoginBusyError,
    PassphrasesBusyError,
    QuoteFailedError,
    StaleWalletError,
    SwapNotSentError,
    SwapUnavailableError,
    TokenUnavailableError,
    WalletBusyError,
)
_KEPT_HEADERS = frozenset({b"content-type", b"cache-control", b"location"})


class IdempotentRequests:
    """Runs requests that carry a key."""

    def __init__(self, store: AnswerStore) -> None:
        self._store = store

    async def run(
        self,
        request: Request,
        key: str,
        user_id: UserId,
        handle: Callable[[], Awaitable[Response]],
        *,
        once_by_nature: bool = False,
    ) -> Response:
        """Return the answer of this request, or of the first one with the key.

        Raises `InvalidInputError` for a key that is none, `IdempotencyKeyReusedError`, `IdempotencyInProgressError`,
        `IdempotencyOutcomeUnknownError`, `UnavailableError`, what `handle` raises and nobody expects, and its
        `EngineElsewhereError`: the key is free then, for the process that carries the request out.
        """
        if not _VALID.fullmatch(key):
            raise InvalidInputError(
                "Invalid Idempotency-Key: 1 to 255 visible ASCII characters without spaces are required"
            )
        first = await self._store.begin(user_id, key, await _fingerprint(request))
        if isinstance(first, StoredAnswer):
            return _replay(first)
        match first:
            case First.OTHER_REQUEST:
                raise IdempotencyKeyReusedError
            case First.RUNNING:
                raise IdempotencyInProgressError
            case First.UNKNOWN:
                raise IdempotencyOutcomeUnknownError
            case First.NONE:
                return await self._first(user_id, key, handle, once_by_nature)

    async def _first(
        self, user_id: UserId, key: str, handle: Callable[[], Awaitable[Response]], once_by_nature: bool
    ) -> Response:
        try:
            response, again = await handle(), False
        except EngineElsewhereError:
            await self._store.release(user_id, key)
            raise
        except NexgentError as error:
            response, again = error_response(error), isinstance(error, _NOT_BEGUN)
        except BaseException:
            self._store.abandon(user_id, key)
            raise
        try:
            failed = response.status_code >= 500
            if again or response.status_code in _NOT_DONE or (failed and once_by_nature):
                await self._store.release(user_id, key)
            elif failed:
                self._store.abandon(user_id, key)
            else:
                await self._store.finish(user_id, key, _stored(response))
        except UnavailableError as error:
            # What was done is done and the caller gets to know it. A repeated request will be told to look.
            log.warning("idempotency.not_kept", code=error.code)
        return response


def _stored(response: Response) -> StoredAnswer:
    headers = tuple((name, value) for name, value in response.raw_headers if name.lower() in _KEPT_HEADERS)
    return StoredAnswer(response.status_code, headers, bytes(response.body))


def _replay(answer: StoredAnswer) -> Response:
    response = Response(answer.body, answer.status)
    length = [(name, value) for name, value in response.raw_headers if name == b"content-length"]
    response.raw_headers = [*answer.headers, *length, (b"idempotency-replayed", b"true")]
    return response


async def _fingerprint(request: Request) -> bytes:
    """Return what makes requests the same: method, path, query, the body's kind and bytes."""
    scope = request.scope
    head = b"\0".join(
        [
            scope["method"].encode(),
            scope["path"].encode("utf-8", "surrogatepass"),
            scope["query_string"],
            next((value for name, value in scope["headers"] if name == b"content-type"), b""),
        ]
    )
    return hashlib.sha256(head + b"\0" + await request.body()).digest()
