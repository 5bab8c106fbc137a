"""Shapes of the audit log."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from nexgent.api.fields import shown
from nexgent.api.http.models import ApiModel
from nexgent.api.http.problems import problem
from nexgent.api.http.queries import PageQuery
from nexgent.api.http.types import Instant, OptionalText, OptionalTime, OptionalUserId, Stripped
from nexgent.domain.audit.models import AuditFilter, AuditRow, Outcome
from nexgent.shared.types import UserId


def _outcome(value: object) -> object:
    if value is not None and value not in set(Outcome):
        raise problem(f"ok, failed or locked is required, received {shown(value)}")
    return value


class OwnAuditQuery(PageQuery):
    """Which of the caller's entries."""

    action: OptionalText = Field(
        default=None, description="For example auth.login, wallet.export, agent.update"
    )
    outcome: Annotated[
        Outcome | None, BeforeValidator(_outcome), Stripped, WithJsonSchema({"type": "string"})
    ] = Field(default=None, description="ok, failed or locked")
    target: OptionalText = Field(default=None, description="What it was done to: an id or a wallet's address")
    address: OptionalText = Field(default=None, description="Where it came from: a network address")
    from_: OptionalTime = Field(default=None, alias="from", description="Not before")
    to: OptionalTime = Field(default=None, description="Not after")

    def wanted(self, user_id: UserId | None, own_email: str | None = None) -> AuditFilter:
        """Return which entries are asked for."""
        return AuditFilter(
            user_id=user_id,
            own_email=own_email,
            action=self.action,
            outcome=self.outcome,
            target=self.target,
            address=self.address,
            start=self.from_,
            end=self.to,
        )


class AuditQuery(OwnAuditQuery):
    """Which entries of the whole log."""

    user_id: OptionalUserId = Field(default=None, description="Only what this user did")


class AuditEntryOut(ApiModel):
    """One thing that was done or tried. `actor` is an e-mail address, `key:` and the id of an API key, or `system`."""

    id: int
    at: Instant
    action: str
    outcome: Literal["ok", "failed", "locked"]
    user_id: UUID | None
    actor: str
    target: str
    address: str
    details: dict[str, str]

    @classmethod
    def of(cls, row: AuditRow) -> AuditEntryOut:
        """Return an entry."""
        entry = row.entry
        return cls.showing(entry, id=row.id, outcome=entry.outcome.value, details=dict(entry.details))
