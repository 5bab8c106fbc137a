"""Shapes of signal webhooks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from nexgent.api.v1.signals.schemas import DecisionOut

_EXAMPLE: JsonDict = {
    "name": "TradingView, five minutes",
    "template": {"tokenAddress": "{{ticker}}", "signalType": "Breakout", "signalStrength": "{{side}}"},
    "maps": {
        "tokenAddress": {"BONKUSDT": "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB263YaB1pPB1"},
        "signalStrength": {"buy": 3, "strong buy": 5},
    },
}


class WebhookIn(BaseModel):
    """A webhook to create. A field the template leaves out has its default."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: str = Field(min_length=1, max_length=100)
    template: dict[str, str] | None = None
    maps: dict[str, dict[str, str | int]] | None = None
    maxAgeSeconds: int | None = Field(default=None, ge=1, le=86_400)  # noqa: N815 -- the contract's style
    enabled: bool | None = None


class WebhookChangeIn(WebhookIn):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    name: str | None = Field(default=None, min_length=1, max_length=100)  # type: ignore[assignment]  # Optional here.


class WebhookOut(BaseModel):
    """A webhook. `path` is where alerts go."""

    id: str
    name: str
    path: str
    template: dict[str, str]
    maps: dict[str, dict[str, str | int | float]]
    maxAgeSeconds: int  # noqa: N815
    enabled: bool
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
    lastReceivedAt: str | None  # noqa: N815
    acceptedCount: int  # noqa: N815
    refusedCount: int  # noqa: N815


class NewWebhookOut(WebhookOut):
    """A webhook with its secret, which is shown this once."""

    secret: str


class WebhooksOut(BaseModel):
    """All webhooks of the user."""

    items: list[WebhookOut]


class AlertIn(BaseModel):
    """An alert, as the other service sends it."""

    alert: object = Field(examples=[{"ticker": "BONKUSDT", "side": "strong buy"}])


class TestedSignalOut(BaseModel):
    """The signal that would be stored."""

    __test__ = False

    tokenAddress: str  # noqa: N815
    symbol: str | None
    signalType: str  # noqa: N815
    activationReason: str | None  # noqa: N815
    signalStrength: int  # noqa: N815
    source: str | None


class RefusalOut(BaseModel):
    """Why the webhook would not take this alert, although a signal can be made of it."""

    code: str
    reason: str


class TestOut(BaseModel):
    """What every agent would decide; nothing was stored, reserved or traded.

    `refusal` is null unless the webhook is switched off or the alert is too old: then a real one would not be traded at all.
    """

    __test__ = False

    signal: TestedSignalOut
    refusal: RefusalOut | None
    decisions: list[DecisionOut]
