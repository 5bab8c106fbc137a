"""A product per test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.product import Product


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    """A running sandbox and service; stopped, and checked for left-overs, afterwards."""
    async with Product(tmp_path).running() as product:
        yield product
