"""How a call to an upstream fails. Vendor clients turn this into the errors of their port."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from nexgent.shared.errors import UnavailableError

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_MAX_TEXT = 200
NO_HEADERS: Mapping[str, str] = {}


class FailureKind(StrEnum):
    """What went wrong; also the outcome label of the metrics."""

    NO_CAPACITY = "no_capacity"
    """Our own rate budget did not let the call go in time."""
    NOT_CONNECTED = "not_connected"
    """No connection: not a byte of the request left."""
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    """A status of 4xx other than 429."""
    SERVER_ERROR = "server_error"
    BAD_ANSWER = "bad_answer"
    """A redirect, the wrong content type, or a body that is not what the contract says."""


RETRYABLE = frozenset(
    {
        FailureKind.NOT_CONNECTED,
        FailureKind.TIMEOUT,
        FailureKind.CONNECTION_LOST,
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER_ERROR,
    }
)


class UpstreamCallError(UnavailableError):
    """A call failed. Its text names upstream, operation, status and request id, never an address, a key or a foreign text."""

    code = "UPSTREAM_UNAVAILABLE"

    def __init__(
        self,
        upstream: str,
        operation: str,
        kind: FailureKind,
        what: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
    ) -> None:
        safe_id = request_id if request_id and _REQUEST_ID.fullmatch(request_id) else None
        facts = [f"HTTP {status}"] if status is not None else []
        facts += [f"request id {safe_id}"] if safe_id is not None else []
        message = f"{upstream} {operation}: {what}" + (f" ({', '.join(facts)})" if facts else "")
        super().__init__(
            message, upstream=upstream, operation=operation, kind=kind.value, status=status, requestId=safe_id
        )
        self.kind = kind
        self.status = status
        self.request_id = safe_id
        self.retry_after_seconds = retry_after_seconds
        self.headers = headers
        self.body = body

    @property
    def nothing_left(self) -> bool:
        """Say whether the request certainly never left this process."""
        return self.kind in (FailureKind.NO_CAPACITY, FailureKind.NOT_CONNECTED)


def clean_text(text: object, *, secret: str | None = None) -> str:
    """Return a foreign text that is fit for a message: one line, printable, short, without our key."""
    if not isinstance(text, str):
        return ""
    if secret:
        text = text.replace(secret, "***")
    return "".join(c if c.isprintable() else " " for c in text)[:_MAX_TEXT].strip()
