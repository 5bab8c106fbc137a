"""Hourly snapshots: on time, late, and after a downtime."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from nexgent.domain.ledger.models import Account, Entry, Imported
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.performance.capture_snapshots import CaptureSnapshots, SnapshotReport, missed_hours
from nexgent.domain.performance.models import Snapshot, WalletDue
from nexgent.domain.performance.replay import WalletReplay
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.transactions.models import TransactionType
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress
from tests.builders import T0, TOKEN, an_agent
from tests.fakes.engine import FakeEngine
from tests.integration.database.story import Story

HOUR = timedelta(hours=1)


class FakeSnapshots:
    """Snapshots by wallet and hour; one row each, as the unique key wants it."""

    def __init__(self) -> None:
        self.rows: dict[tuple[WalletAddress, datetime], Snapshot] = {}
        self.wallets: list[WalletDue] = []
        self.refuse_after: int | None = None

    async def due(self) -> Sequence[WalletDue]:
        return [
            WalletDue(
                agent_id=due.agent_id,
                wallet_address=due.wallet_address,
                created_at=due.created_at,
                last_hour=max(
                    (hour for wallet, hour in self.rows if wallet == due.wallet_address), default=None
                ),
            )
            for due in self.wallets
        ]

    async def save(self, snapshots: Sequence[Snapshot]) -> int:
        if snapshots and self.refuse_after is not None:
            if self.refuse_after == 0:
                raise UnavailableError("away")
            self.refuse_after -= 1
        self.rows.update({(one.wallet_address, one.hour): one for one in snapshots})
        return len(snapshots)


class FakeHistory:
    """The entries of the journal in memory."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self.read: list[WalletAddress] = []
        self.broken: WalletAddress | None = None

    async def start(self, agent_id: AgentId, wallet: WalletAddress) -> WalletState:
        return WalletState(wallet, agent_id)

    async def entries(self, wallet: WalletAddress, after_seq: int) -> AsyncIterator[Entry]:
        assert after_seq == 0
        self.read.append(wallet)
        skip = 1 if wallet == self.broken else 0
        for entry in [one for one in self._entries if one.wallet_address == wallet][skip:]:
            yield entry


class FakePrices:
    def __init__(self) -> None:
        self.known: dict[TokenAddress, Decimal] = {}

    async def latest(self, tokens: Collection[TokenAddress]) -> Mapping[TokenAddress, Decimal]:
        return {token: self.known[token] for token in tokens if token in self.known}


