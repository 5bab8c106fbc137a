"""Shapes of the echo."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class ReceivedOut(BaseModel):
    """A request as it arrived; credentials are not shown."""

    headers: dict[str, str]
    body: object
    query: dict[str, str | list[str]]
    method: Literal["POST"]
    path: Literal["/test"]


class EchoOut(BaseModel):
    """What was received."""

    success: Literal[True]
    message: str
    timestamp: str
    received: ReceivedOut
