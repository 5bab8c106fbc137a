"""An alert comes in: who sent it, what it says, is it fresh and new; then it is a signal like any other."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog

from nexgent.domain.signals.create_signal import CreateSignal
from nexgent.domain.signals.models import Signal, SignalDraft
from nexgent.domain.signals.webhooks.errors import (
    AlertDuplicateError,
    AlertExpiredError,
    AlertForbiddenError,
    InvalidAlertError,
    WebhookDisabledError,
)
from nexgent.domain.signals.webhooks.models import SECRET_PREFIX, AlertProof, SignalWebhook
from nexgent.domain.signals.webhooks.ports import WebhookRepository
from nexgent.domain.signals.webhooks.template import RenderedAlert, parse_template, render
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError, UnavailableError
from nexgent.shared.texts import is_clean_text

log = structlog.get_logger(__name__)

SECRET_FIELD = "secret"  # noqa: S105 -- the name of a field
TEXT_FIELD, WORDS_FIELD = "text", "words"
MAX_WORDS = 100
FUTURE_SECONDS = 60
_ALGORITHM = "sha256="


class ReceiveAlert:
    """Nothing of the alert is looked at before it has proved where it comes from."""

    def __init__(self, *, webhooks: WebhookRepository, create_signal: CreateSignal, clock: Clock) -> None:
        self._webhooks = webhooks
        self._create_signal = create_signal
        self._clock = clock

    async def execute(self, webhook_id: UUID, raw: bytes, proof: AlertProof) -> Signal:
        """Return the stored signal.

        Raises `AlertForbiddenError`, `WebhookDisabledError`, `InvalidAlertError`, `AlertExpiredError`,
        `AlertDuplicateError`, `DuplicateSignalError`, `UnavailableError`.
        """
        webhook = await self._webhooks.find(webhook_id)
        if webhook is None:
            raise AlertForbiddenError
        await self._require_proof(webhook, raw, proof)
        try:
            signal = await self._accept(webhook, raw, proof)
        except NexgentError as error:
            log.info("signal_webhook.refused", webhook_id=str(webhook_id), code=error.code)
            await self._count(webhook, accepted=False)
            raise
        log.info("signal_webhook.accepted", webhook_id=str(webhook_id), signal_id=signal.id)
        await self._count(webhook, accepted=True)
        return signal

    async def _accept(self, webhook: SignalWebhook, raw: bytes, proof: AlertProof) -> Signal:
        rendered = rendered_alert(webhook, read_alert(raw))
        now = self._clock.now()
        refusal = why_refused(webhook, rendered, now) or _signed_too_long_ago(webhook, proof, now)
        if refusal is not None:
            raise refusal
        alert_id = rendered.alert_id or _id_of_signature(proof)
        if alert_id is None:
            return await self._create_signal.execute(draft_of(webhook, rendered))
        if not await self._webhooks.remember_alert(webhook.id, alert_id, now):
            raise AlertDuplicateError
        try:
            return await self._create_signal.execute(draft_of(webhook, rendered))
        except Exception:
            await self._forget(webhook, alert_id)
            raise

    async def _forget(self, webhook: SignalWebhook, alert_id: str) -> None:
        try:
            await self._webhooks.forget_alert(webhook.id, alert_id)
        except UnavailableError:
            # Rather an alert that has to be sent with a new id than one that is traded twice.
            log.warning("signal_webhook.alert_id_kept", webhook_id=str(webhook.id))

    async def _require_proof(self, webhook: SignalWebhook, raw: bytes, proof: AlertProof) -> None:
        if proof.key_owner is not None:
            if proof.key_owner != webhook.user_id:
                raise AlertForbiddenError
            return
        secret = await self._webhooks.secret_of(webhook.id)
        if secret is None:
            raise AlertForbiddenError
        if proof.signature is not None:
            given, expected = proof.signature, signature_of(secret, raw, proof.signed_at)
        else:
            given, expected = _secret_in(raw), secret
        # `compare_digest` of texts takes ASCII only.
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            raise AlertForbiddenError

    async def _count(self, webhook: SignalWebhook, *, accepted: bool) -> None:
        try:
            await self._webhooks.count(webhook.id, self._clock.now(), accepted=accepted)
        except UnavailableError:
            # Figures for people; the alert itself is done with.
            log.debug("signal_webhook.not_counted", webhook_id=str(webhook.id))


def signature_of(secret: str, raw: bytes, signed_at: str | None) -> str:
    """Return `sha256=` and the HMAC of the body, or of "timestamp.body" when there is a timestamp."""
    message = raw if signed_at is None else signed_at.encode() + b"." + raw
    return _ALGORITHM + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def read_alert(raw: bytes) -> object:
    """Return the JSON of a body, or a plain text as the fields `text`, `words` and, when it begins with one, `secret`.

    Raises `InvalidAlertError` for what is neither.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidAlertError("Invalid alert: it must be JSON or text in UTF-8") from None
    try:
        alert: object = json.loads(text, parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError, ArithmeticError):
        alert = None
    return alert if isinstance(alert, (dict, list)) else _fields_of_text(text.strip())


