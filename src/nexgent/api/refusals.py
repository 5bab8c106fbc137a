"""Which errors an endpoint answers, for the documentation: what follows from its shape, and what is its own.

A status that is not listed for an endpoint is a defect: the fuzz tests compare every answer with this list.
"""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.api.endpoint import Access, Endpoint
from nexgent.api.idempotency import takes_key
from nexgent.domain.users.models import Scope


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as an example: its text, and its code where it has one."""

    text: str
    code: str | None = None


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

_BAD_INPUT = Refusal("Validation failed", "VALIDATION_ERROR")
_NO_SESSION = Refusal("Authorization header required", "AUTHENTICATION_ERROR")
_NO_ENTRY = Refusal("Invalid API key", "AUTHENTICATION_ERROR")
_TOO_LARGE = Refusal("Request body too large: at most 1 MiB is allowed", "PAYLOAD_TOO_LARGE")
_TOO_MANY = Refusal("Too many requests: 600 in 60 seconds are allowed here. Please try again in 42 seconds.")
_KEY_REUSED = Refusal("This Idempotency-Key was used for another request", "IDEMPOTENCY_KEY_REUSED")
_UNEXPECTED = Refusal("Internal server error")
_AWAY = Refusal("The database is not available at present; try again shortly", "UNAVAILABLE")

NOT_FOUND = {
    "agents": "Agent not found",
    "api-keys": "API key not found",
    "auth": "Session not found",
    "balances": "Balance not found",
    "historical swaps": "Historical swap not found",
    "positions": "Position not found",
    "protections": "Agent not found",
    "signals": "Trading signal not found",
    "signal webhooks": "Signal webhook not found",
    "transactions": "Transaction not found",
    "wallets": "Wallet not found",
    "webhooks": "Webhook not found",
}
_LOCKED_OUT = Refusal("Too many wrong passphrases; the wallet is locked out for a while", "WALLET_LOCKED_OUT")
_WRONG_PASSPHRASE = Refusal("Forbidden: the passphrase is wrong", "INVALID_PASSPHRASE")
_FOREIGN = Refusal("Forbidden: it belongs to another user", "AUTHORIZATION_ERROR")
_ADMIN_ONLY = Refusal("Forbidden: admin only", "AUTHORIZATION_ERROR")
_MOVED_ON = Refusal("The wallet changed meanwhile; try again", "CONFLICT")
_FLAT_FIRST = Refusal("The wallet has open positions; close them first", "OPEN_POSITIONS")
_OWN: dict[str, dict[int, Refusal]] = {
    "POST /auth/login": {
        401: Refusal("Invalid email or password", "AUTHENTICATION_ERROR"),
        423: Refusal("Account is locked after too many failed attempts; try again later", "ACCOUNT_LOCKED"),
    },
    "POST /auth/refresh": {401: Refusal("Invalid or expired refresh token", "AUTHENTICATION_ERROR")},
    "POST /auth/register": {403: Refusal("Registration is disabled", "REGISTRATION_DISABLED")},
    "POST /auth/change-password": {
        403: Refusal("Forbidden: the current password is wrong", "INVALID_PASSWORD"),
        404: Refusal("User not found", "NOT_FOUND"),
        423: Refusal("Account is locked after too many failed logins; try again later", "ACCOUNT_LOCKED"),
    },
    "POST /api-keys": {
        404: Refusal("User not found", "NOT_FOUND"),
        409: Refusal("At most 100 API keys are allowed; delete one first", "TOO_MANY_API_KEYS"),
    },
    "GET /auth/me": {404: Refusal("User not found", "NOT_FOUND")},
    "GET /trading-signals/export": {408: Refusal("The export took too long")},
    "POST /trading-signals": {409: Refusal("The same signal was sent a moment ago", "SIGNAL_DUPLICATE")},
    "DELETE /trading-signals/{id}": {409: _MOVED_ON},
    "POST /signal-webhooks": {409: Refusal("At most 100 webhooks are allowed", "TOO_MANY_SIGNAL_WEBHOOKS")},
    "POST /signal-webhooks/{id}/in": {
        403: Refusal("Forbidden: there is no such webhook, or the alert proves nothing", "ALERT_FORBIDDEN"),
        409: Refusal("An alert with this id came in before", "ALERT_DUPLICATE"),
        422: Refusal("The alert is 90 s old and 60 s are allowed", "ALERT_EXPIRED"),
    },
    "POST /wallets": {
        404: Refusal("Agent not found", "AGENTNOT_FOUND"),
        409: Refusal("The agent has a wallet of this type already", "WALLET_EXISTS"),
    },
    "POST /wallets/assign": {404: Refusal("Agent not found", "AGENTNOT_FOUND"), 409: _FLAT_FIRST},
    "POST /wallets/{walletAddress}/reset": {409: _MOVED_ON},
    "POST /wallets/{walletAddress}/unassign": {409: _MOVED_ON},
    "POST /wallets/{walletAddress}/check-deposits": {
        403: _FOREIGN,
        409: _MOVED_ON,
        502: Refusal("The Solana node cannot be reached", "RPC_ERROR"),
    },
    "POST /wallets/{walletAddress}/unlock": {403: _WRONG_PASSPHRASE, 409: _MOVED_ON, 423: _LOCKED_OUT},
    "POST /wallets/{walletAddress}/lock": {
        409: Refusal("The wallet's key comes from the environment", "WALLET_MANAGED_BY_ENVIRONMENT")
    },
    "POST /wallets/{walletAddress}/export": {
        403: _WRONG_PASSPHRASE,
        409: Refusal("The wallet's key cannot be exported", "WALLET_MANAGED_BY_ENVIRONMENT"),
        423: _LOCKED_OUT,
    },
    "DELETE /wallets/{walletAddress}": {403: _WRONG_PASSPHRASE, 409: _FLAT_FIRST, 423: _LOCKED_OUT},
    "POST /webhooks/test": {404: Refusal("Not found", "NOT_FOUND")},
}


def key_of(endpoint: Endpoint) -> str:
    """Return the endpoint's name in the table."""
    return f"{endpoint.method} {endpoint.path}"


def takes_idempotency_key(endpoint: Endpoint) -> bool:
    """Tell whether a request may carry an `Idempotency-Key`."""
    return takes_key(endpoint.method, endpoint.path, public=endpoint.access is Access.PUBLIC)


def refusals(endpoint: Endpoint) -> dict[int, Refusal]:
    """Return the errors of an endpoint by status, in order."""
    found: dict[int, Refusal] = {500: _UNEXPECTED, 503: _AWAY}
    writing = endpoint.method != "GET"
    if writing or endpoint.doc.query or "{" in endpoint.path:
        found[400] = _BAD_INPUT
    if writing:
        found[413] = _TOO_LARGE
    if endpoint.tag != "health":
        found[429] = _TOO_MANY
    if takes_idempotency_key(endpoint):
        found[409] = _KEY_REUSED
    if endpoint.access is Access.SESSION:
        found[401] = _NO_SESSION
    elif isinstance(endpoint.access, Scope):
        found[401] = _NO_ENTRY
        found[403] = Refusal(f"API key missing required scope: {endpoint.access.value}")
    if "{" in endpoint.path or "*agentId" in endpoint.doc.query:
        text = NOT_FOUND.get(endpoint.tag, "Not found") if "{" in endpoint.path else "Agent not found"
        found[404] = Refusal(text, "NOT_FOUND")
    if endpoint.path.startswith("/admin/"):
        found[403] = _ADMIN_ONLY
    found.update(_OWN.get(key_of(endpoint), {}))
    return dict(sorted(found.items()))
