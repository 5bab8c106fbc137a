"""Asking a source for prices in batches of what one call takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from nexgent.domain.prices.models import FetchResult
from nexgent.shared.types import TokenAddress


async def fetch_in_batches(
    tokens: Sequence[TokenAddress],
    size: int,
    fetch: Callable[[Sequence[TokenAddress]], Awaitable[FetchResult]],
) -> FetchResult:
    """Ask for each token once, at most `size` a call, all calls at once; return what they answered as one."""
    wanted = list(dict.fromkeys(tokens))
    batches = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    results = await asyncio.gather(*(fetch(batch) for batch in batches))
    return FetchResult(
        observations=tuple(observation for result in results for observation in result.observations),
        absent=frozenset().union(*(result.absent for result in results)),
        failed=frozenset().union(*(result.failed for result in results)),
    )
