"""Wallets in PostgreSQL: what stays and what goes when one is reset, replaced or taken away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.wallets.assign_wallet import AssignWallet
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.domain.wallets.errors import UnknownWalletAddressError, WalletInUseError
from nexgent.domain.wallets.replace_wallet import WalletReplacement
from nexgent.domain.wallets.reset_wallet import ResetWallet
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.wallets import PostgresWalletRepository
from nexgent.shared.clock import SystemClock
from nexgent.shared.events import EventBus
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, UserId, WalletAddress
from tests.fakes.wallets import FakeAdministration, FakeLoadedWallets
from tests.integration.database.story import Story, add_owners
from tests.integration.repositories.conftest import Pool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW = WalletAddress("sim_new")


class World:
    """A wallet with history in a database, and the use cases over the real ledger."""

    def __init__(self, pool: Pool, journal: PostgresJournal, projector: Projector) -> None:
        self.pool = pool
        self.journal = journal
        self.projector = projector
        self.bus = EventBus()
        self.clock = SystemClock()
        self.directory = AgentDirectory()
        self.bus.on(AgentSaved, self.directory.on_saved)
        self.ledger = Ledger(journal=journal, clock=self.clock, publish=self.bus.publish)
        self.wallets = PostgresWalletRepository(pool)
        self.story = Story()
        self.user_id = UserId(new_id())

    async def caught_up(self) -> None:
        await self.projector.project_all()

    async def start(self, *, flat: bool = True) -> World:
        async with self.pool.acquire() as connection:
            await add_owners(connection, [self.story])  # type: ignore[arg-type]  # A pooled one serves as well.
        entries = [self.story.deposit(), *self.story.buy()]
        if flat:
            entries += self.story.sell()
        await self.journal.append(entries)
        agents = await PostgresAgentRepository(self.pool).list_all()
        self.directory.load(agents)
        self.user_id = agents[0].user_id
        self.ledger.load(await self.journal.load(None), await self.journal.head_position())
        return self

    async def rows(self, table: str) -> list[str | None]:
        query = f"SELECT wallet_address FROM {table} WHERE agent_id = $1"
        return [row[0] for row in await self.pool.fetch(query, self.story.agent_id)]


@pytest.fixture
async def world(pool: Pool, database_url: str) -> AsyncIterator[World]:
    journal, projector = PostgresJournal(database_url), Projector(database_url)
    yield World(pool, journal, projector)
    await journal.close()
    await projector.close()


async def test_replacing_keeps_the_history_of_the_agent_and_moves_paper_money(world: World) -> None:
    await world.start()
    story = world.story
    held = {mint: balance.amount_raw for mint, balance in story.state.balances.items() if balance.amount_raw}
    assign = AssignWallet(
        directory=world.directory,
        wallets=world.wallets,
        replacement=WalletReplacement(ledger=world.ledger, wallets=world.wallets, projections=world),
        keys=FakeLoadedWallets(),
        environment=EnvironmentWallets(
            keys=FakeLoadedWallets(), administrator=FakeAdministration(), shared=False
        ),
        clock=world.clock,
        publish=world.bus.publish,
    )

    done = await assign.execute(story.agent_id, world.user_id, NEW, TradingMode.SIMULATION)
    await world.caught_up()

    assert not done.is_new
    assert await world.rows("agent_wallets") == [NEW]
    assert await world.rows("agent_transactions") == [None, None, None]
    assert await world.rows("agent_historical_swaps") == [None]
    (state,) = await world.journal.load(None)
    assert {mint: balance.amount_raw for mint, balance in state.balances.items()} == held
    stored = await world.pool.fetch("SELECT wallet_address, token_address, balance_raw FROM agent_balances")
    assert [(row[0], row[1], int(row[2])) for row in stored] == [(NEW, SOL_MINT, held[SOL_MINT])]
    assert await world.journal.load([story.wallet]) == []

    # The address can come back, and starts from nothing.
    back = await assign.execute(story.agent_id, world.user_id, story.wallet, TradingMode.SIMULATION)
    await world.caught_up()
    (state,) = await world.journal.load(None)
    assert state == world.ledger.head(back.wallet.address)
    assert state.balance_raw(SOL_MINT) == held[SOL_MINT]


async def test_a_reset_removes_what_the_tables_hold_and_nothing_of_the_journal(world: World) -> None:
    await world.start(flat=False)
    lines = await world.journal.head_position()
    reset = ResetWallet(
        directory=world.directory,
        ledger=world.ledger,
        wallets=world.wallets,
        projections=world,
        clock=world.clock,
    )

    result = await reset.execute(world.story.wallet, world.user_id)

    deleted = result.deleted
    assert (deleted.positions, deleted.transactions, deleted.balances) == (1, 2, 2)
    for table in ("agent_positions", "agent_transactions", "agent_balances", "agent_historical_swaps"):
        assert await world.rows(table) == []
    assert await world.rows("agent_wallets") == [world.story.wallet]
    assert await world.journal.head_position() == lines + 1
    (state,) = await world.journal.load(None)
    assert (state.balances, state.positions) == ({}, {})


async def test_rows_are_counted(world: World) -> None:
    await world.start()
    await world.caught_up()
    rows = await world.wallets.count(world.story.wallet)
    assert (rows.positions, rows.historical_swaps, rows.transactions) == (0, 1, 3)
    assert (await world.wallets.count(NEW)).transactions == 0


async def test_an_address_is_given_once(world: World) -> None:
    await world.start()
    taken = Wallet(world.story.wallet, world.story.agent_id, TradingMode.LIVE, NOW, NOW)
    with pytest.raises(WalletInUseError):
        await world.wallets.add_wallet(taken)
    second = Wallet(NEW, world.story.agent_id, TradingMode.SIMULATION, NOW, NOW)
    with pytest.raises(WalletInUseError):
        await world.wallets.add_wallet(second)
    with pytest.raises(AgentNotFoundError):
        await world.wallets.add_wallet(Wallet(NEW, AgentId(new_id()), TradingMode.LIVE, NOW, NOW))


async def test_a_replacement_that_fails_changes_nothing(world: World) -> None:
    await world.start()
    await world.caught_up()
    other = Wallet(NEW, world.story.agent_id, TradingMode.LIVE, NOW, NOW)
    await world.wallets.add_wallet(other)
    before = await world.rows("agent_transactions")

    clash = Wallet(NEW, world.story.agent_id, TradingMode.SIMULATION, NOW, NOW)
    with pytest.raises(WalletInUseError):
        await world.wallets.replace_wallet(world.story.wallet, clash)
    with pytest.raises(UnknownWalletAddressError):
        await world.wallets.replace_wallet(WalletAddress("nothing"), clash)

    assert await world.rows("agent_transactions") == before
    assert set(await world.rows("agent_wallets")) == {world.story.wallet, NEW}
    assert await world.wallets.remove_wallet(NEW)
    assert not await world.wallets.remove_wallet(NEW)
