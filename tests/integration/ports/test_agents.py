"""Agents, their wallets, and what is known of their trades."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from nexgent.api.v1.balances.schemas import written
from nexgent.domain.agents.config import DEFAULT_CONFIG, to_json_dict, update_config
from nexgent.domain.agents.config_history import MOST_VERSIONS
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.bookkeeping.ports import OwnedBalance, balance_id
from nexgent.domain.ledger.models import (
    Account,
    BalanceRemoved,
    ClosedTradeRecorded,
    Entry,
    TransactionEdited,
    TransactionRemoved,
    WalletReset,
)
from nexgent.domain.ledger.state import Balance
from nexgent.domain.performance.summary import ClosedTradeTotals
from nexgent.domain.transactions.models import ClosedTradeRecord, TransactionType
from nexgent.domain.wallets.errors import UnknownWalletAddressError, WalletInUseError
from nexgent.shared.errors import ConflictError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, ClosedTradeId, TokenAddress, TransactionId, WalletAddress
from tests.builders import T0, TOKEN, a_closed_trade_row, a_snapshot, an_agent
from tests.integration.database.story import DECIMALS
from tests.integration.ports.conftest import Stores

HOUR = timedelta(hours=1)
OTHER_CONFIG = update_config(DEFAULT_CONFIG, {"stopLoss": {"enabled": False}})


async def test_an_agent_is_kept_with_its_wallets(stores: Stores) -> None:
    agents, agent = stores.agents, await stores.agent()
    younger = replace(an_agent(user_id=agent.user_id), created_at=T0 + HOUR, config=OTHER_CONFIG)
    await agents.add(younger)

    assert await agents.get(agent.id) == agent
    # Its configuration is nobody's yet: the defaults apply.
    assert list(await agents.list_all()) == [agent, replace(younger, config=DEFAULT_CONFIG)]
    with pytest.raises(ConflictError):
        await agents.add(replace(an_agent(user_id=agent.user_id), wallets=agent.wallets))
    assert len(await agents.list_all()) == 2


async def test_what_is_saved_of_an_agent(stores: Stores) -> None:
    agents, agent = stores.agents, await stores.agent()
    changed = replace(
        agent,
        name="New name",
        trading_mode=TradingMode.LIVE,
        automated_trading_simulation=False,
        updated_at=T0 + HOUR,
        config=OTHER_CONFIG,
    )

    await agents.save(replace(changed, wallets=()))
    assert await agents.get(agent.id) == replace(changed, config=DEFAULT_CONFIG)
    await agents.save(changed, store_config=True)
    assert await agents.get(agent.id) == changed
    await agents.save(replace(changed, config=DEFAULT_CONFIG))
    assert await agents.get(agent.id) == changed
    await agents.save(changed, store_config=False)
    assert await agents.get(agent.id) == replace(changed, config=DEFAULT_CONFIG)
    with pytest.raises(AgentNotFoundError):
        await agents.save(replace(agent, id=AgentId(new_id())))


async def test_every_configuration_that_was_another_one_is_kept(stores: Stores) -> None:
    agents, history, agent = stores.agents, stores.config_history, await stores.agent()
    other = replace(agent, config=OTHER_CONFIG, updated_at=T0 + HOUR)
    await agents.save(other, store_config=True, saved_by="a@b.co")
    await agents.save(replace(other, updated_at=T0 + 2 * HOUR), store_config=True, saved_by="again@b.co")
    await agents.save(replace(other, name="Renamed", updated_at=T0 + 3 * HOUR), saved_by="nobody@b.co")
    back = replace(agent, updated_at=T0 + 4 * HOUR)
    await agents.save(back, store_config=False, saved_by="b@b.co")

    kept = await history.config_versions(agent.id, limit=9)

    assert [(one.saved_at, one.saved_by) for one in kept] == [
        (T0 + 4 * HOUR, "b@b.co"),
        (T0 + HOUR, "a@b.co"),
        (agent.created_at, ""),
    ]
    defaults, changed = to_json_dict(DEFAULT_CONFIG), to_json_dict(OTHER_CONFIG)
    assert [one.config for one in kept] == [defaults, changed, defaults]
    assert list(await history.config_versions(agent.id, limit=1, before=kept[0].id)) == [kept[1]]
    assert list(await history.config_versions(agent.id, limit=1, offset=2)) == [kept[2]]
    assert list(await history.config_versions((await stores.agent()).id, limit=9)) != kept


async def test_the_oldest_configurations_are_dropped(stores: Stores) -> None:
    agents, agent = stores.agents, await stores.agent()
    for number in range(MOST_VERSIONS + 2):
        config = OTHER_CONFIG if number % 2 else DEFAULT_CONFIG
        saved = replace(agent, config=config, updated_at=T0 + number * HOUR)
        await agents.save(saved, store_config=True, saved_by=str(number))

    kept = await stores.config_history.config_versions(agent.id, limit=1000)

    assert len(kept) == MOST_VERSIONS
    assert kept[0].saved_by == str(MOST_VERSIONS + 1)


async def test_a_deleted_agent_has_no_wallets(stores: Stores) -> None:
    agents, agent = stores.agents, await stores.agent()

    await agents.delete(agent.id)
    await agents.delete(AgentId(new_id()))

    assert await agents.get(agent.id) is None
    assert list(await agents.list_all()) == []
    (gone,) = await agents.list_deleted()
    assert (gone.id, gone.wallets) == (agent.id, ())


async def test_wallets_are_given_replaced_and_taken(stores: Stores) -> None:
    wallets, agent = stores.wallets, await stores.agent()
    live = Wallet(WalletAddress("live-1"), agent.id, TradingMode.LIVE, T0, T0)
    other = replace(live, address=WalletAddress("live-2"))
    await wallets.add_wallet(live)
    with pytest.raises(WalletInUseError):
        await wallets.add_wallet(live)
    with pytest.raises(AgentNotFoundError):
        await wallets.add_wallet(replace(other, agent_id=AgentId(new_id())))

    with pytest.raises(UnknownWalletAddressError):
        await wallets.replace_wallet(other.address, live)
    with pytest.raises(WalletInUseError):
        await wallets.replace_wallet(live.address, replace(live, address=agent.wallets[0].address))
    await wallets.replace_wallet(live.address, other)

    assert not await wallets.remove_wallet(live.address)
    assert await wallets.remove_wallet(other.address)
    assert not await wallets.remove_wallet(other.address)


async def test_closed_trades_are_summed_up(stores: Stores) -> None:
    agent, other = await stores.agent(), await stores.agent()
    for profit, change, age in (("0.1", "10", 0), ("-0.2", "-20", 1), ("0.5", "50", 30), ("0", "0", 40)):
        figures = {"profit_loss_sol": Decimal(profit), "change_percent": Decimal(change)}
        await stores.sold(a_closed_trade_row(agent, T0 - age * HOUR, **figures))
    await stores.sold(a_closed_trade_row(other, profit_loss_sol=Decimal(99)))
    wallet = agent.wallets[0].address

    everything = await stores.figures.closed_totals(agent.id, None, None)

    assert everything == ClosedTradeTotals(4, 2, Decimal("0.4"), Decimal(40))
    assert await stores.figures.closed_totals(agent.id, wallet, None) == everything
    recent = await stores.figures.closed_totals(agent.id, None, T0 - HOUR)
    assert recent == ClosedTradeTotals(2, 1, Decimal("-0.1"), Decimal(-10))
    elsewhere = await stores.figures.closed_totals(agent.id, other.wallets[0].address, None)
    assert elsewhere == ClosedTradeTotals()


async def test_an_hour_has_one_snapshot_and_days_begin_at_midnight(stores: Stores) -> None:
    agent = await stores.agent()
    wallet = agent.wallets[0].address
    midnight = datetime(2026, 1, 2, tzinfo=UTC)
    hours = [a_snapshot(agent.id, wallet, midnight + number * HOUR) for number in (-2, -1)]
    assert await stores.snapshots.save([]) == 0
    assert await stores.snapshots.save(list(reversed(hours))) == 2
    assert list(await stores.figures.daily_snapshots(agent.id, wallet)) == hours

    again = replace(hours[1], portfolio_balance_sol=Decimal(13))
    first, second = (a_snapshot(agent.id, wallet, midnight + number * HOUR) for number in (0, 24))
    await stores.snapshots.save([again, first, second])

    assert list(await stores.figures.snapshots_since(agent.id, wallet, midnight - HOUR)) == [
        again,
        first,
        second,
    ]
    assert list(await stores.figures.daily_snapshots(agent.id, wallet)) == [first, second]
    assert list(await stores.figures.daily_snapshots(agent.id, WalletAddress("another"))) == []


async def test_what_was_entered_by_hand_is_found(stores: Stores) -> None:
    story, other = await stores.story(), await stores.story()
    deposit = story.deposit()
    record = story.transaction(TransactionType.DEPOSIT)
    made = story.add(TransactionEdited(record))
    elsewhere = story.deposit(5)
    removed = story.add(TransactionRemoved(record.id))
    closed = ClosedTradeRecord(
        id=ClosedTradeId(new_id()),
        agent_id=story.agent_id,
        wallet_address=story.wallet,
        token_address=TOKEN,
        token_symbol="EXM",
        amount=Decimal(1),
        purchase_price=Decimal(1),
        sale_price=Decimal(2),
        change_percent=Decimal(100),
        profit_loss_usd=Decimal(150),
        profit_loss_sol=Decimal(1),
        purchase_time=T0,
        sale_time=T0 + HOUR,
    )
    by_hand = story.add(ClosedTradeRecorded(closed))
    reset = story.add(WalletReset("reset"))
    await stores.journal.append([deposit, made, elsewhere, removed, by_hand, reset])

    found = await stores.hand_entries.of_transaction(story.wallet, story.agent_id, record.id)

    assert (found.seq, list(found.entries)) == (6, [made, removed, reset])
    unknown = await stores.hand_entries.of_transaction(story.wallet, story.agent_id, TransactionId(new_id()))
    assert (unknown.seq, list(unknown.entries)) == (6, [reset])
    nothing = await stores.hand_entries.of_transaction(other.wallet, other.agent_id, record.id)
    assert (nothing.seq, list(nothing.entries)) == (0, [])
    assert (
        list((await stores.hand_entries.of_transaction(story.wallet, other.agent_id, record.id)).entries)
        == []
    )
    assert await stores.hand_entries.is_recorded_by_hand(story.wallet, closed.id)
    assert not await stores.hand_entries.is_recorded_by_hand(other.wallet, closed.id)


async def test_empty_balances_are_listed_and_found_whatever_the_ledger_has_forgotten(stores: Stores) -> None:
    story, other = await stores.story(), await stores.story()
    entries: list[Entry] = [story.deposit()]
    for name in ("A", "B", "C"):
        entries += story.buy(token=TokenAddress(name * 44))
        entries += story.sell()
        story.wait(minutes=2)
    struck = story.add(
        BalanceRemoved(TokenAddress("C" * 44), "x"),
        (Account.WALLET, TokenAddress("C" * 44), 0),
        (Account.ADJUSTMENT, TokenAddress("C" * 44), 0),
    )
    sold = entries[4]
    await stores.journal.append([*entries, struck, other.deposit(), *other.buy()])
    await stores.projected()

    found = await stores.empty_balances.of_wallet(story.wallet)

    assert [listed.mint for listed in found] == ["B" * 44, "A" * 44]
    balance = Balance(TokenAddress("A" * 44), "TKN", DECIMALS, 0, sold.at)
    first = OwnedBalance(story.agent_id, story.wallet, balance)
    assert found[-1] == (sold.at, balance.mint, written(first, None))
    assert await stores.empty_balances.find(first.id) == first
    assert await stores.empty_balances.find(balance_id(story.wallet, SOL_MINT)) is None
    assert not await stores.empty_balances.of_wallet(other.wallet)
    # What is read back is what was folded: neither has them any more.
    (stored,) = await stores.journal.load([story.wallet])
    assert stored == story.state
    assert set(stored.balances) == {SOL_MINT}
