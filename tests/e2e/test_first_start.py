"""What a service says when it is started without what people need to use it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.product import Product, until


async def test_without_an_administrator_it_says_what_to_do(tmp_path: Path) -> None:
    async with Product(
        tmp_path, {"ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}, from_scratch=True
    ).running() as product:

        async def told() -> bool:
            return "admin.missing" in product.log("service")

        await until(told, "the log says that nobody can log in")
        assert "set ADMIN_EMAIL and ADMIN_PASSWORD" in product.log("service")
