"""`/trading-signals`: correct and delete signals. The literal `all` comes before any id."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.fields import BodyFields
from nexgent.api.v1.signals.parsing import path_signal_id, strength
from nexgent.api.v1.signals.schemas import SignalChangesIn, SignalOut, SignalsDeletedOut
from nexgent.api.v1.signals.views import signal_view
from nexgent.domain.signals.models import MAX_REASON_LENGTH, SignalChanges
from nexgent.domain.users.models import Scope

endpoints = Endpoints("signals")


@endpoints.delete(
    "/trading-signals/all",
    Scope.SIGNALS,
    Doc(
        summary="Delete all own signals",
        description="Transactions and closed trades stay and forget their signal.",
        response=SignalsDeletedOut,
        query={"*confirm": "Must be true"},
    ),
)
async def delete_all_signals(call: Call) -> Response:
    """Delete every signal of the user."""
    if call.query().flag("confirm") is not True:
        return json_response(
            {
                "error": "Confirmation required",
                "message": "Add ?confirm=true to delete all your trading signals",
            },
            400,
        )
    count = await call.services.edit_signals.delete_all(call.user_id)
    return json_response({"message": "All trading signals deleted successfully", "deletedCount": count})


@endpoints.put(
    "/trading-signals/{id}",
    Scope.SIGNALS,
    Doc(
        summary="Correct a signal",
        description="The signal is not traded again.",
        body=SignalChangesIn,
        response=SignalOut,
    ),
)
async def update_signal(call: Call) -> Response:
    """Change some fields of a signal."""
    fields = BodyFields(await call.body())
    signal_id = path_signal_id(call)
    changes = _read_changes(fields)
    return json_response(
        signal_view(await call.services.edit_signals.update(signal_id, call.user_id, changes))
    )


@endpoints.delete(
    "/trading-signals/{id}",
    Scope.SIGNALS,
    Doc(
        summary="Delete a signal",
        description="Its executions and decisions go with it; transactions and closed trades stay and forget it.",
        status=204,
    ),
)
async def delete_signal(call: Call) -> Response:
    """Delete a signal."""
    await call.services.edit_signals.delete(path_signal_id(call), call.user_id)
    return Response(status_code=204)


def _read_changes(fields: BodyFields) -> SignalChanges:
    changes: dict[str, str | int | None] = {}
    if fields.present("tokenAddress"):
        changes["token_address"] = fields.traded_mint("tokenAddress")
    if fields.present("symbol"):
        changes["symbol"] = fields.text("symbol", 50) if fields.given("symbol") else None
    if fields.present("signalType"):
        changes["signal_type"] = fields.text("signalType", 50)
    if fields.present("activationReason"):
        changes["activation_reason"] = fields.optional_text("activationReason", MAX_REASON_LENGTH)
    if fields.present("signalStrength"):
        changes["signal_strength"] = strength(fields.required("signalStrength"))
    if fields.present("source"):
        changes["source"] = fields.optional_text("source", 100)
    return changes
