"""Shapes of what people look at before and beside real trades."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from nexgent.api.http.models import ApiModel, Query
from nexgent.api.http.problems import problem
from nexgent.api.http.types import Instant, NumberInQuery, OptionalMintInQuery
from nexgent.shared.findings import Finding, Verdict
from nexgent.shared.types import AgentId


def _positive(value: Decimal | None) -> Decimal | None:
    if value is not None and value <= 0:
        raise problem("it must be greater than 0")
    return value


class LiveCheckQuery(Query):
    """What the caller names."""

    cap_sol: Annotated[NumberInQuery, AfterValidator(_positive)] = Field(
        default=None, description="How much SOL the wallet may hold at most"
    )
    minimum_sol: Annotated[NumberInQuery, AfterValidator(_positive)] = Field(
        default=None,
        description="How much it has to hold at least; else the agent's purchaseLimits.minimumAgentBalance",
    )
    token: OptionalMintInQuery = Field(
        default=None,
        description="The token of the trial order; else the first of the agent's whitelist, else USDC",
    )


class FindingOut(ApiModel):
    """One check: how it went, what was seen, and what to do."""

    name: str
    verdict: Verdict
    found: str
    advice: str

    @classmethod
    def of(cls, finding: Finding) -> FindingOut:
        """Return a finding."""
        return cls(name=finding.name, verdict=finding.verdict, found=finding.found, advice=finding.advice)


class LiveCheckOut(ApiModel):
    """All checks; `ok` when none has failed."""

    agent_id: UUID
    ok: bool
    checked_at: Instant
    findings: list[FindingOut]

    @classmethod
    def of(cls, agent_id: AgentId, at: datetime, findings: Sequence[Finding]) -> LiveCheckOut:
        """Return the findings of an agent."""
        return cls(
            agent_id=agent_id,
            ok=all(one.verdict is not Verdict.FAIL for one in findings),
            checked_at=at,
            findings=[FindingOut.of(one) for one in findings],
        )
