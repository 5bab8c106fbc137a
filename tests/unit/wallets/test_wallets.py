"""Wallet rules over a real ledger in memory: assign, reset, unassign, deposits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from decimal import Decimal

import pytest

from nexgent.domain.agents.delete_agent import DeleteAgent
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.domain.ledger.models import Account, Recorded
from nexgent.domain.ledger.share import EngineShare
from nexgent.domain.positions.events import PositionClosed
from nexgent.domain.transactions.models import TransactionType
from nexgent.domain.wallets.check_deposits import CheckDeposits
from nexgent.domain.wallets.encrypted.models import WalletSource
from nexgent.domain.wallets.errors import (
    OpenPositionsError,
    ResetFailedError,
    UnknownWalletAddressError,
    WalletBusyError,
    WalletInUseError,
)
from nexgent.domain.wallets.ports import WalletRows
from nexgent.shared.errors import ForbiddenError, InvalidInputError, UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT, lamports, sol
from nexgent.shared.shards import ALL_SHARDS
from nexgent.shared.types import AgentId, SignalId, UserId, WalletAddress
from tests.builders import TOKEN, USER
from tests.fakes.api import FakeAgents, FakeProjections
from tests.fakes.market import FakeSolPrice
from tests.fakes.wallets import LIVE, LIVE_2
from tests.fakes.wallets import WalletWorld as World
from tests.patience import until

# --- List ---


async def test_wallets_and_who_has_them() -> None:
    world = World()
    mine = await world.an_agent(live=LIVE)
    await world.an_agent(live=LIVE_2, user_id=UserId(new_id()))
    world.keys.loaded = [LIVE_2, LIVE, WalletAddress("free")]

    wallets = await world.listing.execute(mine.id, USER)

    assert [(one.wallet.address, one.can_trade) for one in wallets.own] == [
        (LIVE, True),
        (mine.wallets[0].address, True),
    ]
    assert wallets.loaded == ((LIVE_2, True), (LIVE, True), (WalletAddress("free"), False))
    world.keys.loaded = []
    assert (await world.listing.execute(mine.id, USER)).own[0].can_trade is False
    with pytest.raises(AgentNotFoundError):
        await world.listing.execute(mine.id, UserId(new_id()))


# --- Assign ---


async def test_a_live_wallet_is_given_once() -> None:
    world = World()
    mine, other = await world.an_agent(), await world.an_agent(user_id=UserId(new_id()))

    done = await world.assign.execute(mine.id, USER, LIVE, TradingMode.LIVE)

    assert done.is_new
    assert world.now_of(mine).wallet_for(TradingMode.LIVE) == done.wallet
    assert (await world.engine.ledger.fresh(LIVE)).seq == 0
    again = await world.assign.execute(mine.id, USER, LIVE, TradingMode.LIVE)
    assert (again.wallet, again.is_new) == (done.wallet, False)
    with pytest.raises(WalletInUseError):
        await world.assign.execute(other.id, USER, LIVE, TradingMode.LIVE)
    assert world.now_of(other).wallets == other.wallets


async def test_a_wallet_of_the_environment_is_the_administrators_to_give_and_to_take_back() -> None:
    world = World()
    other = await world.an_agent(user_id=UserId(new_id()))

    with pytest.raises(InvalidInputError, match="no key of yours is loaded"):
        await world.assign.execute(other.id, other.user_id, LIVE, TradingMode.LIVE)
    assert (await world.listing.execute(other.id, other.user_id)).loaded == ()
    with pytest.raises(AgentNotFoundError):
        await world.assign.execute(other.id, USER, WalletAddress("sim_theirs"), TradingMode.SIMULATION)

    done = await world.assign.execute(other.id, USER, LIVE, TradingMode.LIVE)

    assert done.wallet.agent_id == other.id
    assert world.now_of(other).wallet_for(TradingMode.LIVE) == done.wallet
    with pytest.raises(UnknownWalletAddressError):
        await world.unassign.execute(LIVE, UserId(new_id()))
    await world.unassign.execute(LIVE, USER)
    assert world.now_of(other).wallet_for(TradingMode.LIVE) is None


async def test_with_nobody_to_own_them_wallets_of_the_environment_cannot_be_taken() -> None:
    world = World()
    agent = await world.an_agent()
    world.administration.is_user = None

    with pytest.raises(InvalidInputError, match="ADMIN_EMAIL"):
        await world.assign.execute(agent.id, USER, LIVE, TradingMode.LIVE)


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        ("sim_abc", TradingMode.LIVE),
        ("4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T", TradingMode.LIVE),
        (LIVE, TradingMode.SIMULATION),
        ("sim_with blank", TradingMode.SIMULATION),
        ("s" * 45, TradingMode.SIMULATION),
    ],
)
async def test_an_address_has_to_fit_its_type(address: str, mode: TradingMode) -> None:
    world = World()
    agent = await world.an_agent()
    with pytest.raises(InvalidInputError):
        await world.assign.execute(agent.id, USER, WalletAddress(address), mode)
    assert world.now_of(agent) == agent


async def test_a_flat_paper_wallet_is_replaced_and_its_money_moves() -> None:
    world = World()
    agent = await world.an_agent()
    old, new = agent.wallets[0].address, WalletAddress("sim_new")

    done = await world.assign.execute(agent.id, USER, new, TradingMode.SIMULATION)

    assert not done.is_new
    assert [wallet.address for wallet in world.now_of(agent).wallets] == [new]
    ledger, journal = world.engine.ledger, world.engine.journal
    assert sol(ledger.head(new).balance_raw(SOL_MINT)) == 10
    assert not ledger.knows(old)
    of_old = [entry for entry in journal.entries if entry.wallet_address == old]
    assert sum(p.amount_raw for e in of_old for p in e.postings if p.account is Account.WALLET) == 0
    assert journal.replay(new) == ledger.head(new)


async def test_a_live_wallet_is_replaced_without_its_money() -> None:
    world = World()
    agent = await world.an_agent(live=LIVE)

    await world.assign.execute(agent.id, USER, LIVE_2, TradingMode.LIVE)

    assert world.engine.ledger.head(world.now_of(agent).wallets[0].address).seq == 1
    assert (await world.engine.ledger.fresh(LIVE_2)).balances == {}


async def test_a_wallet_with_positions_or_trades_is_not_replaced() -> None:
    world = World()
    agent = await world.an_agent()
    await world.engine.buy([agent], size_sol=Decimal(1))
    entries = len(world.engine.journal.entries)
    with pytest.raises(OpenPositionsError):
        await world.assign.execute(agent.id, USER, WalletAddress("sim_new"), TradingMode.SIMULATION)

    busy = await world.an_agent()
    await world.hang(busy)
    with pytest.raises(WalletBusyError):
        await world.assign.execute(busy.id, USER, WalletAddress("sim_new"), TradingMode.SIMULATION)

    assert world.now_of(agent) == agent
    own = [e for e in world.engine.journal.entries if e.agent_id == agent.id]
    assert len(own) == entries


async def test_only_ones_own_agent_gets_a_wallet() -> None:
    world = World()
    agent = await world.an_agent(user_id=UserId(new_id()))
    with pytest.raises(AgentNotFoundError):
        await world.assign.execute(agent.id, USER, WalletAddress("sim_new"), TradingMode.SIMULATION)


# --- Reset, unassign ---


async def test_a_reset_brings_everything_to_zero_and_says_so() -> None:
    world = World()
    agent = await world.an_agent()
    address = agent.wallets[0].address
    (bought,) = await world.engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None

    result = await world.reset.execute(address, USER)

    state = world.engine.ledger.head(address)
    assert (dict(state.balances), dict(state.positions)) == ({}, {})
    assert world.engine.journal.replay(address) == state
    assert result.deleted == WalletRows(
        positions=1, historical_swaps=3, balances=2, transactions=7, balance_snapshots=2
    )
    closed = [event for event in world.engine.events if isinstance(event, PositionClosed)]
    assert closed == [PositionClosed(bought.position.id, agent.id, address, TOKEN, None, 2)]
    assert len(world.engine.book) == 0
    assert world.now_of(agent).wallets == agent.wallets


async def test_a_trade_under_way_forbids_a_reset() -> None:
    world = World()
    agent = await world.an_agent()
    await world.hang(agent)
    with pytest.raises(ResetFailedError):
        await world.reset.execute(agent.wallets[0].address, USER)
    assert len(world.engine.ledger.head(agent.wallets[0].address).positions) == 1


async def test_resetting_and_replacing_at_any_instant_of_a_purchase_leave_no_ghost() -> None:
    for steps in range(0, 60, 3):
        for replacing in (False, True):
            world = World()
            agent = await world.an_agent()
            address = agent.wallets[0].address
            buying = asyncio.ensure_future(world.engine.buy([agent]))
            for _ in range(steps):
                await asyncio.sleep(0)

            if replacing:
                with suppress(OpenPositionsError):
                    await world.assign.execute(agent.id, USER, WalletAddress("sim_b"), TradingMode.SIMULATION)
            else:
                await world.reset.execute(address, USER)
            await buying

            in_books = [key for state in world.engine.ledger.states() for key in state.positions]
            assert [held.position.id for held in world.engine.book.all()] == in_books
            assert not any(state.intents for state in world.engine.ledger.states())


async def test_a_shard_that_moves_while_trades_are_waited_for_takes_the_reset_with_it() -> None:
    share = EngineShare()

    def require_engine(agent_id: AgentId | None) -> None:
        if not share.has(agent_id):
            raise EngineElsewhereError(agent_id)

    world = World(require_engine=require_engine)
    agent = await world.an_agent(live=LIVE)
    engine = world.engine
    written = len(engine.journal.entries)
    paper = agent.wallets[0].address

    async def while_it_moves(step: Awaitable[object], wallet: WalletAddress) -> None:
        share.take_over(ALL_SHARDS, SignalId(0))
        with engine.ledger.lanes.enter([wallet]):
            asking = asyncio.ensure_future(step)
            await until(lambda: wallet in engine.ledger.lanes.closed(), "the trade under way is waited for")
            share.give_up(ALL_SHARDS)
        with pytest.raises(EngineElsewhereError):
            await asking

    await while_it_moves(world.reset.execute(paper, USER), paper)
    await while_it_moves(world.unassign.execute(LIVE, USER), LIVE)
    new = world.assign.execute(agent.id, USER, WalletAddress("sim_b"), TradingMode.SIMULATION)
    await while_it_moves(new, paper)
    deleting = DeleteAgent(
        agents=FakeAgents(),
        directory=engine.directory,
        ledger=engine.ledger,
        projections=FakeProjections(),
        publish=engine.bus.publish,
        require_engine=require_engine,
    )
    await while_it_moves(deleting.execute(agent.id, USER), paper)
    assert (len(engine.journal.entries), world.now_of(agent)) == (written, agent), "nothing has begun"
    assert not engine.ledger.lanes.closed()

    for asked in (world.reset.execute(paper, USER), world.unassign.execute(LIVE, USER)):
        with pytest.raises(EngineElsewhereError):
            await asked


async def test_wallets_of_others_look_missing() -> None:
    world = World()
    world.administration.is_user = None
    agent = await world.an_agent(live=LIVE, user_id=UserId(new_id()))
    for use_case in (world.reset, world.unassign):
        for address in (LIVE, WalletAddress("nothing")):
            with pytest.raises(UnknownWalletAddressError):
                await use_case.execute(address, USER)
    assert world.now_of(agent) == agent


async def test_unassigning_resets_and_forgets_a_live_wallet() -> None:
    world = World()
    agent = await world.an_agent(live=LIVE)
    lanes, remove = world.engine.ledger.lanes, world.wallets.remove_wallet
    alone: list[bool] = []

    async def removing(address: WalletAddress) -> bool:
        alone.append(LIVE in lanes.closed() and not world.engine.ledger.head(LIVE).balance_raw(SOL_MINT))
        return await remove(address)

    world.wallets.remove_wallet = removing  # type: ignore[method-assign]
    result = await world.unassign.execute(LIVE, USER)

    assert alone == [True], "nothing can begin between the reset and the end"
    assert not lanes.closed()
    assert result.deleted.balances == 1
    assert world.now_of(agent).wallets == agent.wallets[:1]
    assert world.wallets.removed == [LIVE]
    assert not world.engine.ledger.knows(LIVE)
    assert isinstance(world.engine.events[-1], AgentSaved)
    with pytest.raises(InvalidInputError):
        await world.unassign.execute(agent.wallets[0].address, USER)


# --- Deposits ---


async def test_a_deposit_is_booked_with_its_value() -> None:
    world = World()
    agent = await world.an_agent(live=LIVE)
    world.chain.balances[LIVE] = lamports(Decimal("12.5"))
    world.engine.clock.advance(60)

    check = await world.deposits.execute(LIVE, agent.id, USER)

    assert (sol(check.previous_lamports), sol(check.on_chain_lamports)) == (Decimal(10), Decimal("12.5"))
    assert sol(world.engine.ledger.head(LIVE).balance_raw(SOL_MINT)) == Decimal("12.5")
    booked = world.engine.journal.entries[-1].body
    assert isinstance(booked, Recorded)
    record = booked.transaction
    assert (record.id, record.type) == (check.transaction_id, TransactionType.DEPOSIT)
    assert (record.input_amount, record.value_usd, record.input_price) == (
        Decimal("2.5"),
        Decimal(375),
        Decimal(150),
    )


async def test_concurrent_checks_book_a_deposit_once() -> None:
    world = World()
    agent = await world.an_agent(live=LIVE)
    world.chain.balances[LIVE] = lamports(Decimal(11))
    world.engine.clock.advance(60)

    checks = await asyncio.gather(*(world.deposits.execute(LIVE, agent.id, USER) for _ in range(8)))

    assert sum(check.transaction_id is not None for check in checks) == 1
    assert sol(world.engine.ledger.head(LIVE).balance_raw(SOL_MINT)) == 11
    assert world.engine.journal.replay(LIVE) == world.engine.ledger.head(LIVE)


@pytest.mark.parametrize(
    ("on_chain", "says"), [("10", "No new"), ("10.00001", "No new"), ("9.5", "0.5 SOL less")]
)
async def test_what_is_no_deposit_is_only_reported(on_chain: str, says: str) -> None:
    world = World()
    agent = await world.an_agent(live=LIVE)
    world.chain.balances[LIVE] = lamports(Decimal(on_chain))
    world.engine.clock.advance(60)

    check = await world.deposits.execute(LIVE, agent.id, USER)

    assert check.transaction_id is None
    assert says in check.message
    assert world.engine.ledger.head(LIVE).seq == 1


async def test_a_balance_says_nothing_right_after_a_trade() -> None:
    world = World()
    agent = await world.an_agent(live=LIVE)
    world.chain.balances[LIVE] = lamports(Decimal(11))
    world.engine.clock.advance(19)
    with pytest.raises(WalletBusyError):
        await world.deposits.execute(LIVE, agent.id, USER)
    world.engine.clock.advance(2)
    assert (await world.deposits.execute(LIVE, agent.id, USER)).transaction_id is not None


async def test_a_wallet_that_changes_while_the_chain_is_asked_is_asked_again() -> None:
    """The deposit that somebody books meanwhile is not booked again."""
    world = World()
    agent = await world.an_agent(live=LIVE)
    world.engine.clock.advance(60)
    original = world.chain.balance_lamports

    async def slow(wallet: WalletAddress) -> int:
        balance = await original(wallet)
        if world.chain.asked == 1:
            await world.engine.deposit(agent.wallets[1], Decimal(1))
        return balance

    world.chain.balances[LIVE] = lamports(Decimal(11))
    world.chain.balance_lamports = slow  # type: ignore[method-assign]

    check = await world.deposits.execute(LIVE, agent.id, USER)

    assert (check.transaction_id, world.chain.asked) == (None, 2)
    assert sol(world.engine.ledger.head(LIVE).balance_raw(SOL_MINT)) == 11


async def test_who_may_check_what() -> None:
    world = World()
    agent = await world.an_agent(live=LIVE)
    other = await world.an_agent(live=LIVE_2, user_id=UserId(new_id()))
    with pytest.raises(ForbiddenError):
        await world.deposits.execute(LIVE_2, other.id, USER)
    for address, agent_id in ((LIVE_2, agent.id), (LIVE, other.id), (WalletAddress("nothing"), agent.id)):
        with pytest.raises(UnknownWalletAddressError):
            await world.deposits.execute(address, agent_id, USER)
    with pytest.raises(InvalidInputError):
        await world.deposits.execute(agent.wallets[0].address, agent.id, USER)
    assert world.chain.asked == 0


async def test_without_a_price_or_a_node_nothing_is_booked() -> None:
    world = World()
    agent = await world.an_agent(live=LIVE)
    world.chain.balances[LIVE] = lamports(Decimal(11))
    world.engine.clock.advance(60)
    deposits = CheckDeposits(
        directory=world.engine.directory,
        ledger=world.engine.ledger,
        chain=world.chain,
        sol_price=FakeSolPrice(None),
        clock=world.engine.clock,
    )
    with pytest.raises(UnavailableError):
        await deposits.execute(LIVE, agent.id, USER)
    world.chain.failure = UnavailableError("no node")
    with pytest.raises(UnavailableError):
        await world.deposits.execute(LIVE, agent.id, USER)
    assert world.engine.ledger.head(LIVE).seq == 1


# --- Encrypted wallets ---


async def test_an_own_encrypted_wallet_can_be_assigned_and_nobody_elses() -> None:
    world = World()
    stored = WalletAddress("4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T")
    mine, other = await world.an_agent(), await world.an_agent(user_id=UserId(new_id()))
    world.keys.stored[stored] = USER

    with pytest.raises(InvalidInputError, match="no key of yours is loaded"):
        await world.assign.execute(other.id, other.user_id, stored, TradingMode.LIVE)
    with pytest.raises(InvalidInputError, match="cannot be assigned as simulation"):
        await world.assign.execute(other.id, other.user_id, stored, TradingMode.SIMULATION)
    done = await world.assign.execute(mine.id, USER, stored, TradingMode.LIVE)

    assert done.wallet.address == stored
    (own,) = [one for one in (await world.listing.execute(mine.id, USER)).own if one.wallet.address == stored]
    assert (own.source, own.can_trade) == (WalletSource.ENCRYPTED, False)
