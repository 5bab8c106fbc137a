"""What health says of tables that cannot be used."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nexgent.bootstrap.projections import JournalGauges
from nexgent.infrastructure.database.projection.projector import Backlog
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.shared.types import WalletAddress
from tests.patience import until

WALLETS = (WalletAddress("AbcdEfghIjklMnop"), WalletAddress("QrstUvwxYzzzZyxw"))


class Tables:
    """A projector and a queue that only tell how it stands."""

    failed: tuple[WalletAddress, ...] = ()
    asked = 0

    async def backlog(self) -> Backlog:
        self.asked += 1
        return Backlog(7, 7, 0, None, len(self.failed), self.failed)

    async def zcard(self, _: str) -> int:
        return 0


async def test_tables_that_cannot_be_used_are_told_until_they_are_repaired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nexgent.bootstrap.projections.GAUGE_SECONDS", 0)
    tables: Any = Tables()
    gauges = JournalGauges(tables, tables, Metrics())
    running = asyncio.create_task(gauges.run())
    try:
        for failed, whose in (
            (WALLETS[:1], "the wallet Abcd…Mnop"),
            (WALLETS, "2 wallets, one of them Abcd…Mnop"),
        ):
            tables.failed = failed

            def told(whose: str = whose) -> str | None:
                said = gauges.problem() or ""
                return said if whose in said else None

            text = await until(told, "it is told whose they are")
            assert "`nexgent verify --repair`" in text
            assert WALLETS[0] not in text
        tables.failed = ()
        await until(lambda: gauges.problem() is None, "it is over")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
