"""Which errors an endpoint answers, for the documentation: what follows from its shape, and what it names itself.

A status that is not documented for an endpoint is a defect: the fuzz tests compare every answer with the description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DESCRIPTIONS = {
    400: "Something in the request is missing, malformed or not allowed; the text says what",
    401: "The session is not valid (any more), or the API key is unknown",
    403: "The caller is known and may not do this",
    404: "There is no such thing, or it belongs to somebody else",
    409: "It contradicts the present state",
    413: "The body is larger than 1 MiB",
    422: "It is well-formed but cannot be done",
    423: "Locked: the account, or a wallet's key",
    429: "Too many requests; `retryAfter` says in how many seconds to try again",
    500: "Unexpected failure; the details are in the log, under the `X-Request-Id` of this answer",
    502: "An upstream service answered with an error",
    503: "A server this needs is away at present; try again shortly",
    504: "It was sent and nobody has answered yet: do not send it again, it is booked as soon as the outcome is known",
}
ERROR_REFERENCE = {"$ref": "#/components/schemas/Error"}
_VALIDATION_DETAILS = {"errors": [{"field": "name", "message": "Required"}]}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as an example: its status, its text, and its code where it has one."""

    status: int
    text: str
    code: str | None = None

    @property
    def example(self) -> dict[str, object]:
        """Return the body of such an answer."""
        body: dict[str, object] = {"error": self.text}
        if self.code is not None:
            body["code"] = self.code
        if self.text == "Validation failed":
            body = {"success": False, **body, "details": _VALIDATION_DETAILS}
        elif self.status == 429:
            body["retryAfter"] = 42
        elif self.status == 413:
            body = {"success": False, **body}
        return body

    def document(self) -> dict[str, Any]:
        """Return the answer as OpenAPI has it, without its headers."""
        return {
            "description": DESCRIPTIONS.get(self.status, "Refused"),
            "content": {"application/json": {"schema": ERROR_REFERENCE, "example": self.example}},
        }


def refusals(*own: Refusal) -> dict[int | str, dict[str, Any]]:
    """Return the errors an endpoint names itself, for the `responses` of its decorator."""
    return {one.status: one.document() for one in own}


BAD_INPUT = Refusal(400, "Validation failed", "VALIDATION_ERROR")
NO_SESSION = Refusal(401, "Authorization header required", "AUTHENTICATION_ERROR")
NO_ENTRY = Refusal(401, "Invalid API key", "AUTHENTICATION_ERROR")
ADMIN_ONLY = Refusal(403, "Forbidden: admin only", "AUTHORIZATION_ERROR")
FOREIGN = Refusal(403, "Forbidden: it belongs to another user", "AUTHORIZATION_ERROR")
UNKNOWN_AGENT = Refusal(404, "Agent not found", "AGENTNOT_FOUND")
UNKNOWN_USER = Refusal(404, "User not found", "NOT_FOUND")
FLAT_FIRST = Refusal(409, "The wallet has open positions; close them first", "OPEN_POSITIONS")
KEY_REUSED = Refusal(409, "This Idempotency-Key was used for another request", "IDEMPOTENCY_KEY_REUSED")
MOVED_ON = Refusal(409, "The wallet changed meanwhile; try again", "CONFLICT")
LOCKED = Refusal(423, "Wallet is locked: unlock it first", "WALLET_LOCKED")
TOO_LARGE = Refusal(413, "Request body too large: at most 1 MiB is allowed", "PAYLOAD_TOO_LARGE")
TOO_MANY = Refusal(
    429, "Too many requests: 600 in 60 seconds are allowed here. Please try again in 42 seconds."
)
UNEXPECTED = Refusal(500, "Internal server error")
AWAY = Refusal(503, "The database is not available at present; try again shortly", "UNAVAILABLE")
