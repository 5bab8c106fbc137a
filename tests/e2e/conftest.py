"""A product per test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.product import Product


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    """A running sandbox and service; stopped, and checked for left-overs, afterwards."""
    product = Product(tmp_path)
    await product.start_sandbox()
    try:
        await product.start_service()
        yield product
    finally:
        await product.stop()
