"""Panic over a real engine in memory: entries stop, everything is sold, whatever is away."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import Intent, TradeIntended, TradeKind
from nexgent.domain.panic.models import PanicReport
from nexgent.domain.panic.panic import Panic
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.protections.events import KillSwitchChanged
from nexgent.domain.protections.kill_switch import KillSwitchOrder, SetKillSwitch
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.protections.refresh import RefreshProtections
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.trading.errors import SwapUnavailableError
from nexgent.domain.trading.events import ExitTriggered
from nexgent.shared.errors import ForbiddenError, UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import IntentId, TokenAddress, UserId
from tests.builders import TOKEN, USER, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.protections import FakeProtectionStore
from tests.patience import until

OTHER = TokenAddress("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
SOMEBODY = UserId(new_id())
MINE = KillSwitchOrder(user_id=USER, email="a@b.co", engaged=True, reason="News")
FLATTEN = replace(MINE, flatten=True)
EVERYBODY = replace(FLATTEN, email="admin@example.com", system_wide=True)


class AwayStore(FakeProtectionStore):
    """A store that can be away."""

    away = False

    async def set_switch(self, switch: KillSwitch) -> None:
        if self.away:
            raise UnavailableError("the database is away")
        await super().set_switch(switch)


class World:
    """An engine with my agent, who holds two tokens, and somebody's, who holds one."""

    def __init__(self, engine: FakeEngine | None = None, store: AwayStore | None = None) -> None:
        self.engine = engine or FakeEngine()
        self.store = store or AwayStore()
        self.protections = ProtectionState()
        self.is_engine = True
        self.mine = an_agent(name="Mine")
        self.theirs = an_agent(user_id=SOMEBODY, name="Theirs")
        self.engine.bus.on(KillSwitchChanged, self.protections.on_kill_switch)
        self.switch = SetKillSwitch(
            store=self.store,
            protections=self.protections,
            clock=self.engine.clock,
            publish=self.engine.bus.publish,
            admin_email="admin@example.com",
        )
        self.panic = Panic(
            switch=self.switch,
            protections=self.protections,
            directory=self.engine.directory,
            ledger=self.engine.ledger,
            book=self.engine.book,
            exits=self.engine.exits,
            is_engine=lambda: self.is_engine,
        )

    async def start(self) -> World:
        for agent in (self.mine, self.theirs):
            await self.engine.add_agent(agent)
            await self.engine.buy([agent], size_sol=Decimal(1))
        await self.engine.buy([self.mine], OTHER, size_sol=Decimal(1))
        return self

    def held(self, agent: Agent) -> set[TokenAddress]:
        return {position.token_address for position in self.engine.positions(agent)}

    def blocked(self, agent: Agent) -> str | None:
        state = self.engine.ledger.head(agent.wallets[0].address)
        return self.protections.check(agent, state, self.engine.clock.now()).code

    def report(self, order: KillSwitchOrder = MINE) -> PanicReport:
        return self.panic.report(order)


async def test_without_flatten_entries_stop_and_nothing_is_sold() -> None:
    world = await World().start()

    report = await world.panic.execute(MINE)

    assert (report.engaged, report.flattens, report.recorded, report.flat) == (True, False, True, False)
    assert world.blocked(world.mine) == "KILL_SWITCH"
    assert world.blocked(world.theirs) is None
    assert {one.position.token_address for one in report.remaining} == {TOKEN, OTHER}
    assert {(one.exit_reason, one.attempts, one.agent_name) for one in report.remaining} == {
        (None, 0, "Mine")
    }
    await world.panic.tick()
    await world.engine.settle()
    assert world.held(world.mine) == {TOKEN, OTHER}


async def test_flatten_sells_my_positions_and_nobody_elses() -> None:
    world = await World().start()

    report = await world.panic.execute(FLATTEN)
    assert report.flattens
    await until(lambda: world.report().flat)

    assert world.held(world.mine) == set()
    assert world.held(world.theirs) == {TOKEN}
    assert [trade.close_reason for trade in world.engine.closed_trades()] == [CloseReason.PANIC] * 2
    assert world.store.switches[USER].flatten


