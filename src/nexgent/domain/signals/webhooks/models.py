"""Signal webhooks, and what an alert can prove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from nexgent.shared.types import UserId

SECRET_PREFIX = "whs_"  # noqa: S105 -- what secrets begin with
DEFAULT_MAX_AGE_SECONDS = 60
MAX_WEBHOOKS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalWebhook:
    """An address that takes alerts for a user. `template` and `maps` are the JSON objects the owner gave."""

    id: UUID
    user_id: UserId
    name: str
    template: Mapping[str, object]
    maps: Mapping[str, object]
    max_age_seconds: int
    enabled: bool
    created_at: datetime
    updated_at: datetime
    last_received_at: datetime | None = None
    accepted_count: int = 0
    refused_count: int = 0


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A webhook with its secret, in the only moment it is shown."""

    webhook: SignalWebhook
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertProof:
    """What came with an alert beside its body: an HMAC with its timestamp, or whose API key it was."""

    signature: str | None = field(default=None, repr=False)
    signed_at: str | None = None
    key_owner: UserId | None = None