class World:
    """An engine whose clock the test moves; agents deposit 10 SOL at noon."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.store = FakeSnapshots()
        self.history = FakeHistory(self.engine.journal.entries)
        self.prices = FakePrices()
        self.capture = CaptureSnapshots(
            wallets=self.engine.journal,
            history=self.history,
            prices=self.prices,
            store=self.store,
            clock=self.engine.clock,
        )

    async def add_wallet(self) -> WalletAddress:
        agent = await self.engine.add_agent(an_agent())
        wallet = agent.wallets[0]
        self.store.wallets.append(
            WalletDue(
                agent_id=agent.id,
                wallet_address=wallet.address,
                created_at=wallet.created_at - timedelta(minutes=1),
                last_hour=None,
            )
        )
        return wallet.address

    def at(self, hours: float) -> None:
        """Go to so many hours after noon."""
        self.engine.clock.advance((T0 + HOUR * hours - self.engine.clock.now()).total_seconds())

    async def run(self) -> SnapshotReport:
        return await self.capture.execute()

    def hours(self, wallet: WalletAddress) -> dict[float, Decimal]:
        """Return portfolio balances by hours after noon."""
        return {
            (hour - T0) / HOUR: snapshot.portfolio_balance_sol
            for (owner, hour), snapshot in sorted(self.store.rows.items(), key=lambda item: item[0][1])
            if owner == wallet
        }

    async def buy(self, wallet: WalletAddress) -> None:
        agent = next(agent for agent in self.engine.directory.all() if agent.wallet(wallet))
        (result,) = await self.engine.buy([agent], size_sol=Decimal(1))
        assert result.position is not None

    async def sell(self, wallet: WalletAddress) -> None:
        (position,) = self.engine.ledger.head(wallet).positions.values()
        await self.engine.sales.execute(
            ClosePositionRequest(wallet_address=wallet, position_id=position.id, reason=CloseReason.MANUAL)
        )


async def test_on_time_the_present_is_stored_under_the_hour() -> None:
    world = World()
    wallet = await world.add_wallet()
    await world.buy(wallet)
    world.prices.known[TOKEN] = Decimal("0.003")
    world.at(1.001)

    report = await world.run()

    # Noon itself was missed: the wallet was empty until a moment later.
    assert world.hours(wallet) == {0: Decimal(0), 1: Decimal("8.999895") + 3}
    snapshot = world.store.rows[wallet, T0 + HOUR]
    assert (snapshot.sol_balance, snapshot.positions_value_sol) == (Decimal("8.999895"), Decimal(3))
    assert snapshot.unrealized_pnl_sol == Decimal(3) - Decimal("1.000105")
    assert (report.captured, report.reconstructed, report.skipped, report.failed) == (1, 1, 0, 0)


async def test_a_second_run_changes_nothing() -> None:
    world = World()
    wallet = await world.add_wallet()
    world.at(1.001)
    await world.run()
    rows = dict(world.store.rows)
    await world.engine.deposit(world.engine.directory.all()[0].wallets[0], Decimal(5))

    report = await world.run()

    assert world.store.rows == rows
    assert (report.captured, report.reconstructed) == (0, 0)
    world.at(1.7)
    assert (await world.run()).captured == 0
    assert world.store.rows == rows
    assert wallet


async def test_after_a_downtime_exact_hours_are_folded_from_the_journal() -> None:
    world = World()
    wallet = await world.add_wallet()
    world.at(0.001)
    await world.run()
    world.at(1.5)
    await world.engine.deposit(world.engine.directory.all()[0].wallets[0], Decimal(5))
    world.at(4.02)

    report = await world.run()

    assert world.hours(wallet) == {0: 10, 1: 10, 2: 15, 3: 15, 4: 15}
    assert (report.captured, report.reconstructed) == (1, 3)


async def test_an_hour_whose_price_nobody_knows_gets_no_snapshot() -> None:
    world = World()
    wallet = await world.add_wallet()
    world.at(0.001)
    await world.run()
    world.at(0.5)
    await world.buy(wallet)
    world.at(3.5)
    await world.sell(wallet)
    world.at(6.9)

    report = await world.run()

    # At one o'clock the purchase is half an hour old; at two and three its price says nothing; then it is sold.
    known = world.hours(wallet)
    assert list(known) == [0, 1, 4, 5, 6]
    assert known[1] == Decimal("8.999895") + 1
    assert known[4] == known[6]
    assert (report.captured, report.reconstructed, report.skipped) == (0, 4, 2)


async def test_a_late_run_never_puts_the_present_under_an_hour_that_is_past() -> None:
    world = World()
    wallet = await world.add_wallet()
    world.at(1.3)
    await world.engine.deposit(world.engine.directory.all()[0].wallets[0], Decimal(5))

    await world.run()

    assert world.hours(wallet) == {0: Decimal(0), 1: Decimal(10)}


async def test_a_wallet_with_a_broken_history_does_not_stop_the_others() -> None:
    world = World()
    broken, sound = await world.add_wallet(), await world.add_wallet()
    await world.buy(broken)
    world.history.broken = broken
    world.at(2.001)

    report = await world.run()

    assert report.failed == 1
    assert list(world.hours(broken)) == [2]
    assert list(world.hours(sound)) == [0, 1, 2]


async def test_a_run_that_is_cut_off_leaves_no_gap() -> None:
    world = World()
    wallet = await world.add_wallet()
    world.at(3.001)
    world.store.refuse_after = 0
    with pytest.raises(UnavailableError):
        await world.run()
    world.store.refuse_after = 1
    with pytest.raises(UnavailableError):
        await world.run()
    world.store.refuse_after = None

    await world.run()

    assert list(world.hours(wallet)) == [0, 1, 2, 3]


def test_catching_up_has_a_limit_and_starts_with_the_wallet() -> None:
    now = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)

    def due(created: datetime, last: datetime | None) -> WalletDue:
        return WalletDue(
            agent_id=AgentId(new_id()), wallet_address=WalletAddress("w"), created_at=created, last_hour=last
        )

    noon = now.replace(minute=0)
    young = due(noon - timedelta(minutes=70), None)
    assert missed_hours(young, noon, now) == [noon - HOUR, noon]
    assert missed_hours(due(noon, None), noon, now) == [noon]
    assert missed_hours(due(noon + timedelta(minutes=1), None), noon, now) == []
    assert len(missed_hours(due(now - timedelta(days=400), None), noon, now)) == 7 * 24 + 1
    assert missed_hours(due(now - timedelta(days=400), noon), noon, now) == []
    assert missed_hours(due(now - timedelta(days=400), noon - 2 * HOUR), noon - HOUR, now) == [noon - HOUR]


def test_hours_before_a_wallet_came_along_are_nobodys_to_tell() -> None:
    story = Story()
    hours = [T0 + HOUR * number for number in range(-2, 3)]
    replay = WalletReplay(WalletState(story.wallet, story.agent_id), hours, oldest_price=HOUR)
    story.wait(30)
    record = story.transaction(TransactionType.DEPOSIT)
    replay.feed(story.add(Imported(origin="reference", transaction=record)))
    replay.feed(
        story.add(
            Imported(origin="reference"),
            (Account.WALLET, SOL_MINT, 5_000_000_000),
            (Account.ADJUSTMENT, SOL_MINT, -5_000_000_000),
        )
    )
    replay.finish()

    assert replay.skipped == hours[:3]
    assert [(one.hour, one.sol_balance) for one in replay.snapshots] == [
        (hour, Decimal(5)) for hour in hours[3:]
    ]
