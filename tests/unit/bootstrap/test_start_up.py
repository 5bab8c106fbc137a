"""Reading agents again while they are traded for elsewhere: what is heard meanwhile is newer than what was read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from nexgent.bootstrap.start_up import load_engine, read_shards
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.positions.events import PositionClosed, PositionOpened
from nexgent.domain.positions.models import CloseReason, PositionTrail
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.shared.shards import ALL_SHARDS
from nexgent.shared.types import TokenAddress
from tests.builders import a_signal, an_agent
from tests.fakes.engine import FakeEngine


class TwoProcesses:
    """An engine that trades for an agent, and one that hears of it while it reads: storage of which both are told."""

    def __init__(self) -> None:
        self.other = FakeEngine()
        self.own = FakeEngine(journal=self.other.journal)
        self.agent: Agent = an_agent()
        self._signals = 0

    async def start(self) -> None:
        await self.other.add_agent(self.agent, Decimal(100))
        self.own.bus.publish(AgentSaved(self.agent))
        await self.buys()

    async def buys(self) -> None:
        self._signals += 1
        signal = a_signal(self._signals, token_address=TokenAddress(f"{self._signals:044d}"))
        await self.other.parts.process_signal.execute(signal, 0.0)
        self._tell()

    async def sells(self) -> None:
        (held,) = self.other.book.all()
        await self.other.sales.execute(
            ClosePositionRequest(
                wallet_address=held.position.wallet_address,
                position_id=held.position.id,
                reason=CloseReason.MANUAL,
            )
        )
        self._tell()

    def _tell(self) -> None:
        self.own.ledger.on_touched(WalletsTouched([wallet.address for wallet in self.agent.wallets]))
        for event in self.other.events:
            if isinstance(event, PositionOpened | PositionClosed):
                self.own.bus.publish(event)
        self.other.events.clear()

    async def list_all(self) -> list[Agent]:
        return [self.agent]

    async def list_deleted(self) -> list[Agent]:
        return []

    async def load(self, *_: object) -> Sequence[PositionTrail]:
        return list(self.other.trails.saved.values())


@pytest.mark.parametrize("what", ["buys", "sells"])
@pytest.mark.parametrize("where", ["trails", "journal"])
@pytest.mark.parametrize("how", ["some shards", "everything"])
async def test_what_another_engine_trades_while_its_agents_are_read_is_not_undone(
    monkeypatch: pytest.MonkeyPatch, how: str, where: str, what: str
) -> None:
    two: Any = TwoProcesses()
    await two.start()
    storage = two if where == "trails" else two.own.journal
    load, times = storage.load, 0

    async def load_and_be_late(*arguments: Any) -> Any:
        nonlocal times
        times += 1
        found = await load(*arguments)
        if times == 1:
            await getattr(two, what)()
        return found

    monkeypatch.setattr(storage, "load", load_and_be_late)

    if how == "some shards":
        await read_shards(two.own.parts, ALL_SHARDS, agents=two, trails=two)
    else:
        await load_engine(two.own.parts, agents=two, journal=two.own.journal, trails=two)

    held = {one.position.id for one in two.own.book.all()}
    assert held == {one.position.id for one in two.other.book.all()}
    assert len(held) == (2 if what == "buys" else 0)
