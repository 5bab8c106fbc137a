"""The protections over a real engine in memory: what trades do to protections, and what people do to them."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.events import EntriesRecorded, WalletsTouched
from nexgent.domain.ledger.models import ClosedTradeRemoved, Entry, TradeIntended, WalletReset
from nexgent.domain.ledger.state import emptying
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.protections.describe_protections import DescribeProtections
from nexgent.domain.protections.events import KillSwitchChanged, ProtectionsReset
from nexgent.domain.protections.kill_switch import KillSwitchOrder, SetKillSwitch
from nexgent.domain.protections.models import (
    ProtectionControls,
    ProtectionHistory,
    ProtectionVerdict,
    WalletRecord,
)
from nexgent.domain.protections.refresh import RefreshProtections
from nexgent.domain.protections.reset_protections import ResetProtections
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.shared.errors import ForbiddenError, NotFoundError, UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.money import lamports
from nexgent.shared.types import EntryId, TokenAddress, UserId
from tests.builders import T0, TOKEN, USER, a_kill_switch, an_agent, an_intent
from tests.fakes.engine import FakeEngine
from tests.fakes.protections import FakeProtectionStore

OTHER = TokenAddress("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")


class Holding(FakeProtectionStore):
    """A store with one history; `meanwhile` happens while it is read."""

    def __init__(self, history: ProtectionHistory, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._history = history
        self._meanwhile = meanwhile

    async def history(self, *arguments: object, **options: object) -> ProtectionHistory:
        self._meanwhile()
        return self._history


class World:
    """An engine with a protections that listens, and one agent."""

    def __init__(self, **protections: object) -> None:
        self.engine = FakeEngine()
        self.protections = ProtectionState()
        self.store = FakeProtectionStore()
        config = TradingConfig()
        self.agent = an_agent(update_config(config, {"protections": protections}) if protections else config)
        bus = self.engine.bus
        bus.on(AgentSaved, self.protections.on_agent_saved)
        bus.on(EntriesRecorded, self.protections.on_entries)
        bus.on(KillSwitchChanged, self.protections.on_kill_switch)
        bus.on(ProtectionsReset, self.protections.on_reset)
        bus.on(AgentDeleted, self.protections.on_agent_deleted)

    async def start(self) -> World:
        await self.engine.add_agent(self.agent)
        return self

    def check(
        self, size_sol: Decimal = Decimal(0), token: TokenAddress | None = TOKEN, agent: Agent | None = None
    ) -> ProtectionVerdict:
        who = agent or self.agent
        state = self.engine.ledger.head(who.wallets[0].address)
        return self.protections.check(
            who, state, self.engine.clock.now(), size_lamports=lamports(size_sol), new_position_in=token
        )

    async def trade(self, sale_price: Decimal = Decimal("0.0005"), token: TokenAddress = TOKEN) -> None:
        """Buy for one SOL at 0.001 and sell at another price."""
        self.engine.swaps.price_sol = Decimal("0.001")
        (result,) = await self.engine.buy([self.agent], token, size_sol=Decimal(1))
        assert result.position is not None
        self.engine.swaps.price_sol = sale_price
        await self.engine.sales.execute(
            ClosePositionRequest(
                wallet_address=result.position.wallet_address,
                position_id=result.position.id,
                reason=CloseReason.MANUAL,
            )
        )


async def test_a_loss_counts_today_and_not_tomorrow() -> None:
    world = await World(maxDailyLossSol=0.4).start()
    assert not world.check().blocked

    await world.trade()

    assert world.check().code == "MAX_DAILY_LOSS"
    world.engine.clock.advance(12 * 3600)
    assert not world.check().blocked


async def test_losses_of_a_day_are_added_up() -> None:
    world = await World(maxDailyLossSol=0.9).start()
    await world.trade()
    assert not world.check().blocked
    await world.trade()
    assert world.check().code == "MAX_DAILY_LOSS"


async def test_a_trade_that_wins_and_loses_nothing_ends_a_streak() -> None:
    world = await World(maxLossStreak=2, lossStreakPauseMinutes=30).start()
    await world.trade()
    world.engine.swaps.protocol_bps = world.engine.swaps.network_fee_lamports = 0
    await world.trade(Decimal("0.001"))
    assert world.engine.closed_trades()[-1].profit_loss_sol == 0
    await world.trade()
    assert not world.check().blocked


async def test_percentages_refer_to_what_the_wallet_was_worth() -> None:
    # It starts with 10 SOL and loses about 0.5: more than 5 percent with fees, less than 6.
    strict = await World(maxDailyLossPercent=5, maxDrawdownPercent=6).start()
    await strict.trade()

    verdict = strict.check()

    assert verdict.code == "MAX_DAILY_LOSS"
    assert [gate.passed for gate in verdict.gates] == [False, True]


async def test_drawdown_is_measured_from_the_peak_and_lasts_over_midnight() -> None:
    world = await World(maxDrawdownPercent=4).start()
    await world.trade(Decimal("0.002"))
    assert not world.check().blocked

    await world.trade()

    world.engine.clock.advance(3 * 86_400)
    assert world.check().code == "MAX_DRAWDOWN"


async def test_a_streak_pauses_until_it_is_over_or_broken() -> None:
    world = await World(maxLossStreak=2, lossStreakPauseMinutes=30).start()
    await world.trade()
    assert not world.check().blocked
    await world.trade()
    assert world.check().code == "LOSS_STREAK"
    world.engine.clock.advance(29 * 60)
    assert world.check().blocked

    world.engine.clock.advance(60)
    assert not world.check().blocked
    await world.trade(Decimal("0.002"))
    await world.trade()
    assert not world.check().blocked


async def test_a_cooldown_concerns_the_token_that_was_left_and_no_averaging_down() -> None:
    world = await World(tokenCooldownMinutes=10).start()
    await world.trade()

    assert world.check().code == "TOKEN_COOLDOWN"
    assert not world.check(token=OTHER).blocked
    assert not world.check(token=None).blocked
    world.engine.clock.advance(600)
    assert not world.check().blocked


async def test_purchases_are_counted_for_an_hour_and_failed_ones_are_not() -> None:
    world = await World(maxTradesPerHour=2).start()
    await world.trade()
    world.engine.clock.advance(1_800)
    (poor,) = await world.engine.buy([world.agent], OTHER, size_sol=Decimal(100))
    assert poor.position is None
    assert not world.check().blocked
    await world.trade(token=OTHER)
    assert world.check().code == "MAX_TRADES_PER_HOUR"

    world.engine.clock.advance(1_801)
    assert not world.check().blocked


async def test_a_purchase_under_way_counts_before_it_is_recorded_and_only_once_after() -> None:
    world = await World(maxTradesPerHour=2, maxExposureSol=1.5).start()
    seen: list[tuple[str | None, ...]] = []
    original = world.engine.swaps.quote

    async def quote(*arguments: object, **options: object) -> object:
        gates = world.check(Decimal("0.4")).gates
        seen.append(tuple(gate.value for gate in gates))
        return await original(*arguments, **options)  # type: ignore[arg-type]

    world.engine.swaps.quote = quote  # type: ignore[method-assign, assignment]
    await world.engine.buy([world.agent], size_sol=Decimal(1))

    assert seen[0] == ("1", "1.4")
    assert world.check(Decimal("0.4")).gates[0].value == "1"
    assert world.check(Decimal("0.6")).code == "MAX_EXPOSURE"


async def test_exposure_is_what_open_positions_have_cost_and_falls_when_they_close() -> None:
    world = await World(maxExposurePercent=20).start()
    await world.engine.buy([world.agent], size_sol=Decimal("1.5"))
    assert world.check(Decimal("0.6")).code == "MAX_EXPOSURE"
    assert not world.check(Decimal("0.4")).blocked


async def test_another_wallet_and_another_agent_are_not_concerned() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    other = await world.engine.add_agent(replace(an_agent(world.agent.config), name="Other"))
    await world.trade()

    assert world.check().blocked
    assert not world.check(agent=other).blocked


async def test_a_reset_forgets_everything_but_what_is_at_stake() -> None:
    world = await World(
        maxDailyLossSol=0.1,
        maxLossStreak=1,
        tokenCooldownMinutes=60,
        maxTradesPerHour=1,
        maxDrawdownPercent=1,
    ).start()
    await world.trade()
    assert sum(not gate.passed for gate in world.check().gates) == 5
    use_case = ResetProtections(
        store=world.store,
        directory=world.engine.directory,
        clock=world.engine.clock,
        publish=world.engine.bus.publish,
    )

    with pytest.raises(NotFoundError):
        await use_case.execute(world.agent.id, UserId(new_id()))
    assert world.store.resets == {}
    at = await use_case.execute(world.agent.id, USER)

    assert not world.check().blocked
    assert world.store.resets == {world.agent.id: at}
    assert world.protections.reset_at(world.agent.id) == at


async def test_kill_switches_of_user_and_system() -> None:
    world = await World().start()
    use_case = SetKillSwitch(
        store=world.store,
        protections=world.protections,
        clock=world.engine.clock,
        publish=world.engine.bus.publish,
        admin_email="Admin@Example.com",
    )
    stranger = KillSwitchOrder(user_id=USER, email="a@b.co", engaged=True, system_wide=True)
    with pytest.raises(ForbiddenError):
        await use_case.execute(stranger)
    assert not world.check().blocked

    await use_case.execute(replace(stranger, system_wide=False))
    assert world.check().code == "KILL_SWITCH"
    await use_case.execute(replace(stranger, system_wide=False, engaged=False))
    assert not world.check().blocked
    await use_case.execute(replace(stranger, email="admin@example.com"))

    assert world.check(agent=an_agent_of_somebody(world)).code == "KILL_SWITCH"
    assert world.store.switches[None].engaged


async def test_who_flattens_goes_on_flattening_until_the_switch_is_released() -> None:
    world = await World().start()
    use_case = SetKillSwitch(
        store=world.store,
        protections=world.protections,
        clock=world.engine.clock,
        publish=world.engine.bus.publish,
        admin_email="admin@example.com",
    )
    mine = KillSwitchOrder(user_id=USER, email="admin@example.com", engaged=True)
    everybody = replace(mine, system_wide=True)

    assert not (await use_case.execute(mine)).flatten
    assert world.protections.flattening() == (False, [])
    assert (await use_case.execute(replace(mine, flatten=True))).flatten
    assert (await use_case.execute(mine)).flatten
    assert not (await use_case.execute(everybody)).flatten
    assert world.protections.flattening() == (False, [USER])
    # Who releases a switch flattens nothing, whatever else the order says.
    assert not (await use_case.execute(replace(mine, engaged=False, flatten=True))).flatten
    assert not (await use_case.execute(mine)).flatten
    assert (await use_case.execute(replace(everybody, flatten=True))).flatten
    assert world.protections.flattening() == (True, [])
    await use_case.execute(replace(everybody, engaged=False))
    assert world.protections.flattening() == (False, [])


def an_agent_of_somebody(world: World) -> Agent:
    return replace(world.agent, user_id=UserId(new_id()))


async def test_without_an_administrator_nobody_stops_the_system() -> None:
    world = await World().start()
    use_case = SetKillSwitch(
        store=world.store,
        protections=world.protections,
        clock=world.engine.clock,
        publish=world.engine.bus.publish,
        admin_email="",
    )
    with pytest.raises(ForbiddenError):
        await use_case.execute(KillSwitchOrder(user_id=USER, email="", engaged=True, system_wide=True))


async def test_decisions_of_another_process_arrive_with_the_next_refresh() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    await world.trade()
    refresh = RefreshProtections(store=world.store, protections=world.protections, clock=world.engine.clock)
    now = world.engine.clock.now()
    world.store.resets[world.agent.id] = now
    world.store.switches[USER] = a_kill_switch(changed_at=now)

    await refresh.tick()

    assert world.check().code == "KILL_SWITCH"
    older = a_kill_switch(engaged=False, changed_at=now - timedelta(seconds=1))
    world.protections.on_kill_switch(KillSwitchChanged(older))
    assert world.check().code == "KILL_SWITCH"
    world.store.switches[USER] = replace(older, changed_at=now + timedelta(seconds=1))
    await refresh.tick()
    assert not world.check().blocked
    assert world.store.asked == []


async def test_a_wallet_that_another_process_wrote_to_is_read_again() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    wallet = world.agent.wallets[0].address
    refresh = RefreshProtections(store=world.store, protections=world.protections, clock=world.engine.clock)
    seq = world.engine.ledger.head(wallet).seq
    world.store.records = [
        WalletRecord(
            wallet_address=wallet, agent_id=world.agent.id, seq=seq + 2, profit_today_sol=Decimal(-1)
        )
    ]
    world.protections.on_touched(WalletsTouched([wallet]))
    assert not world.check().blocked

    await refresh.tick()

    assert world.store.asked == [frozenset({wallet})]
    assert world.check().code == "MAX_DAILY_LOSS"
    assert world.protections.incomplete == frozenset()


async def test_what_the_tables_do_not_contain_yet_counts_when_a_wallet_is_read_again() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    wallet = world.agent.wallets[0].address
    seq = world.engine.ledger.head(wallet).seq
    await world.trade()
    world.protections = ProtectionState()
    world.protections.on_touched(WalletsTouched([wallet]))

    # The tables are as they were before the trade; the journal has it.
    history = ProtectionHistory(
        ProtectionControls(),
        [WalletRecord(wallet_address=wallet, agent_id=world.agent.id, seq=seq)],
        [entry for entry in world.engine.journal.entries if entry.seq > seq],
    )
    await RefreshProtections(
        store=Holding(history), protections=world.protections, clock=world.engine.clock
    ).tick()

    assert world.check().code == "MAX_DAILY_LOSS"
    assert world.protections.incomplete == frozenset()


async def test_a_reset_that_is_told_again_forgets_nothing_that_came_after_it() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    world.store.resets[world.agent.id] = world.engine.clock.now()
    refresh = RefreshProtections(store=world.store, protections=world.protections, clock=world.engine.clock)
    await refresh.tick()
    world.engine.clock.advance(1)
    await world.trade()
    assert world.check().code == "MAX_DAILY_LOSS"

    await refresh.tick()

    assert world.check().code == "MAX_DAILY_LOSS"


async def test_the_systems_switch_stops_agents_without_protections_too() -> None:
    world = await World().start()
    plain = await world.engine.add_agent(an_agent(user_id=UserId(new_id())))
    assert not world.check(agent=plain).gates

    world.protections.on_kill_switch(KillSwitchChanged(a_kill_switch(None)))
    assert world.check(agent=plain).code == "KILL_SWITCH"
    world.protections.on_kill_switch(
        KillSwitchChanged(a_kill_switch(None, engaged=False, changed_at=world.engine.clock.now()))
    )
    assert not world.check(agent=plain).blocked


async def test_a_wallet_that_starts_again_has_no_losses_but_has_traded_all_the_same() -> None:
    world = await World(maxDailyLossSol=0.1, maxTradesPerHour=1).start()
    await world.trade()
    wallet = world.agent.wallets[0].address
    ledger = world.engine.ledger
    left = ledger.head(wallet).balances.values()

    await ledger.commit(ledger.stage(wallet, WalletReset("again"), emptying(left)))

    assert [gate.passed for gate in world.check().gates] == [True, False]


async def test_a_record_is_read_again_when_its_history_is_edited() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    await world.trade()
    wallet = world.agent.wallets[0].address
    (trade,) = world.engine.closed_trades()
    assert world.check().code == "MAX_DAILY_LOSS"

    ledger = world.engine.ledger
    await ledger.commit(ledger.stage(wallet, ClosedTradeRemoved(trade.id)))
    seq = ledger.head(wallet).seq
    world.store.records = [WalletRecord(wallet_address=wallet, agent_id=world.agent.id, seq=seq)]
    await RefreshProtections(
        store=world.store, protections=world.protections, clock=world.engine.clock
    ).tick()

    assert world.store.asked == [frozenset({wallet})]
    assert not world.check().blocked


@pytest.mark.parametrize("same", [False, True])
async def test_what_others_write_while_records_are_read_makes_them_due_again(same: bool) -> None:
    world = await World(maxDailyLossSol=0.1).start()
    other = await world.engine.add_agent(an_agent(world.agent.config))
    await world.trade()
    wallet = world.agent.wallets[0].address
    touched = wallet if same else other.wallets[0].address
    world.protections.on_touched(WalletsTouched([other.wallets[0].address]))
    read = WalletRecord(
        wallet_address=other.wallets[0].address,
        agent_id=other.id,
        seq=world.engine.ledger.head(other.wallets[0].address).seq,
    )
    store = Holding(
        ProtectionHistory(ProtectionControls(), [read]),
        lambda: world.protections.on_touched(WalletsTouched([touched])),
    )

    await RefreshProtections(store=store, protections=world.protections, clock=world.engine.clock).tick()

    # What is known of a wallet that was not read stays known.
    assert world.check().code == "MAX_DAILY_LOSS"
    assert world.protections.incomplete == {touched}


async def test_a_read_that_fails_is_due_again() -> None:
    world = await World().start()
    wallet = world.agent.wallets[0].address
    world.protections.on_touched(WalletsTouched([wallet]))

    def away() -> None:
        raise UnavailableError("away")

    store = Holding(ProtectionHistory(ProtectionControls(), []), away)
    with pytest.raises(UnavailableError):
        await RefreshProtections(store=store, protections=world.protections, clock=world.engine.clock).tick()

    assert world.protections.incomplete == {wallet}


async def test_tokens_are_remembered_for_the_cooldown_and_not_at_all_without_one() -> None:
    plain, cooling = await World().start(), await World(tokenCooldownMinutes=10).start()
    tokens = [TokenAddress(f"{number:044d}") for number in range(8)]
    for world in (plain, cooling):
        for token in tokens:
            await world.trade(token=token)
            world.engine.clock.advance(200)

    def remembered(world: World) -> list[TokenAddress]:
        return list(world.protections._records[world.agent.wallets[0].address].closed_at)

    assert remembered(plain) == []
    assert remembered(cooling) == tokens[-3:]
    assert [cooling.check(token=token).blocked for token in tokens[-3:]] == [False, True, True]
    cooling.engine.clock.advance(600)
    assert not cooling.check().blocked
    assert remembered(cooling) == []


async def test_a_longer_cooldown_asks_the_store_what_was_forgotten() -> None:
    world = await World(tokenCooldownMinutes=10).start()
    await world.trade()
    left_at = world.engine.clock.now()
    world.engine.clock.advance(3_600)
    assert not world.check().blocked
    wallet = world.agent.wallets[0].address
    longer = replace(
        world.agent, config=update_config(world.agent.config, {"protections": {"tokenCooldownMinutes": 120}})
    )

    world.engine.bus.publish(AgentSaved(longer))

    assert world.protections.incomplete == {wallet}
    assert world.protections.cooldowns == {longer.id: timedelta(hours=2)}
    seq = world.engine.ledger.head(wallet).seq
    world.store.records = [
        WalletRecord(wallet_address=wallet, agent_id=longer.id, seq=seq, closed_at={TOKEN: left_at})
    ]
    await RefreshProtections(
        store=world.store, protections=world.protections, clock=world.engine.clock
    ).tick()
    assert world.check(agent=longer).code == "TOKEN_COOLDOWN"
    world.engine.bus.publish(AgentSaved(world.agent))
    assert world.protections.incomplete == frozenset()
    world.engine.bus.publish(AgentDeleted(world.agent.id))
    assert world.protections.cooldowns == {}


def protected(agent: Agent, **protections: object) -> Agent:
    return replace(agent, config=update_config(agent.config, {"protections": protections}))


def record_of(world: World, **values: Any) -> WalletRecord:
    wallet = world.agent.wallets[0].address
    seq = world.engine.ledger.head(wallet).seq
    return WalletRecord(wallet_address=wallet, agent_id=world.agent.id, seq=seq, **values)


async def test_who_has_protections_is_known() -> None:
    world = await World().start()
    assert world.protections.protected == frozenset()

    world.engine.bus.publish(AgentSaved(protected(world.agent, maxDailyLossSol=0.1)))
    assert world.protections.protected == {world.agent.id}

    world.engine.bus.publish(AgentSaved(world.agent))
    assert world.protections.protected == frozenset()

    world.protections.know([protected(world.agent, maxExposureSol=1)])
    assert world.protections.protected == {world.agent.id}
    world.engine.bus.publish(AgentDeleted(world.agent.id))
    assert world.protections.protected == frozenset()


async def test_an_agent_that_gets_protections_buys_nothing_before_its_results_are_known() -> None:
    world = await World().start()
    world.store.records = [record_of(world, results_known=False)]
    refresh = RefreshProtections(store=world.store, protections=world.protections, clock=world.engine.clock)
    await refresh.load()
    assert world.store.protected == [frozenset()]
    assert (world.check().blocked, world.protections.incomplete) == (False, frozenset())
    # What happens meanwhile is no substitute for what lies behind.
    await world.trade(sale_price=Decimal("0.002"))
    limited = protected(world.agent, maxDailyLossSol=0.1)

    world.engine.bus.publish(AgentSaved(limited))

    verdict = world.check(agent=limited)
    assert verdict.code == "PROTECTIONS_NOT_READ"
    assert [(gate.name, gate.passed) for gate in verdict.gates] == [("protections", False)]
    assert world.protections.incomplete == {world.agent.wallets[0].address}
    world.store.records = [record_of(world, profit_today_sol=Decimal(-1))]
    await refresh.tick()
    assert world.store.protected[1:] == [{world.agent.id}]
    assert world.check(agent=limited).code == "MAX_DAILY_LOSS"
    assert world.protections.incomplete == frozenset()


async def test_results_are_read_of_an_agent_whose_protections_nobody_has_told_of() -> None:
    world = await World().start()
    world.store.records = [record_of(world, results_known=False)]
    refresh = RefreshProtections(store=world.store, protections=world.protections, clock=world.engine.clock)
    await refresh.load()
    limited = protected(world.agent, maxDailyLossSol=0.1)

    assert world.check(agent=limited).code == "PROTECTIONS_NOT_READ"

    world.store.records = [record_of(world, profit_today_sol=Decimal("-0.05"))]
    await refresh.tick()
    assert world.store.protected[1:] == [{world.agent.id}]
    assert not world.check(agent=limited).blocked
    assert world.protections.incomplete == frozenset()


async def test_a_reset_makes_no_results_known() -> None:
    world = await World().start()
    world.protections.load(
        ProtectionHistory(ProtectionControls(), [record_of(world, results_known=False)]),
        world.engine.clock.now(),
    )
    world.engine.bus.publish(ProtectionsReset(world.agent.id, world.engine.clock.now()))
    limited = protected(world.agent, maxLossStreak=1)

    world.engine.bus.publish(AgentSaved(limited))

    assert world.check(agent=limited).code == "PROTECTIONS_NOT_READ"


@pytest.mark.parametrize("again", [False, True])
async def test_protections_that_come_while_records_are_read_make_them_due_again(again: bool) -> None:
    world = await World().start()
    limited = protected(world.agent, maxDailyLossSol=0.1)
    wallet = world.agent.wallets[0].address
    store = Holding(
        ProtectionHistory(ProtectionControls(), [record_of(world, results_known=False)]),
        lambda: world.engine.bus.publish(AgentSaved(limited)),
    )
    refresh = RefreshProtections(store=store, protections=world.protections, clock=world.engine.clock)
    if again:
        world.protections.on_touched(WalletsTouched([wallet]))
        await refresh.tick()
    else:
        await refresh.load()

    assert world.check(agent=limited).code == "PROTECTIONS_NOT_READ"
    assert world.protections.incomplete == {wallet}


async def test_a_kill_switch_says_what_it_is_while_results_are_not_known() -> None:
    world = await World().start()
    world.protections.load(
        ProtectionHistory(ProtectionControls(), [record_of(world, results_known=False)]),
        world.engine.clock.now(),
    )
    limited = protected(world.agent, maxDailyLossSol=0.1)
    world.engine.bus.publish(AgentSaved(limited))
    world.engine.bus.publish(KillSwitchChanged(a_kill_switch()))

    assert world.check(agent=limited).code == "KILL_SWITCH"


async def test_a_record_that_is_behind_is_not_taken_over() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    await world.trade()
    wallet = world.agent.wallets[0].address
    world.store.records = [WalletRecord(wallet_address=wallet, agent_id=world.agent.id, seq=1)]
    world.protections.on_touched(WalletsTouched([wallet]))

    await RefreshProtections(
        store=world.store, protections=world.protections, clock=world.engine.clock
    ).tick()

    assert world.check().blocked
    assert world.protections.incomplete == {wallet}


async def test_a_start_gives_the_same_verdict_as_having_been_there() -> None:
    """Entries that the tables do not contain yet are applied to what they contain; none counts twice."""
    world = await World(
        maxDailyLossSol=0.1, maxTradesPerHour=9, maxLossStreak=9, maxDrawdownPercent=99
    ).start()
    await world.trade()
    await world.trade(Decimal("0.0007"))
    wallet = world.agent.wallets[0].address
    gates = world.check().gates
    history = ProtectionHistory(
        ProtectionControls(),
        [WalletRecord(wallet_address=wallet, agent_id=world.agent.id)],
        world.engine.journal.entries,
    )

    world.protections.load(history, world.engine.clock.now())
    world.protections.on_entries(EntriesRecorded(world.engine.journal.entries, (), 0))

    assert world.check().gates == gates
    intents = [e for e in world.engine.journal.entries if isinstance(e.body, TradeIntended)]
    assert gates[3].value == "2"
    assert len(intents) == 4


async def test_a_deleted_agent_leaves_nothing_behind() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    await world.trade()
    world.engine.bus.publish(AgentDeleted(world.agent.id))
    assert not world.check().blocked


def test_purchases_nobody_asks_about_are_forgotten_after_the_hour() -> None:
    """An agent without limits is never checked; what it has bought does not pile up in memory."""
    protections, agent = ProtectionState(), an_agent()
    wallet, bought = agent.wallets[0].address, list[weakref.ref[object]]()
    for number in range(1, 181):
        intent = an_intent(agent_id=agent.id, wallet_address=wallet)
        bought.append(weakref.ref(intent.id))
        at = T0 + timedelta(minutes=number)
        entry = Entry(
            id=EntryId(new_id()),
            wallet_address=wallet,
            agent_id=agent.id,
            seq=number,
            at=at,
            body=TradeIntended(intent),
        )
        protections.on_entries(EntriesRecorded([entry], (), number))
    del intent, entry
    gc.collect()

    kept = [reference() for reference in bought if reference() is not None]

    assert 0 < len(kept) <= 61
    assert kept[-1] is bought[-1]()


async def test_an_owner_sees_how_the_agent_stands() -> None:
    world = await World(maxDailyLossSol=0.1).start()
    await world.trade()
    describe = DescribeProtections(
        directory=world.engine.directory,
        ledger=world.engine.ledger,
        protections=world.protections,
        clock=world.engine.clock,
    )

    report = await describe.execute(world.agent.id, USER)

    assert [(wallet.address, verdict.code) for wallet, verdict in report.wallets] == [
        (world.agent.wallets[0].address, "MAX_DAILY_LOSS")
    ]
    assert report.config.max_daily_loss_sol == Decimal("0.1")
    with pytest.raises(NotFoundError):
        await describe.execute(world.agent.id, UserId(new_id()))


async def test_a_check_costs_microseconds() -> None:
    """The budget is 10 µs an agent; the bound here leaves room for a slow machine."""
    world = await World(
        maxDailyLossSol=5, maxDailyLossPercent=50, maxDrawdownPercent=50, maxLossStreak=5, tokenCooldownMinutes=5,
        maxTradesPerHour=100, maxExposureSol=100, maxExposurePercent=100,
    ).start()  # fmt: skip
    plain = await world.engine.add_agent(an_agent())
    for number in range(4):
        await world.engine.buy([world.agent], TokenAddress(f"{TOKEN[:-1]}{number}"), size_sol=Decimal(1))

    def cost_us(agent: Agent) -> float:
        state, now = world.engine.ledger.head(agent.wallets[0].address), world.engine.clock.now()
        best = float("inf")
        for _ in range(5):
            started = time.thread_time()
            for _ in range(500):
                world.protections.check(agent, state, now, size_lamports=10**9, new_position_in=OTHER)
            best = min(best, (time.thread_time() - started) / 500)
        return best * 1e6

    unprotected, protected = cost_us(plain), cost_us(world.agent)
    print(f"unprotected {unprotected:.1f} µs, eight protections {protected:.1f} µs")
    assert unprotected < 75
    assert protected < 375
