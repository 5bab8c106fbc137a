"""Shapes of the audit log."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel


class AuditEntryOut(BaseModel):
    """One thing that was done or tried. `actor` is an e-mail address, `key:` and the id of an API key, or `system`."""

    id: int
    at: AwareDatetime
    action: str
    outcome: Literal["ok", "failed", "locked"]
    userId: UUID | None  # noqa: N815 -- the contract's style
    actor: str
    target: str
    address: str
    details: dict[str, str]
