"""Copies in the cache, counted, dropped and made again."""

from __future__ import annotations

from tests.fakes.copies import NOTHING
from tests.integration.ports.conftest import Copies


async def test_copies_come_and_go(copied: Copies) -> None:
    copies = copied.copies
    assert copies.prefix.endswith(":")
    assert await copies.counts() == NOTHING
    async with copied.filling():
        full = await copies.warm()

    assert await copies.counts() == full
    assert full.positions > 0
    assert full.configs > 0
    dropped = await copies.clear()

    # Indexes are dropped as well, and are nobody's copy.
    assert dropped >= full.positions + full.balances + full.configs + full.prices
    assert await copies.counts() == NOTHING
    assert await copies.clear() == 0