def rendered_alert(webhook: SignalWebhook, alert: object) -> RenderedAlert:
    """Return what the webhook makes of an alert; its secret cannot get into a signal. Raises `InvalidAlertError`."""
    if isinstance(alert, Mapping):
        alert = {name: value for name, value in alert.items() if name != SECRET_FIELD}
    rendered = render(parse_template(webhook.template, webhook.maps), alert)
    texts = (rendered.token_address, rendered.signal_type, rendered.symbol, rendered.activation_reason)
    for text in (*texts, rendered.source, rendered.alert_id):
        if text is not None and not is_clean_text(text):
            raise InvalidAlertError("Invalid alert: texts must not contain NUL or half a surrogate pair")
    return rendered


def why_refused(webhook: SignalWebhook, rendered: RenderedAlert, now: datetime) -> NexgentError | None:
    """Return why an alert that makes a good signal is not taken: switched off, too old, or of the future."""
    if not webhook.enabled:
        return WebhookDisabledError()
    if rendered.sent_at is None:
        return None
    return _not_of_now(webhook, (now - rendered.sent_at).total_seconds(), "timestamp")


def draft_of(webhook: SignalWebhook, rendered: RenderedAlert) -> SignalDraft:
    """Return the signal to store."""
    return SignalDraft(
        user_id=webhook.user_id,
        token_address=rendered.token_address,
        signal_type=rendered.signal_type,
        signal_strength=rendered.signal_strength,
        symbol=rendered.symbol,
        activation_reason=rendered.activation_reason,
        source=rendered.source,
        action=rendered.action,
        percent=rendered.percent,
    )


def _signed_too_long_ago(webhook: SignalWebhook, proof: AlertProof, now: datetime) -> NexgentError | None:
    if proof.signature is None or proof.signed_at is None:
        return None
    return _not_of_now(webhook, now.timestamp() - int(proof.signed_at), "X-Timestamp")


def _id_of_signature(proof: AlertProof) -> str | None:
    """A signature with its time is made once: whoever recorded it cannot send it again while it is still fresh."""
    return proof.signature if proof.signed_at is not None else None


def _not_of_now(webhook: SignalWebhook, age_seconds: float, what: str) -> NexgentError | None:
    if age_seconds > webhook.max_age_seconds:
        return AlertExpiredError(round(age_seconds), webhook.max_age_seconds)
    if age_seconds < -FUTURE_SECONDS:
        return InvalidAlertError(f"Invalid alert: its {what} is in the future; is a clock wrong?")
    return None


def _secret_in(raw: bytes) -> str:
    """Return the secret a body shows, or an empty text: whoever proves nothing learns nothing about the body either."""
    try:
        alert = read_alert(raw)
    except InvalidAlertError:
        return ""
    given = alert.get(SECRET_FIELD) if isinstance(alert, Mapping) else None
    return given if isinstance(given, str) else ""


def _fields_of_text(text: str) -> dict[str, object]:
    fields: dict[str, object] = {}
    if text.startswith(SECRET_PREFIX):
        fields[SECRET_FIELD], *rest = text.split(maxsplit=1)
        text = "".join(rest)
    return {**fields, TEXT_FIELD: text, WORDS_FIELD: text.split(maxsplit=MAX_WORDS)[:MAX_WORDS]}
