"""Shapes of health answers."""

from __future__ import annotations

from typing import Literal

from nexgent.api.http.models import ApiModel
from nexgent.api.http.types import Instant
from nexgent.domain.reconciliation.reconciliation import ReconciliationHealth


class ServiceOut(ApiModel):
    """One thing the service stands on; `latency` in milliseconds when it answered."""

    status: Literal["healthy", "unhealthy"]
    latency: int | None = None

    @classmethod
    def of(cls, latency: int | None) -> ServiceOut:
        """Return how a service is that answered after so many milliseconds, or did not."""
        return cls(status="unhealthy") if latency is None else cls(status="healthy", latency=latency)


class ServicesOut(ApiModel):
    """All of them."""

    database: ServiceOut
    redis: ServiceOut
    queue: ServiceOut


class EngineOut(ApiModel):
    """Who trades. `role` is what this process is; `holder` (host:process), `epoch` and `ageSeconds` (since it was renewed) are
    those of the engine's lease as far as this process knows. `unresolved` trades of before are being brought to an end beside
    everything else; `unresolvedWallets` names at most 20 of their wallets, shortened. A process whose lease ended while the
    database was out of reach is `unknown`: another one may trade; `reason` says so."""

    role: Literal["engine", "replica", "starting", "unknown"]
    reason: str | None = None
    holder: str | None = None
    epoch: int = 0
    age_seconds: float | None = None
    unresolved: int = 0
    unresolved_wallets: list[str] | None = None


class ReconciliationOut(ApiModel):
    """Live wallets held against the chain: `ageSeconds` since the look at the one that waits longest."""

    wallets: int
    age_seconds: int
    differences: int
    orphans: int

    @classmethod
    def of(cls, health: ReconciliationHealth) -> ReconciliationOut:
        """Return how it stands with them."""
        return cls(
            wallets=health.wallets,
            age_seconds=health.age_seconds,
            differences=health.differences,
            orphans=health.orphans,
        )


class HealthOut(ApiModel):
    """The whole picture; `message` says what is wrong with the engine, `version` is that of the service."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    timestamp: Instant
    uptime: int
    services: ServicesOut
    reconciliation: ReconciliationOut | None = None
    message: str | None = None
    engine: EngineOut | None = None


class ReadyOut(ApiModel):
    """Whether work can be sent here."""

    ready: bool
    timestamp: Instant
    degraded: bool | None = None
    message: str | None = None
    engine: EngineOut | None = None


class LiveOut(ApiModel):
    """Whether the process runs."""

    alive: bool
    timestamp: Instant
    uptime: int