async def test_the_administrator_flattens_everybody_and_others_may_not() -> None:
    world = await World().start()
    stranger = replace(EVERYBODY, email="a@b.co")
    with pytest.raises(ForbiddenError):
        await world.panic.execute(stranger)
    with pytest.raises(ForbiddenError):
        world.panic.report(stranger)
    assert world.blocked(world.mine) is None

    await world.panic.execute(EVERYBODY)
    await until(lambda: world.report(EVERYBODY).flat)

    assert world.held(world.mine) == world.held(world.theirs) == set()
    assert len(world.engine.closed_trades()) == 3


async def test_a_second_click_sells_nothing_twice_and_does_not_end_the_first() -> None:
    world = await World().start()
    world.engine.swaps.unsellable = SwapUnavailableError("busy")
    await world.panic.execute(FLATTEN)
    await world.panic.execute(FLATTEN)

    # Without the wish to flatten it stays: only releasing the switch ends it.
    report = await world.panic.execute(MINE)
    assert report.flattens
    await until(lambda: all(one.attempts for one in world.report().remaining))
    await until(lambda: {one.code for one in world.report().remaining} == {"SWAP_UNAVAILABLE"})
    assert all(one.exit_reason is CloseReason.PANIC for one in world.report().remaining)
    world.engine.swaps.unsellable = None
    await until(lambda: world.report().flat)

    assert len(world.engine.closed_trades()) == 2
    assert len([event for event in world.engine.events if isinstance(event, ExitTriggered)]) == 2


async def test_a_purchase_that_lands_afterwards_is_sold_as_well() -> None:
    world = await World().start()
    await world.panic.execute(FLATTEN)
    await until(lambda: world.report().flat)
    wallet = world.mine.wallets[0].address
    intent = Intent(
        id=IntentId(new_id()),
        kind=TradeKind.PURCHASE,
        agent_id=world.mine.id,
        wallet_address=wallet,
        token_address=OTHER,
        token_symbol="EXM",
        input_mint=SOL_MINT,
        amount_raw=1_000,
        reserved_raw=1_000,
        cause="manual",
        signal_id=None,
        position_id=None,
        generation=0,
        created_at=world.engine.clock.now(),
    )
    await world.engine.ledger.commit(world.engine.ledger.stage(wallet, TradeIntended(intent)))
    report = world.report()
    assert (report.flat, report.entries_under_way, report.remaining) == (False, 1, [])

    # The fake engine has no guard: this is one that was let through before.
    await world.engine.buy([world.mine], size_sol=Decimal(1))
    assert world.held(world.mine) == {TOKEN}
    await world.panic.tick()
    await until(lambda: not world.held(world.mine))


async def test_with_the_database_away_it_is_in_force_and_recorded_later() -> None:
    world = await World().start()
    world.store.away = True

    report = await world.panic.execute(FLATTEN)

    assert not report.recorded
    assert world.blocked(world.mine) == "KILL_SWITCH"
    await until(lambda: world.report().flat)
    assert world.store.switches == {}
    # Reading the store again, as a process does that gets its lease back, does not lose it.
    refresh = RefreshProtections(store=world.store, protections=world.protections, clock=world.engine.clock)
    await refresh.load()
    assert world.blocked(world.mine) == "KILL_SWITCH"
    await world.panic.tick()
    assert not world.report().recorded
    world.store.away = False
    await world.panic.tick()

    assert world.report().recorded
    assert world.store.switches[USER].flatten


async def test_it_goes_on_after_a_restart_and_in_another_engine() -> None:
    before = await World().start()
    before.is_engine = False
    report = await before.panic.execute(FLATTEN)
    assert not report.here
    await before.panic.tick()
    await before.engine.settle()
    # A replica sells nothing.
    assert before.held(before.mine) == {TOKEN, OTHER}

    after = World(before.engine, before.store)
    after.mine = before.mine
    await RefreshProtections(
        store=after.store, protections=after.protections, clock=after.engine.clock
    ).load()
    await after.panic.tick()

    await until(lambda: after.report().flat)


async def test_releasing_ends_it() -> None:
    world = await World().start()
    await world.panic.execute(FLATTEN)
    await until(lambda: world.report().flat)
    world.engine.clock.advance(1)

    await world.switch.execute(replace(MINE, engaged=False))

    report = world.report()
    assert (report.engaged, report.flattens) == (False, False)
    assert world.blocked(world.mine) is None
    await world.engine.buy([world.mine], size_sol=Decimal(1))
    await world.panic.tick()
    await world.engine.settle()
    assert world.held(world.mine) == {TOKEN}
