"""A live wallet held against the chain: what is certain is booked, once; what is not is not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexgent.domain.ledger.models import (
    Account,
    Recorded,
    Submission,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeSettled,
    TradeSubmitted,
)
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.reconciliation.compare import BLOCK_CLOCK_MARGIN, SETTLED_AT_LEAST
from nexgent.domain.reconciliation.entries import Prices, sol_line
from nexgent.domain.reconciliation.errors import (
    InconsistentNodeError,
    NoOrphanError,
    NoPriceError,
    PositionExistsError,
    WalletMovingError,
)
from nexgent.domain.reconciliation.models import FindingKind
from nexgent.domain.trading.models import Fees, Fill
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import IntentId, TokenAddress
from tests.builders import T0, TOKEN, USER
from tests.fakes.reconciliation import WALLET, ReconciliationWorld

SOL = 10**9
OTHER = TokenAddress("9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM")


@pytest.fixture
async def world() -> ReconciliationWorld:
    world = ReconciliationWorld()
    await world.agent()
    return world


async def held(world: ReconciliationWorld) -> int:
    """Buy for one SOL; return how many tokens the position holds, on the chain as well."""
    agent = world.engine.directory.all()[0]
    (result,) = await world.engine.buy([agent], size_sol=Decimal(1))
    assert result.position is not None, result.reason
    await world.agree()
    return result.position.quantity_raw


def recorded(world: ReconciliationWorld) -> list[TransactionRecord]:
    """Return the records of transactions, without the first deposit."""
    bodies = [entry.body for entry in world.engine.journal.entries]
    return [body.transaction for body in bodies if isinstance(body, Recorded)][1:]


async def test_what_agrees_is_noted_and_nothing_is_written(world: ReconciliationWorld) -> None:
    before = world.entries
    world.chain.slot = 5_000

    report = await world.look()

    assert report.findings == ()
    assert world.entries == before
    assert world.store.rows[WALLET].slot == 5_000


@pytest.mark.parametrize("change", [2 * SOL, -3 * SOL, -1])
async def test_sol_that_came_or_went_is_booked_once(world: ReconciliationWorld, change: int) -> None:
    world.chain.held[SOL_MINT] += change

    assert (await world.look()).booked == 1
    assert (await world.look()).booked == 0

    assert world.balance() == 10 * SOL + change
    (record,) = recorded(world)
    assert record.type is (TransactionType.DEPOSIT if change > 0 else TransactionType.BURN)
    entry = world.engine.journal.entries[-1]
    assert {posting.account for posting in entry.postings} == {Account.WALLET, Account.EXTERNAL}


async def test_dust_of_strangers_is_not_booked(world: ReconciliationWorld) -> None:
    world.chain.held[SOL_MINT] += 10_000
    before = world.entries

    assert (await world.look()).findings == ()
    assert world.entries == before


async def test_a_transfer_is_booked_with_its_transaction_and_its_fee(world: ReconciliationWorld) -> None:
    world.chain.happen("sent", {SOL_MINT: -(SOL + 5_000)})
    world.chain.happen("received", {SOL_MINT: 3 * SOL}, fee=0)

    assert (await world.look()).booked == 2
    assert (await world.look()).booked == 0

    assert [record.transaction_hash for record in recorded(world)] == ["sent", "received"]
    sent = world.engine.journal.entries[-2]
    fees = [p.amount_raw for p in sent.postings if p.account is Account.NETWORK_FEE]
    assert fees == [5_000]
    assert world.balance() == 12 * SOL - 5_000


async def test_what_the_books_have_is_not_booked_again(world: ReconciliationWorld) -> None:
    ours = world.chain.happen("ours", {SOL_MINT: -SOL})
    line = sol_line(world.engine.ledger.head(WALLET), -SOL, ("ours",), Prices(now=T0, sol_usd=None), ours)
    ledger = world.engine.ledger
    await ledger.commit(ledger.stage(WALLET, *line))
    world.chain.happen("theirs", {SOL_MINT: 2 * SOL})

    assert (await world.look()).booked == 1

    assert [record.transaction_hash for record in recorded(world)] == ["ours", "theirs"]
    assert world.balance() == 11 * SOL


async def test_what_lies_before_the_cursor_is_in_the_books(world: ReconciliationWorld) -> None:
    # The node did not list it at first, so that it was booked as a difference.
    world.chain.happen("unlisted", {SOL_MINT: SOL})
    world.chain.hidden.add("unlisted")
    assert (await world.look()).booked == 1
    world.chain.hidden.clear()
    world.chain.happen("listed", {SOL_MINT: 2 * SOL})

    assert (await world.look()).booked == 1

    assert [record.transaction_hash for record in recorded(world)] == [None, "listed"]
    assert world.balance() == 13 * SOL


async def test_tokens_moved_elsewhere_reduce_the_position_at_cost(world: ReconciliationWorld) -> None:
    tokens = await held(world)
    agent = world.engine.directory.all()[0]
    before = world.engine.positions(agent)[0]
    world.chain.held[TOKEN] = tokens // 4

    await world.look()

    position = world.engine.positions(agent)[0]
    assert position.quantity_raw == tokens // 4
    assert abs(position.invested_lamports * 4 - before.invested_lamports) <= 4
    assert position.cost_basis_lamports == position.invested_lamports
    assert position.entry_price_sol == before.entry_price_sol
    assert any(isinstance(event, PositionUpdated) for event in world.engine.events)
    assert (await world.look()).booked == 0


async def test_a_position_that_is_gone_is_closed_as_external_without_profit(
    world: ReconciliationWorld,
) -> None:
    await held(world)
    del world.chain.held[TOKEN]

    await world.look()

    agent = world.engine.directory.all()[0]
    assert world.engine.positions(agent) == []
    (trade,) = world.engine.closed_trades()
    assert trade.close_reason is CloseReason.EXTERNAL
    assert trade.profit_loss_sol == 0
    closed = [event for event in world.engine.events if isinstance(event, PositionClosed)]
    assert [event.reason for event in closed] == [CloseReason.EXTERNAL]
    assert world.engine.book.of_agent(agent.id) == []
    assert (await world.look()).booked == 0


async def test_a_sale_elsewhere_closes_the_position_with_what_it_brought(
    world: ReconciliationWorld,
) -> None:
    tokens = await held(world)
    invested = 10 * SOL - world.balance()
    world.chain.happen("sold", {TOKEN: -tokens, SOL_MINT: 2 * SOL}, fee=5_000)

    await world.look()

    (trade,) = world.engine.closed_trades()
    assert trade.close_reason is CloseReason.EXTERNAL
    assert trade.profit_loss_sol == Decimal(2 * SOL - invested).scaleb(-9)
    assert world.balance() == 10 * SOL - invested + 2 * SOL
    settled = world.engine.journal.entries[-1].body
    assert isinstance(settled, TradeSettled)
    assert settled.transaction.transaction_hash == "sold"
    assert (await world.look()).booked == 0


@pytest.mark.parametrize("paid", [0, 100_000])
async def test_tokens_sent_away_with_their_account_are_moved_and_not_sold(
    world: ReconciliationWorld, paid: int
) -> None:
    tokens = await held(world)
    had = world.balance()
    came = 2_039_280 - 5_000 - paid
    world.chain.happen("sent", {TOKEN: -tokens, SOL_MINT: came}, fee=5_000, rent=-2_039_280)

    await world.look()

    (trade,) = world.engine.closed_trades()
    assert trade.close_reason is CloseReason.EXTERNAL
    assert trade.profit_loss_sol == 0
    assert world.balance() == had + came
    assert (await world.look()).booked == 0


async def test_a_sale_for_less_than_its_fee_is_a_sale(world: ReconciliationWorld) -> None:
    tokens = await held(world)
    invested, had = 10 * SOL - world.balance(), world.balance()
    world.chain.happen("sold", {TOKEN: -tokens, SOL_MINT: -1_000}, fee=5_000)

    await world.look()

    (trade,) = world.engine.closed_trades()
    assert trade.profit_loss_sol == Decimal(-1_000 - invested).scaleb(-9)
    assert world.balance() == had - 1_000


async def test_dust_from_before_does_not_hide_what_a_sale_elsewhere_brought(
    world: ReconciliationWorld,
) -> None:
    tokens = await held(world)
    invested, had = 10 * SOL - world.balance(), world.balance()
    world.chain.happen("dust", {SOL_MINT: 1}, fee=0)
    assert (await world.look()).booked == 0
    world.chain.happen("sold", {TOKEN: -tokens, SOL_MINT: 2 * SOL}, fee=5_000)

    await world.look()

    (trade,) = world.engine.closed_trades()
    assert trade.profit_loss_sol == Decimal(2 * SOL - invested).scaleb(-9)
    assert world.balance() == had + 2 * SOL
    assert (await world.look()).booked == 0


async def test_a_purchase_elsewhere_is_a_swap_and_its_token_an_orphan(world: ReconciliationWorld) -> None:
    world.chain.happen("bought", {SOL_MINT: -(SOL + 5_000), OTHER: 77})

    report = await world.look()

    (record,) = recorded(world)
    assert (record.type, record.transaction_hash) == (TransactionType.SWAP, "bought")
    assert world.balance() == 9 * SOL - 5_000
    assert world.balance(OTHER) == 77
    assert [(f.kind, f.mint, f.orphaned_raw) for f in report.findings] == [(FindingKind.ORPHAN, OTHER, 77)]
    assert (await world.look()).booked == 0


async def test_an_exit_on_what_is_gone_stops_asking(world: ReconciliationWorld) -> None:
    await held(world)
    await world.loop.tick()
    del world.chain.held[TOKEN]
    world.swaps.unsellable = UnavailableError("insufficient funds")
    world.engine.move_to(Decimal("0.0001"))
    await world.engine.settle()
    assert len(world.engine.exits) == 1

    for _ in range(200):
        world.engine.clock.advance(30)
        await world.loop.tick()
        await world.engine.settle(50)
        if not len(world.engine.exits):
            break

    assert len(world.engine.exits) == 0
    (trade,) = world.engine.closed_trades()
    assert trade.close_reason is CloseReason.EXTERNAL


# What proves nothing.


async def test_an_unreachable_node_is_not_an_empty_wallet(world: ReconciliationWorld) -> None:
    await held(world)
    before = world.entries
    world.chain.failure = UnavailableError("nobody answers")

    with pytest.raises(UnavailableError):
        await world.look()
    await world.loop.tick()

    assert world.entries == before
    assert world.loop.standings[WALLET].code == "UNAVAILABLE"


async def test_lists_that_the_accounts_deny_are_not_believed(world: ReconciliationWorld) -> None:
    await held(world)
    before, cursor = world.entries, world.store.rows[WALLET]
    world.chain.held = {}
    world.chain.denied = True

    with pytest.raises(InconsistentNodeError):
        await world.look()

    assert world.entries == before
    assert world.store.rows[WALLET] == cursor


async def test_one_look_is_not_enough(world: ReconciliationWorld) -> None:
    tokens = await held(world)
    before = world.entries
    world.chain.next_held = [{SOL_MINT: world.balance()}, {SOL_MINT: world.balance(), TOKEN: tokens - 1}]

    report = await world.look()

    assert report.waiting
    assert world.entries == before


async def test_a_slot_that_goes_back_is_not_believed(world: ReconciliationWorld) -> None:
    before = world.entries
    world.chain.slot -= 500
    world.chain.held = {}

    with pytest.raises(InconsistentNodeError, match="slot went back"):
        await world.look()
    assert world.entries == before


async def test_a_node_stuck_before_the_last_trade_is_not_believed(world: ReconciliationWorld) -> None:
    agent = world.engine.directory.all()[0]
    world.chain.stuck_at, world.chain.slot = world.engine.clock.now(), world.chain.slot + 10
    (result,) = await world.engine.buy([agent], size_sol=Decimal(1))
    assert result.position is not None
    before, cursor = world.entries, world.store.rows[WALLET]

    for _ in range(3):
        with pytest.raises(InconsistentNodeError, match="is behind"):
            await world.look()

    assert world.entries == before
    assert world.store.rows[WALLET] == cursor
    world.chain.stuck_at = None
    await world.agree()
    assert world.entries == before
    assert world.engine.positions(agent) == [result.position]


async def test_nothing_is_adopted_of_a_node_stuck_before_the_last_trade(world: ReconciliationWorld) -> None:
    await held(world)
    agent = world.engine.directory.all()[0]
    world.chain.stuck_at = world.engine.clock.now()
    world.engine.clock.advance(1)
    (position,) = world.engine.positions(agent)
    await world.engine.sales.execute(
        ClosePositionRequest(wallet_address=WALLET, position_id=position.id, reason=CloseReason.MANUAL)
    )
    world.engine.clock.advance(60)
    before = world.entries

    with pytest.raises(InconsistentNodeError, match="is behind"):
        await world.orphans.adopt(WALLET, TOKEN, USER, cost_sol=Decimal(1))
    assert world.entries == before


async def test_another_chain_is_not_believed(world: ReconciliationWorld) -> None:
    before = world.entries
    world.chain.genesis = "another"
    world.chain.held = {}

    with pytest.raises(InconsistentNodeError, match="another chain"):
        await world.look()
    assert world.entries == before


async def test_nothing_is_compared_while_a_trade_is_under_way(world: ReconciliationWorld) -> None:
    agent = world.engine.directory.all()[0]
    (result,) = await world.engine.buy([agent], size_sol=Decimal(1))
    assert result.position is not None
    before = world.entries

    # Its balances changed a moment ago: a node may still answer with those from before.
    with pytest.raises(WalletMovingError):
        await world.reconcile.execute(WALLET)
    assert world.entries == before


@pytest.mark.parametrize("stolen_sol", [0, 1])
async def test_a_wallet_that_trades_all_the_time_is_compared_all_the_same(
    world: ReconciliationWorld, stolen_sol: int
) -> None:
    wallet = world.engine.directory.all()[0].wallets[0]
    await world.loop.tick()
    world.chain.held[SOL_MINT] -= stolen_sol * SOL
    ages: list[float] = []

    for second in range(600):
        world.engine.clock.advance(1)
        if second % 10 == 0:
            await world.engine.deposit(wallet, Decimal("0.001"))
            world.chain.held[SOL_MINT] += SOL // 1_000
            world.chain.slot += 1
        await world.loop.tick()
        ages.append(world.loop.age_seconds() or 0.0)

    assert 60 < max(ages) < 300
    assert len(recorded(world)) - 60 == stolen_sol
    assert world.loop.differences() == 0
    assert world.balance() == world.chain.held[SOL_MINT]


async def test_a_node_that_may_be_behind_is_not_believed_of_a_wallet_that_trades_all_the_time(
    world: ReconciliationWorld,
) -> None:
    wallet = world.engine.directory.all()[0].wallets[0]
    await world.engine.deposit(wallet, Decimal(1))
    before, world.chain.stuck_at = world.entries, world.engine.clock.now()
    world.engine.clock.advance(SETTLED_AT_LEAST.total_seconds())
    world.chain.stuck_at += BLOCK_CLOCK_MARGIN

    with pytest.raises(WalletMovingError):
        await world.reconcile.execute(WALLET)
    with pytest.raises(InconsistentNodeError, match="is behind"):
        await world.reconcile.execute(WALLET, overdue=True)
    assert world.entries == before


async def test_what_changes_between_the_looks_and_the_booking_is_left_alone(
    world: ReconciliationWorld,
) -> None:
    agent = world.engine.directory.all()[0]
    world.chain.held[SOL_MINT] -= SOL

    async def buys_meanwhile(*_: object, **__: object) -> bool:
        await world.engine.buy([agent], size_sol=Decimal(1))
        return True

    world.chain.confirms = buys_meanwhile  # type: ignore[method-assign]
    with pytest.raises(WalletMovingError):
        await world.look()
    assert recorded(world) == []


# Swaps that were called expired.


async def expired(world: ReconciliationWorld, *, by_recovery: bool = True) -> IntentId:
    """Send a purchase for one SOL and call it expired, as recovery does or as whoever has waited for it."""
    agent = world.engine.directory.all()[0]
    (done,) = await world.engine.buy([agent], size_sol=Decimal(1))
    assert done.position is not None
    intended = next(
        entry.body for entry in world.engine.journal.entries if isinstance(entry.body, TradeIntended)
    )
    await world.engine.settle()
    # The position itself is sold again, so that only the intent's shape is left of it.
    await world.engine.sales.execute(
        ClosePositionRequest(wallet_address=WALLET, position_id=done.position.id, reason=CloseReason.MANUAL)
    )
    intent = replace(intended.intent, id=IntentId(new_id()), signal_id=None)
    submission = Submission(
        request_id="r",
        signature="late",
        signed_transaction="",
        last_valid_block_height=1,
        in_amount_raw=SOL,
        out_amount_raw=1_000_000,
    )
    ledger = world.engine.ledger
    end = TradeExpired(intent.id, "x") if by_recovery else TradeFailed(intent.id, "SWAP_EXPIRED", "x")
    lines = (TradeIntended(intent), TradeSubmitted(intent.id, submission), end)
    await ledger.commit(*[ledger.stage(WALLET, body) for body in lines])
    await world.agree()
    return intent.id


def a_fill() -> Fill:
    return Fill(
        in_amount_raw=SOL,
        out_amount_raw=1_000_000,
        total_in_raw=SOL,
        total_out_raw=1_000_000,
        fees=Fees(
            protocol_fee_lamports=None, protocol_fee_bps=0, network_fee_lamports=105_000, rent_lamports=0
        ),
        price_impact_ratio=Decimal(0),
        slippage_bps=0,
        swap_usd_value=None,
        routes_json=None,
        payload_json="{}",
        signature="late",
    )


@pytest.mark.parametrize("by_recovery", [True, False])
async def test_a_swap_called_expired_is_booked_once_when_it_has_landed(
    world: ReconciliationWorld, by_recovery: bool
) -> None:
    await expired(world, by_recovery=by_recovery)
    had = world.balance()
    world.chain.happen("late", {SOL_MINT: -(SOL + 105_000), TOKEN: 1_000_000}, fee=105_000)
    world.swaps.landed["late"] = a_fill()

    report = await world.look()

    assert report.booked == 3
    agent = world.engine.directory.all()[0]
    (position,) = world.engine.positions(agent)
    assert (position.quantity_raw, position.purchase_hash) == (1_000_000, "late")
    assert world.balance() == had - SOL - 105_000
    opened = [event for event in world.engine.events if isinstance(event, PositionOpened)]
    assert opened[-1].position.id == position.id
    assert world.engine.held(agent).position.id == position.id
    assert (await world.look()).booked == 0


async def test_a_difference_waits_while_an_expired_swap_may_explain_it(world: ReconciliationWorld) -> None:
    await expired(world)
    world.chain.happen("late", {SOL_MINT: -(SOL + 105_000), TOKEN: 1_000_000}, fee=105_000)
    world.chain.hidden.add("late")
    before = world.entries

    assert (await world.look()).waiting
    assert world.entries == before

    # Two minutes later the node has found it.
    world.engine.clock.advance(120)
    world.chain.hidden.clear()
    world.swaps.landed["late"] = a_fill()
    assert (await world.look()).booked == 3
    assert (await world.look()).booked == 0
    assert len(world.engine.positions(world.engine.directory.all()[0])) == 1


async def test_a_doubt_does_not_last_for_ever(world: ReconciliationWorld) -> None:
    await expired(world)
    world.chain.held[SOL_MINT] -= SOL
    assert (await world.look()).waiting

    world.engine.clock.advance(900)
    assert (await world.look()).booked == 1


async def test_a_late_purchase_of_a_token_bought_again_adds_to_the_position(
    world: ReconciliationWorld,
) -> None:
    await expired(world)
    tokens = await held(world)
    world.chain.happen("late", {SOL_MINT: -(SOL + 105_000), TOKEN: 1_000_000}, fee=105_000)
    world.swaps.landed["late"] = a_fill()

    await world.look()

    (position,) = world.engine.positions(world.engine.directory.all()[0])
    assert position.quantity_raw == tokens + 1_000_000
    assert (await world.look()).booked == 0


# Orphans.


async def test_an_orphan_is_shown_and_can_be_ignored(world: ReconciliationWorld) -> None:
    world.chain.held[OTHER] = 55
    before = world.entries

    report = await world.look()
    assert [(f.kind, f.mint, f.orphaned_raw) for f in report.findings] == [(FindingKind.ORPHAN, OTHER, 55)]
    shown = await world.orphans.show(WALLET, USER)
    assert shown is not None
    assert [finding.mint for finding in shown.findings] == [OTHER]

    await world.orphans.ignore(WALLET, OTHER, USER)
    assert (await world.look()).findings == ()
    await world.orphans.ignore(WALLET, OTHER, USER, ignored=False)
    assert len((await world.look()).findings) == 1
    assert world.entries == before


async def test_an_adopted_orphan_is_a_position_at_the_price_of_now(world: ReconciliationWorld) -> None:
    world.chain.held[OTHER] = 5_000_000
    world.engine.feed.price = Decimal("0.002")
    await world.look()

    adopted = await world.orphans.adopt(WALLET, OTHER, USER, symbol="OTH")

    position = adopted.position
    assert (position.quantity_raw, position.token_symbol) == (5_000_000, "OTH")
    assert position.entry_price_sol == Decimal("0.002")
    assert position.invested_lamports == 10_000_000
    assert world.balance() == 10 * SOL
    assert world.balance(OTHER) == 5_000_000
    agent = world.engine.directory.all()[0]
    assert world.engine.held(agent).position.id == position.id
    report = await world.look()
    assert (report.findings, report.booked) == ((), 0)
    with pytest.raises(PositionExistsError):
        await world.orphans.adopt(WALLET, OTHER, USER)


async def test_an_orphan_can_be_adopted_at_what_it_cost(world: ReconciliationWorld) -> None:
    world.chain.happen("bought", {SOL_MINT: -(SOL + 5_000), OTHER: 4_000_000})
    await world.look()
    world.engine.clock.advance(60)

    adopted = await world.orphans.adopt(WALLET, OTHER, USER, cost_sol=Decimal(1))

    assert adopted.position.invested_lamports == SOL
    # The tokens had come into the books with the swap: they do not come in twice.
    assert world.balance(OTHER) == 4_000_000
    assert world.balance() == 9 * SOL - 5_000


async def test_only_what_is_there_can_be_adopted(world: ReconciliationWorld) -> None:
    with pytest.raises(NoOrphanError):
        await world.orphans.adopt(WALLET, OTHER, USER, cost_sol=Decimal(1))
    world.chain.held[OTHER] = 5
    world.engine.feed.price = Decimal(0)
    with pytest.raises(NoPriceError):
        await world.orphans.adopt(WALLET, OTHER, USER)


# Whatever happens on the chain.

_CHANGE = st.integers(-2 * SOL, 2 * SOL)
_EVENTS = st.lists(
    st.tuples(_CHANGE, st.integers(-(10**9), 10**9), st.integers(0, 10**6), st.booleans(), st.booleans()),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=_EVENTS)
async def test_ledger_and_chain_agree_afterwards_and_a_second_look_writes_nothing(
    events: list[tuple[int, int, int, bool, bool]],
) -> None:
    world = ReconciliationWorld()
    await world.agent()
    await held(world)
    for number, (lamports, tokens, others, is_listed, has_other) in enumerate(events):
        chain = world.chain
        changes = {
            SOL_MINT: max(lamports, -chain.held[SOL_MINT]),
            TOKEN: max(tokens, -chain.held.get(TOKEN, 0)),
        } | ({OTHER: others} if has_other else {})
        chain.happen(f"t{number}", {mint: change for mint, change in changes.items() if change})
        if not is_listed:
            chain.hidden.add(f"t{number}")

    await world.look()

    before = world.entries
    second = await world.look()
    assert world.entries == before
    assert not any(finding.to_book for finding in second.findings)
    assert 0 <= world.chain.held[SOL_MINT] - world.balance() <= 10_000
    assert world.balance(TOKEN) <= world.chain.held.get(TOKEN, 0)
    for position in world.engine.ledger.head(WALLET).positions.values():
        assert position.quantity_raw <= world.chain.held[TOKEN]
