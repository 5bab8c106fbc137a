"""`/signal-webhooks`: addresses for alerts of other services, and what would come of an alert or a signal."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from nexgent.api.encoding import iso, iso_or_none, json_response
from nexgent.api.endpoint import PREFIX, Access, Call, Doc, Endpoints
from nexgent.api.fields import BodyFields, shown
from nexgent.api.v1.auth.schemas import DoneOut
from nexgent.api.v1.signal_webhooks.schemas import (
    AlertIn,
    NewWebhookOut,
    TestOut,
    WebhookChangeIn,
    WebhookIn,
    WebhookOut,
    WebhooksOut,
)
from nexgent.api.v1.signals.parsing import signal_draft
from nexgent.api.v1.signals.schemas import SignalIn, SignalOut
from nexgent.api.v1.signals.views import decision_view, signal_view
from nexgent.domain.signals.models import DecisionOutcome, SignalDecision, SignalDraft
from nexgent.domain.signals.webhooks.errors import AlertForbiddenError
from nexgent.domain.signals.webhooks.manage import WebhookChange
from nexgent.domain.signals.webhooks.models import AlertProof, NewSecret, SignalWebhook
from nexgent.domain.signals.webhooks.receive_alert import draft_of, read_alert, rendered_alert, why_refused
from nexgent.domain.users.authenticate import has_key_format
from nexgent.domain.users.errors import NotAuthenticatedError
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError, NexgentError
from nexgent.shared.types import UserId

endpoints = Endpoints("signal webhooks")

_SIGNATURE, _TIMESTAMP, _API_KEY = "x-signature", "x-timestamp", "x-api-key"
_WOULD_BUY = "WOULD_BUY"


@endpoints.post(
    "/signal-webhooks",
    Access.SESSION,
    Doc(
        summary="Create a webhook for alerts; its secret is shown this once",
        description="The template says how an alert becomes a signal: `{{field}}` takes a field of the alert, `{{field | x}}` "
        "has a default, and `maps` replace values (ticker by mint, words by strengths).",
        body=WebhookIn,
        response=NewWebhookOut,
        status=201,
    ),
)
async def create_webhook(call: Call) -> Response:
    """Create a webhook."""
    new = await call.services.signal_webhooks.create(call.user_id, _change(await call.body()))
    return json_response(_with_secret(new), 201)


@endpoints.get(
    "/signal-webhooks", Access.SESSION, Doc(summary="List webhooks, newest first", response=WebhooksOut)
)
async def list_webhooks(call: Call) -> Response:
    """Return the user's webhooks."""
    webhooks = await call.services.signal_webhooks.all(call.user_id)
    return json_response({"items": [_view(webhook) for webhook in webhooks]})


@endpoints.get("/signal-webhooks/{id}", Access.SESSION, Doc(summary="One webhook", response=WebhookOut))
async def get_webhook(call: Call) -> Response:
    """Return a webhook."""
    return json_response(_view(await _own(call)))


@endpoints.put(
    "/signal-webhooks/{id}",
    Access.SESSION,
    Doc(
        summary="Change a webhook, or switch it off and on",
        description="`template` and `maps` are replaced as a whole.",
        body=WebhookChangeIn,
        response=WebhookOut,
    ),
)
async def change_webhook(call: Call) -> Response:
    """Change a webhook."""
    webhook_id = call.path_uuid("id", "webhook")
    change = _change(await call.body())
    return json_response(_view(await call.services.signal_webhooks.change(webhook_id, call.user_id, change)))


@endpoints.post(
    "/signal-webhooks/{id}/rotate-secret",
    Access.SESSION,
    Doc(summary="Replace a webhook's secret; the old one is void at once", response=NewWebhookOut),
)
async def rotate_secret(call: Call) -> Response:
    """Replace the secret."""
    await call.body()
    webhook_id = call.path_uuid("id", "webhook")
    return json_response(_with_secret(await call.services.signal_webhooks.rotate(webhook_id, call.user_id)))


@endpoints.delete("/signal-webhooks/{id}", Access.SESSION, Doc(summary="Delete a webhook", response=DoneOut))
async def delete_webhook(call: Call) -> Response:
    """Delete a webhook."""
    await call.services.signal_webhooks.delete(call.path_uuid("id", "webhook"), call.user_id)
    return json_response({"success": True, "message": "Signal webhook deleted successfully"})


@endpoints.post(
    "/signal-webhooks/{id}/in",
    Access.PUBLIC,
    Doc(
        summary="Take an alert",
        description="Called by the other service. It proves itself by the webhook's secret as the field `secret` of its JSON "
        "or the first word of its plain text, by "
        "`X-Signature: sha256=…` (HMAC-SHA-256 of the body with the secret; with `X-Timestamp`, in seconds, of "
        '"timestamp.body", which is then taken once only), or by an API key with the scope `signals` in `X-API-Key`.',
        response=SignalOut,
        status=201,
    ),
)
async def take_alert(call: Call) -> Response:
    """Make a signal of an alert."""
    webhook_id = call.path_uuid("id", "webhook")
    proof = await _proof(call)
    signal = await call.services.receive_alert.execute(webhook_id, await call.request.body(), proof)
    return json_response(signal_view(signal), 201)


