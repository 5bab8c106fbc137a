"""Shapes of the administrator's endpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class CountsOut(BaseModel):
    """Copies by kind."""

    positions: int
    balances: int
    configs: int
    prices: int
    agents: int
    activeAgents: int  # noqa: N815 -- the contract's names


class CacheStatusOut(BaseModel):
    """How the cache stands. All counts are 0 while it cannot be reached."""

    connected: bool
    keyPrefix: str  # noqa: N815
    counts: CountsOut


class WarmedCountsOut(BaseModel):
    """Copies that were written."""

    configs: int
    positions: int
    balances: int


class WarmedOut(BaseModel):
    """The cache was filled. `duration` in milliseconds."""

    success: Literal[True]
    warmed: WarmedCountsOut
    duration: int


class ClearedOut(BaseModel):
    """The cache was emptied of copies. `duration` in milliseconds."""

    success: Literal[True]
    cleared: int
    duration: int


class CacheResetOut(BaseModel):
    """The cache was emptied of copies and filled again. `duration` in milliseconds."""

    success: Literal[True]
    cleared: int
    warmed: WarmedCountsOut
    duration: int
