"""`/trading-signals`: send a signal, list signals, see what agents made of one."""

from __future__ import annotations

from decimal import Decimal

from starlette.responses import Response

from nexgent.api.encoding import iso, iso_or_none, json_response, text_or_none
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.fields import BodyFields, parse_signal_id, shown
from nexgent.api.v1.signals.schemas import DecisionsOut, SignalIn, SignalOut
from nexgent.domain.signals.models import Signal, SignalDecision, SignalDraft
from nexgent.domain.signals.queries import SignalFilter, SignalRow
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.types import SignalId, TokenAddress

endpoints = Endpoints("signals")

_ONE = Decimal(1)


@endpoints.post(
    "/trading-signals",
    Scope.SIGNALS,
    Doc(
        summary="Send a signal",
        description="Answered as soon as the signal is stored; agents then decide and trade on their own.",
        body=SignalIn,
        response=SignalOut,
        status=201,
    ),
)
async def create_signal(call: Call) -> Response:
    """Store a signal and let it be traded."""
    fields = BodyFields(await call.body())
    draft = SignalDraft(
        user_id=call.user_id,
        token_address=TokenAddress(fields.text("tokenAddress", 255)),
        signal_type=fields.text("signalType", 50),
        signal_strength=_strength(fields.required("signalStrength")),
        symbol=fields.optional_text("symbol", 50),
        activation_reason=fields.optional_text("activationReason", None),
        source=fields.optional_text("source", 100),
    )
    _check_extensions(fields)
    return json_response(_view(await call.services.create_signal.execute(draft)), 201)


@endpoints.get(
    "/trading-signals",
    Scope.SIGNALS,
    Doc(
        summary="Own signals, newest first",
        response=SignalOut,
        many=True,
        query={
            "tokenAddress": "Only this token",
            "signalType": "Only this type",
            "startDate": "Not before",
            "endDate": "Not after",
            "limit": "At most so many, up to 1000 (default 100)",
            "offset": "Leave out the first so many",
        },
    ),
)
async def list_signals(call: Call) -> Response:
    """Return matching signals."""
    query = call.query()
    token = query.text("tokenAddress")
    wanted = SignalFilter(
        user_id=call.user_id,
        token_address=TokenAddress(token) if token is not None else None,
        signal_type=query.text("signalType"),
        start_date=query.time("startDate"),
        end_date=query.time("endDate"),
    )
    limit, offset = query.page()
    rows = await call.services.signals.list(wanted, limit=limit, offset=offset)
    return json_response([_view(row) for row in rows])


@endpoints.get("/trading-signals/{id}", Scope.SIGNALS, Doc(summary="One signal", response=SignalOut))
async def get_signal(call: Call) -> Response:
    """Return a signal."""
    return json_response(_view(await _own_signal(call)))


@endpoints.get(
    "/trading-signals/{id}/decisions",
    Scope.SIGNALS,
    Doc(summary="What each agent made of a signal, and why", response=DecisionsOut),
)
async def list_decisions(call: Call) -> Response:
    """Return every agent's decision."""
    row = await _own_signal(call)
    await call.services.projections.caught_up()
    decisions = await call.services.signals.decisions(row.id)
    return json_response(
        {
            "signalId": row.id,
            "processedAt": iso_or_none(row.processed_at),
            "note": row.process_note,
            "decisions": [_decision_view(decision) for decision in decisions],
        }
    )


async def _own_signal(call: Call) -> SignalRow:
    try:
        signal_id = SignalId(parse_signal_id(call.path("id")))
    except InvalidInputError:
        raise InvalidInputError("Signal ID must be a valid integer") from None
    row = await call.services.signals.get(signal_id, call.user_id)
    if row is None:
        raise NotFoundError("Trading signal not found")
    return row


def _strength(given: object) -> int:
    if isinstance(given, Decimal) and given == given.to_integral_value() and abs(given) < 10:
        given = int(given)
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= 5:
        return given
    raise InvalidInputError(
        f"Invalid signalStrength: an integer from 1 to 5 is required, received {shown(given)}"
    )


def _check_extensions(fields: BodyFields) -> None:
    """Check what clients of a fork send in addition; it is accepted and not used."""
    for name in ("positionSizeMultiplier", "signalScore"):
        value = fields.raw(name)
        if value is not None and not (_is_number(value) and 0 <= Decimal(str(value)) <= _ONE):
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


def _view(signal: Signal | SignalRow) -> dict[str, object]:
    return {
        "id": signal.id,
        "createdAt": iso(signal.created_at),
        "updatedAt": iso(signal.updated_at),
        "tokenAddress": signal.token_address,
        "symbol": signal.symbol,
        "signalType": signal.signal_type,
        "activationReason": signal.activation_reason,
        "signalStrength": signal.signal_strength,
        "source": signal.source,
    }


def _decision_view(decision: SignalDecision) -> dict[str, object]:
    return {
        "agentId": decision.agent_id,
        "outcome": decision.outcome.value,
        "code": decision.code,
        "reason": decision.reason,
        "gates": [
            {"name": gate.name, "value": gate.value, "limit": gate.limit, "passed": gate.passed}
            for gate in decision.gates
        ],
        "intentId": decision.intent_id,
        "transactionId": decision.transaction_id,
        "positionId": decision.position_id,
        "sizeSol": text_or_none(decision.size_sol),
        "priceSol": text_or_none(decision.price_sol),
        "priceSource": decision.price_source,
        "priceAgeMs": decision.price_age_ms,
        "latencyMs": decision.latency_ms,
        "decidedAt": iso(decision.decided_at),
    }
