"""The one place where failures become HTTP."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.domain.agents.config_errors import InvalidConfigError
from nexgent.domain.bookkeeping.errors import BalanceNotFoundError
from nexgent.domain.idempotency.errors import IdempotencyInProgressError
from nexgent.domain.ledger.errors import InsufficientBalanceError
from nexgent.domain.users.errors import AccountLockedError, NotAuthenticatedError, WeakPasswordError
from nexgent.shared.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NexgentError,
    NotFoundError,
    RejectedError,
    UnavailableError,
    UpstreamError,
)

log = structlog.get_logger(__name__)

STATUS_BY_KIND: dict[type[NexgentError], int] = {
    NotAuthenticatedError: 401,
    AccountLockedError: 423,
    InvalidInputError: 400,
    InvalidConfigError: 400,
    BalanceNotFoundError: 400,
    NotFoundError: 404,
    ForbiddenError: 403,
    ConflictError: 409,
    RejectedError: 422,
    UpstreamError: 502,
    UnavailableError: 503,
}

# The trading codes of the contract, where the kind of the error does not say it.
STATUS_BY_CODE = {
    "KILL_SWITCH": 409,
    "PRICE_DOUBTFUL": 409,
    "QUOTE_IMPLAUSIBLE": 502,
    "MAX_DAILY_LOSS": 409,
    "MAX_DRAWDOWN": 409,
    "LOSS_STREAK": 409,
    "TOKEN_COOLDOWN": 409,
    "MAX_TRADES_PER_HOUR": 409,
    "MAX_EXPOSURE": 409,
    "PROTECTIONS_NOT_READ": 409,
    "WALLET_NOT_FOUND": 404,
    "AGENT_NOT_FOUND": 404,
    "CONFIG_ERROR": 422,
    "WALLET_MISMATCH": 400,
    "WALLET_NOT_LOADED": 409,
    "TRADING_MODE_MISMATCH": 400,
    "INSUFFICIENT_BALANCE": 400,
    "BELOW_MINIMUM_THRESHOLD": 400,
    "POSITION_EXISTS": 400,
    "MAX_POSITIONS_EXCEEDED": 409,
    "POSITION_SIZE_EXCEEDS_BALANCE": 400,
    "VIOLATES_MINIMUM_BALANCE": 400,
    "POSITION_SIZE_VIOLATES_MINIMUM_BALANCE": 400,
    "EXCEEDS_MAX_PURCHASE": 400,
    "POSITION_SIZE_EXCEEDS_MAX_PURCHASE": 400,
    "POSITION_CALCULATION_ERROR": 400,
    "PRICE_IMPACT_TOO_HIGH": 422,
    "INVALID_TRANSACTION": 502,
    "INVALID_SALE_PRICE": 502,
    "POSITION_LOCKED": 409,
    "SALE_IN_PROGRESS": 409,
    "POSITION_NOT_FOUND": 404,
    "POSITION_MISMATCH": 404,
    "ZERO_BALANCE": 409,
    "VALIDATION_FAILED": 400,
    "EXECUTION_FAILED": 502,
    "INVALID_TOKEN": 400,
    "INVALID_POSITION_SIZE": 400,
    "PURCHASE_IN_PROGRESS": 409,
    "SWAP_UNKNOWN": 504,
    "LEFT_UNFINISHED": 504,
    "OUTCOME_UNKNOWN": 504,
    "RENT_UNKNOWN": 504,
    "WALLET_LOCKED": 423,
}

_RETRY_AFTER_SECONDS = 1
# Errors whose facts stand beside the text instead of under `details`.
_FLAT = (InsufficientBalanceError, BalanceNotFoundError, AccountLockedError)


class SchemaError(InvalidInputError):
    """A body breaks its schema. Holds one field and message per problem."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        errors = [{"field": field, "message": message} for field, message in problems]
        super().__init__("Validation failed", errors=errors)


class InvalidJsonError(InvalidInputError):
    """The body cannot be read."""

    code = "INVALID_JSON"


class ConfirmationRequiredError(InvalidInputError):
    """Something that cannot be undone was not confirmed. The message says how that is done."""


def status_of(error: NexgentError) -> int:
    """Return the status of a failure: by its code, else by its kind; what is neither is our own fault."""
    if (status := STATUS_BY_CODE.get(error.code)) is not None:
        return status
    for kind in type(error).__mro__:
        if (status := STATUS_BY_KIND.get(kind)) is not None:
            return status
    return 500


def error_response(error: NexgentError) -> Response:
    """Return what a client may know of a failure."""
    status = status_of(error)
    if status == 500:
        log.error("request.failed", code=error.code, problem=error.message, exc_info=error)
        return json_response({"error": "Internal server error"}, 500)
    if isinstance(error, InvalidConfigError):
        body: dict[str, object] = {
            "error": "Invalid trading configuration",
            "code": error.code,
            "details": error.problems,
        }
    elif isinstance(error, WeakPasswordError):
        body = {"error": error.message, "code": error.code, "details": error.problems}
    elif isinstance(error, ConfirmationRequiredError):
        body = {"error": "Confirmation required", "message": error.message}
    else:
        body = {"error": error.message, "code": error.code}
        facts = {name: value for name, value in error.details.items() if value is not None}
        if isinstance(error, (SchemaError, InvalidJsonError)):
            body = {"success": False, **body}
        if isinstance(error, _FLAT):
            body = {**body, **facts}
        elif facts:
            body["details"] = {name: _plain(value) for name, value in facts.items()}
    response = json_response(body, status)
    if status == 503 or isinstance(error, IdempotencyInProgressError):
        response.raw_headers.append((b"retry-after", str(_RETRY_AFTER_SECONDS).encode()))
    return response


def not_found_response(request: Request, error: Exception, allowed: Collection[str] = ()) -> Response:
    """Answer an unknown path with 404, and a known one with another method with 405 and what is allowed there."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status not in {404, 405}:
        return json_response(
            {"success": False, "error": "The request cannot be processed", "code": "ERROR"}, status
        )
    method = request.scope.get("original_method", request.method)
    path = request.scope.get("original_path", request.url.path)
    if not allowed:
        text = f"Route not found: {method} {path} not found"
        return json_response({"success": False, "error": text, "code": "NOT_FOUND"}, 404)
    names = ", ".join(allowed)
    text = f"Method not allowed: {method} {path} is not possible, only {names}"
    response = json_response({"success": False, "error": text, "code": "METHOD_NOT_ALLOWED"}, 405)
    response.raw_headers.append((b"allow", names.encode()))
    return response


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, bool, list, dict)) else str(value)
