"""Passes of what works beside the requests, with all that they begin."""

from __future__ import annotations

import asyncio

from nexgent.domain.trading.watch.recovery import Recovery
from nexgent.domain.trading.watch.undecided_signals import UndecidedSignals


async def recovered(recovery: Recovery) -> int:
    """Let recovery look once and wait for what it begins; return how many intents were ended."""
    return sum(await asyncio.gather(*await recovery.tick()))


async def decided(undecided: UndecidedSignals) -> int:
    """Let signals without decisions be looked for once and wait for what is begun; return how many were taken on."""
    begun = await undecided.tick()
    await asyncio.gather(*begun)
    return len(begun)
