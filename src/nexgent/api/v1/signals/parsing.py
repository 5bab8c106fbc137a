"""Fields of signals as they come in, for whoever sends or corrects one."""

from __future__ import annotations

from decimal import Decimal

from nexgent.api.endpoint import Call
from nexgent.api.fields import BodyFields, QueryFields, parse_signal_id, shown
from nexgent.api.paging import period
from nexgent.domain.signals.models import MAX_REASON_LENGTH, SignalDraft
from nexgent.domain.signals.queries import SignalFilter
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import SignalId, TokenAddress, UserId


def signal_filter(call: Call, query: QueryFields) -> SignalFilter:
    """Return which of the caller's signals a query asks for. Raises `InvalidInputError`."""
    token = query.text("tokenAddress")
    start, end = period(query, "startDate", "endDate")
    return SignalFilter(
        user_id=call.user_id,
        token_address=TokenAddress(token) if token is not None else None,
        signal_type=query.text("signalType"),
        start_date=start,
        end_date=end,
    )


def path_signal_id(call: Call) -> SignalId:
    """Return the signal's number of the path. Raises `InvalidInputError`."""
    try:
        return SignalId(parse_signal_id(call.path("id")))
    except InvalidInputError:
        raise InvalidInputError("Signal ID must be a valid integer") from None


def strength(given: object) -> int:
    """Return a strength from 1 to 5. Raises `InvalidInputError`, for numeric texts as well."""
    if isinstance(given, Decimal) and given == given.to_integral_value() and abs(given) < 10:
        given = int(given)
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= 5:
        return given
    raise InvalidInputError(
        f"Invalid signalStrength: an integer from 1 to 5 is required, received {shown(given)}"
    )


def signal_draft(user_id: UserId, body: dict[str, object]) -> SignalDraft:
    """Return the signal in a body. Raises `InvalidInputError`."""
    fields = BodyFields(body)
    draft = SignalDraft(
        user_id=user_id,
        token_address=fields.traded_mint("tokenAddress"),
        signal_type=fields.text("signalType", 50),
        signal_strength=strength(fields.required("signalStrength")),
        symbol=fields.optional_text("symbol", 50),
        activation_reason=fields.optional_text("activationReason", MAX_REASON_LENGTH),
        source=fields.optional_text("source", 100),
    )
    _check_extensions(fields)
    return draft


def _check_extensions(fields: BodyFields) -> None:
    """Check what clients of a fork send in addition; it is accepted and not used."""
    for name in ("positionSizeMultiplier", "signalScore"):
        value = fields.raw(name)
        if value is not None and not (_is_number(value) and 0 <= Decimal(str(value)) <= 1):
            raise InvalidInputError(
                f"Invalid {name}: a number from 0 to 1 is required, received {shown(value)}"
            )
    components = fields.raw("scoreComponents")
    if components is None:
        return
    if not isinstance(components, dict):
        raise InvalidInputError(
            f"Invalid scoreComponents: an object is required, received {shown(components)}"
        )
    move = components.get("expectedMovePct")
    if move is not None and not _is_number(move):
        raise InvalidInputError("Invalid scoreComponents.expectedMovePct: a number is required")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)