@endpoints.post(
    "/signal-webhooks/{id}/test",
    Access.SESSION,
    Doc(
        summary="See what every agent would decide on an alert; nothing is traded",
        body=AlertIn,
        response=TestOut,
    ),
)
async def test_webhook(call: Call) -> Response:
    """Try an alert."""
    alert = BodyFields(await call.body()).required("alert")
    webhook = await _own(call)
    rendered = rendered_alert(webhook, read_alert(alert.encode()) if isinstance(alert, str) else alert)
    refusal = why_refused(webhook, rendered, call.services.clock.now())
    return await _tested(call, draft_of(webhook, rendered), refusal)


@endpoints.post(
    "/trading-signals/test",
    Scope.SIGNALS,
    Doc(
        summary="See what every agent would decide on a signal; nothing is stored or traded",
        description="Runs all gates, protections and the sizing with the balances of this moment, and asks for a quote.",
        body=SignalIn,
        response=TestOut,
    ),
)
async def test_signal(call: Call) -> Response:
    """Try a signal."""
    return await _tested(call, signal_draft(call.user_id, await call.body()))


async def _tested(call: Call, draft: SignalDraft, refusal: NexgentError | None = None) -> Response:
    decisions = await call.services.preview_signal.preview(draft)
    return json_response(
        {
            "signal": {
                "tokenAddress": draft.token_address,
                "symbol": draft.symbol,
                "signalType": draft.signal_type,
                "activationReason": draft.activation_reason,
                "signalStrength": draft.signal_strength,
                "source": draft.source,
            },
            "refusal": {"code": refusal.code, "reason": refusal.message} if refusal is not None else None,
            "decisions": [_previewed(decision) for decision in decisions],
        }
    )


def _previewed(decision: SignalDecision) -> dict[str, object]:
    view = decision_view(decision)
    return {**view, "outcome": _WOULD_BUY} if decision.outcome is DecisionOutcome.EXECUTED else view


async def _own(call: Call) -> SignalWebhook:
    return await call.services.signal_webhooks.one(call.path_uuid("id", "webhook"), call.user_id)


async def _proof(call: Call) -> AlertProof:
    headers = call.request.headers
    key = headers.get(_API_KEY)
    if key is not None:
        return AlertProof(key_owner=await _key_owner(call, key))
    signed_at = headers.get(_TIMESTAMP)
    if signed_at is not None and not (signed_at.isascii() and signed_at.isdigit() and len(signed_at) <= 12):
        raise InvalidInputError("Invalid X-Timestamp: seconds since 1970 are required")
    signature = headers.get(_SIGNATURE)
    return AlertProof(
        signature=signature.strip().lower() if signature is not None else None, signed_at=signed_at
    )


async def _key_owner(call: Call, key: str) -> UserId:
    """Return whose key it is. 401 is kept for sessions, and the token of a session is no key."""
    if not has_key_format(key):
        raise AlertForbiddenError
    try:
        caller = await call.services.authenticator.by_token_or_key(None, key, Scope.SIGNALS)
    except NotAuthenticatedError:
        raise AlertForbiddenError from None
    return caller.user_id


def _change(body: dict[str, object]) -> WebhookChange:
    fields = BodyFields(body)
    age = fields.raw("maxAgeSeconds")
    if age is not None and (not isinstance(age, int) or isinstance(age, bool)):
        raise InvalidInputError(f"Invalid maxAgeSeconds: a whole number is required, received {shown(age)}")
    name = fields.raw("name")
    if name is not None and not isinstance(name, str):
        raise InvalidInputError(f"Invalid name: a text is required, received {shown(name)}")
    enabled = fields.optional_bool("enabled", True) if fields.given("enabled") else None
    return WebhookChange(
        name=name,
        template=_object(fields, "template"),
        maps=_object(fields, "maps"),
        max_age_seconds=age,
        enabled=enabled,
    )


def _object(fields: BodyFields, name: str) -> Mapping[str, object] | None:
    value = fields.raw(name)
    if value is not None and not isinstance(value, dict):
        raise InvalidInputError(f"Invalid {name}: an object is required, received {shown(value)}")
    return value


def _view(webhook: SignalWebhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "name": webhook.name,
        "path": f"{PREFIX}/signal-webhooks/{webhook.id}/in",
        "template": webhook.template,
        "maps": webhook.maps,
        "maxAgeSeconds": webhook.max_age_seconds,
        "enabled": webhook.enabled,
        "createdAt": iso(webhook.created_at),
        "updatedAt": iso(webhook.updated_at),
        "lastReceivedAt": iso_or_none(webhook.last_received_at),
        "acceptedCount": webhook.accepted_count,
        "refusedCount": webhook.refused_count,
    }


def _with_secret(new: NewSecret) -> dict[str, object]:
    return {**_view(new.webhook), "secret": new.secret}
