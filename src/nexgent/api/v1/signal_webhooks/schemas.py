"""Shapes of signal webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from nexgent.api.fields import shown
from nexgent.api.http.models import ApiModel, Body
from nexgent.api.http.problems import problem, problem_text
from nexgent.api.http.route import PREFIX
from nexgent.api.http.types import Instant
from nexgent.api.v1.signals.schemas import DecisionOut, ShownAction, ShownPart
from nexgent.domain.signals.models import SignalAction, SignalDecision, SignalDraft
from nexgent.domain.signals.webhooks.manage import MAX_AGE_SECONDS, WebhookChange
from nexgent.domain.signals.webhooks.models import NewSecret, SignalWebhook
from nexgent.shared.errors import NexgentError
from nexgent.shared.names import MAX_NAME_LENGTH

_EXAMPLE: JsonDict = {
    "name": "TradingView, five minutes",
    "template": {"tokenAddress": "{{ticker}}", "signalType": "Breakout", "signalStrength": "{{side}}"},
    "maps": {
        "tokenAddress": {"BONKUSDT": "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB263YaB1pPB1"},
        "signalStrength": {"buy": 3, "strong buy": 5},
    },
}
_WOULD_BUY, _WOULD_SELL = "WOULD_BUY", "WOULD_SELL"


def _whole(value: object) -> object:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise problem(f"a whole number is required, received {shown(value)}")
    return value


def _something(value: object) -> object:
    if value is None:
        raise problem_text("alert is required")
    return value


_NULL: dict[str, Any] = {"type": "null"}
_ANYTHING: dict[str, Any] = {
    "anyOf": [{"type": kind} for kind in ("object", "string", "array", "number", "boolean")]
}
_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH}
_TEMPLATE: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}
_MAPS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    },
}
_AGE: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MAX_AGE_SECONDS}
# What is right inside of these is for the domain to say: a template of an earlier version is read by the same rules.
Name = Annotated[str, WithJsonSchema(_NAME)]
Template = Annotated[Mapping[str, object] | None, WithJsonSchema({"anyOf": [_TEMPLATE, _NULL]})]
Maps = Annotated[Mapping[str, object] | None, WithJsonSchema({"anyOf": [_MAPS, _NULL]})]
Age = Annotated[int | None, BeforeValidator(_whole), WithJsonSchema({"anyOf": [_AGE, _NULL]})]


class WebhookChangeIn(Body):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    max_age_seconds: Age = None
    name: Name | None = None
    enabled: bool | None = None
    template: Template = None
    maps: Maps = None

    def change(self) -> WebhookChange:
        """Return what was given."""
        return WebhookChange(
            name=self.name,
            template=self.template,
            maps=self.maps,
            max_age_seconds=self.max_age_seconds,
            enabled=self.enabled,
        )


class WebhookIn(WebhookChangeIn):
    """A webhook to create. A field the template leaves out has its default."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name


class WebhookOut(ApiModel):
    """A webhook. `path` is where alerts go."""

    id: UUID
    name: str
    path: str
    template: dict[str, str]
    maps: dict[str, dict[str, str | int | float]]
    max_age_seconds: int
    enabled: bool
    created_at: Instant
    updated_at: Instant
    last_received_at: Instant | None
    accepted_count: int
    refused_count: int

    @classmethod
    def of(cls, webhook: SignalWebhook) -> WebhookOut:
        """Return a webhook without its secret."""
        return cls.model_construct(**_facts(webhook))


class NewWebhookOut(WebhookOut):
    """A webhook with its secret, which is shown this once."""

    secret: str

    @classmethod
    def with_secret(cls, new: NewSecret) -> NewWebhookOut:
        """Return a webhook with its secret."""
        return cls.model_construct(**_facts(new.webhook), secret=new.secret)


def _facts(webhook: SignalWebhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "name": webhook.name,
        "path": f"{PREFIX}/signal-webhooks/{webhook.id}/in",
        "template": webhook.template,
        "maps": webhook.maps,
        "max_age_seconds": webhook.max_age_seconds,
        "enabled": webhook.enabled,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
        "last_received_at": webhook.last_received_at,
        "accepted_count": webhook.accepted_count,
        "refused_count": webhook.refused_count,
    }


class WebhooksOut(ApiModel):
    """All webhooks of the user."""

    items: list[WebhookOut]


class AlertIn(Body):
    """An alert, as the other service sends it."""

    alert: Annotated[Any, BeforeValidator(_something), WithJsonSchema(_ANYTHING)] = Field(
        examples=[{"ticker": "BONKUSDT", "side": "strong buy"}]
    )


class TestedSignalOut(ApiModel):
    """The signal that would be stored."""

    __test__ = False

    token_address: str
    symbol: str | None
    signal_type: str
    activation_reason: str | None
    signal_strength: int
    source: str | None
    action: ShownAction = SignalAction.BUY
    percent: ShownPart = None


class RefusalOut(ApiModel):
    """Why the webhook would not take this alert, although a signal can be made of it."""

    code: str
    reason: str


class TestOut(ApiModel):
    """What every agent would decide; nothing was stored, reserved or traded.

    `refusal` is null unless the webhook is switched off or the alert is too old: then a real one would not be traded at all.
    """

    __test__ = False

    signal: TestedSignalOut
    refusal: RefusalOut | None
    decisions: list[DecisionOut]

    @classmethod
    def of(
        cls, draft: SignalDraft, decisions: Sequence[SignalDecision], refusal: NexgentError | None = None
    ) -> TestOut:
        """Return what would come of a signal."""
        would = _WOULD_BUY if draft.action is SignalAction.BUY else _WOULD_SELL
        return cls.model_construct(
            signal=TestedSignalOut.showing(draft),
            refusal=RefusalOut(code=refusal.code, reason=refusal.message) if refusal is not None else None,
            decisions=[DecisionOut.of(decision, would=would) for decision in decisions],
        )
