"""`/signal-webhooks`: addresses for alerts of other services, and what would come of an alert or a signal."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import SessionCaller, SignalsCaller
from nexgent.api.http.declared import NOT_AUDITED, audited, limited
from nexgent.api.http.models import READS_NOTHING, DoneOut
from nexgent.api.http.refusals import Refusal, refusals
from nexgent.api.http.requests import SentRequest
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import WebhookIdInPath
from nexgent.api.v1.signal_webhooks.proof import proof_of
from nexgent.api.v1.signal_webhooks.schemas import (
    AlertIn,
    NewWebhookOut,
    TestOut,
    WebhookChangeIn,
    WebhookIn,
    WebhookOut,
    WebhooksOut,
)
from nexgent.api.v1.signals.schemas import SignalIn, SignalOut
from nexgent.domain.signals.webhooks.receive_alert import draft_of, read_alert, rendered_alert, why_refused

router = APIRouter(tags=["signal webhooks"], route_class=ApiRoute)


@router.post(
    "/signal-webhooks",
    status_code=201,
    summary="Create a webhook for alerts; its secret is shown this once",
    description="The template says how an alert becomes a signal: `{{field}}` takes a field of the alert, `{{field | x}}` "
    "has a default, and `maps` replace values (ticker by mint, words by strengths).",
    responses=refusals(Refusal(409, "At most 100 webhooks are allowed", "TOO_MANY_SIGNAL_WEBHOOKS")),
    dependencies=[audited("webhook.create")],
)
async def create_webhook(body: WebhookIn, caller: SessionCaller, services: Services) -> NewWebhookOut:
    """Create a webhook."""
    return NewWebhookOut.with_secret(await services.signal_webhooks.create(caller.user_id, body.change()))


@router.get("/signal-webhooks", summary="List webhooks, newest first")
async def list_webhooks(caller: SessionCaller, services: Services) -> WebhooksOut:
    """Return the user's webhooks."""
    webhooks = await services.signal_webhooks.all(caller.user_id)
    return WebhooksOut(items=[WebhookOut.of(webhook) for webhook in webhooks])


@router.get("/signal-webhooks/{id}", summary="One webhook")
async def get_webhook(webhook_id: WebhookIdInPath, caller: SessionCaller, services: Services) -> WebhookOut:
    """Return a webhook."""
    return WebhookOut.of(await services.signal_webhooks.one(webhook_id, caller.user_id))


@router.put(
    "/signal-webhooks/{id}",
    summary="Change a webhook, or switch it off and on",
    dependencies=[audited("webhook.update")],
)
async def change_webhook(
    webhook_id: WebhookIdInPath, body: WebhookChangeIn, caller: SessionCaller, services: Services
) -> WebhookOut:
    """Change a webhook. `template` and `maps` are replaced as a whole."""
    return WebhookOut.of(await services.signal_webhooks.change(webhook_id, caller.user_id, body.change()))


@router.post(
    "/signal-webhooks/{id}/rotate-secret",
    summary="Replace a webhook's secret; the old one is void at once",
    dependencies=[READS_NOTHING, audited("webhook.rotate_secret")],
)
async def rotate_secret(
    webhook_id: WebhookIdInPath, caller: SessionCaller, services: Services
) -> NewWebhookOut:
    """Replace the secret."""
    return NewWebhookOut.with_secret(await services.signal_webhooks.rotate(webhook_id, caller.user_id))


@router.delete("/signal-webhooks/{id}", summary="Delete a webhook", dependencies=[audited("webhook.delete")])
async def delete_webhook(webhook_id: WebhookIdInPath, caller: SessionCaller, services: Services) -> DoneOut:
    """Delete a webhook."""
    await services.signal_webhooks.delete(webhook_id, caller.user_id)
    return DoneOut(success=True, message="Signal webhook deleted successfully")


# Signals and trades are in the journal and in the decisions.
@router.post(
    "/signal-webhooks/{id}/in",
    status_code=201,
    summary="Take an alert",
    description="Called by the other service. It proves itself by the webhook's secret as the field `secret` of its JSON "
    "or the first word of its plain text, by "
    "`X-Signature: sha256=…` (HMAC-SHA-256 of the body with the secret; with `X-Timestamp`, in seconds, of "
    '"timestamp.body", which is then taken once only), or by an API key with the scope `signals` in `X-API-Key`.',
    responses=refusals(
        Refusal(403, "Forbidden: there is no such webhook, or the alert proves nothing", "ALERT_FORBIDDEN"),
        Refusal(409, "An alert with this id came in before", "ALERT_DUPLICATE"),
        Refusal(422, "The alert is 90 s old and 60 s are allowed", "ALERT_EXPIRED"),
    ),
    dependencies=[limited(120, exact=False), NOT_AUDITED],
)
async def take_alert(webhook_id: WebhookIdInPath, sent: SentRequest, services: Services) -> SignalOut:
    """Make a signal of an alert."""
    proof = await proof_of(sent, services)
    return SignalOut.of(await services.receive_alert.execute(webhook_id, await sent.body(), proof))


# Signals and trades are in the journal and in the decisions.
@router.post(
    "/signal-webhooks/{id}/test",
    summary="See what every agent would decide on an alert; nothing is traded",
    dependencies=[limited(30), NOT_AUDITED],
)
async def test_webhook(
    webhook_id: WebhookIdInPath, body: AlertIn, caller: SessionCaller, services: Services
) -> TestOut:
    """Try an alert."""
    webhook = await services.signal_webhooks.one(webhook_id, caller.user_id)
    alert = read_alert(body.alert.encode()) if isinstance(body.alert, str) else body.alert
    rendered = rendered_alert(webhook, alert)
    refusal = why_refused(webhook, rendered, services.clock.now())
    draft = draft_of(webhook, rendered)
    await services.have_agents_of(caller.user_id)
    return TestOut.of(draft, await services.preview_signal.execute(draft), refusal)


@router.post(
    "/trading-signals/test",
    summary="See what every agent would decide on a signal; nothing is stored or traded",
    dependencies=[limited(30, by_key=True), NOT_AUDITED],
)
async def test_signal(body: SignalIn, caller: SignalsCaller, services: Services) -> TestOut:
    """Try a signal.

    Runs all gates, protections and the sizing with the balances of this moment, and asks for a quote.
    """
    draft = body.draft(caller.user_id)
    await services.have_agents_of(caller.user_id)
    return TestOut.of(draft, await services.preview_signal.execute(draft))
