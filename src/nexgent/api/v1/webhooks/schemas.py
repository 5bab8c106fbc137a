"""Shapes of the echo."""

from __future__ import annotations

from typing import Literal

from nexgent.api.http.models import ApiModel
from nexgent.api.http.types import Instant


class ReceivedOut(ApiModel):
    """A request as it arrived; credentials are not shown."""

    headers: dict[str, str]
    body: object
    query: dict[str, str | list[str]]
    method: Literal["POST"]
    path: Literal["/test"]


class EchoOut(ApiModel):
    """What was received."""

    success: Literal[True]
    message: str
    timestamp: Instant
    received: ReceivedOut
