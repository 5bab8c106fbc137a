"""Shapes of health answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class ServiceOut(BaseModel):
    """One thing the service stands on; `latency` in milliseconds when it answered."""

    status: Literal["healthy", "unhealthy"]
    latency: int | None = None


class ServicesOut(BaseModel):
    """All of them."""

    database: ServiceOut
    redis: ServiceOut
    queue: ServiceOut


class HealthOut(BaseModel):
    """The whole picture."""

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: str
    uptime: int
    services: ServicesOut


class ReadyOut(BaseModel):
    """Whether work can be sent here."""

    ready: bool
    timestamp: str
    degraded: bool | None = None
    message: str | None = None


class LiveOut(BaseModel):
    """Whether the process runs."""

    alive: bool
    timestamp: str
    uptime: int
