"""Deposits of token accounts taken back: durable before they are sent, booked by what the chain says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nexgent.domain.bookkeeping.booked import booked_transaction
from nexgent.domain.ledger.models import (
    Account,
    EntryBody,
    RentReclaimed,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSubmitted,
)
from nexgent.domain.reconciliation.errors import NothingToReclaimError, RentFailedError, RentInDoubtError
from nexgent.domain.reconciliation.models import Movement
from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.trading.models import NeverLanded, StillUnknown
from nexgent.shared.errors import UnavailableError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.builders import TOKEN, USER
from tests.fakes.reconciliation import WALLET, ReconciliationWorld
from tests.passes import recovered

SOL = 10**9
DEPOSIT = 2_039_280
OTHER = TokenAddress("9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM")
UNKNOWN = StillUnknown(reason="nobody can say")


@pytest.fixture
async def world() -> ReconciliationWorld:
    world = ReconciliationWorld()
    await world.agent()
    world.chain.held[OTHER] = 0
    return world


def bodies(world: ReconciliationWorld) -> list[EntryBody]:
    return [entry.body for entry in world.engine.journal.entries][1:]


async def test_what_is_locked_is_shown(world: ReconciliationWorld) -> None:
    world.chain.held[TOKEN] = 5
    world.rent_chain.excess = 550_840

    report = await world.rent.show(WALLET, USER)

    assert report.locked_lamports == 2 * DEPOSIT
    assert [(one.account.mint, one.reclaimable_lamports, one.closes) for one in report.accounts] == [
        (OTHER, DEPOSIT, True),
        (TOKEN, 550_840, False),
    ]
    assert bodies(world) == []


async def test_a_deposit_comes_back_and_is_booked(world: ReconciliationWorld) -> None:
    done = await world.rent.reclaim(WALLET, USER)

    assert (done.lamports, done.fee_lamports, done.left) == (DEPOSIT, 5_000, 0)
    assert world.balance() == 10 * SOL + DEPOSIT - 5_000
    kinds = [type(body) for body in bodies(world)]
    assert kinds == [TradeIntended, TradeSubmitted, RentReclaimed]
    postings = {p.account: p.amount_raw for p in world.engine.journal.entries[-1].postings}
    assert postings == {
        Account.WALLET: DEPOSIT - 5_000,
        Account.RENT: -DEPOSIT,
        Account.NETWORK_FEE: 5_000,
    }
    # It is in the books: nothing is found, and nothing booked again.
    assert (await world.look()).booked == 0


async def test_what_the_books_say_of_it_is_the_engines(world: ReconciliationWorld) -> None:
    done = await world.rent.reclaim(WALLET, USER)

    booked = booked_transaction(world.engine.journal.entries, done.transaction_id)

    # It happened: whoever removes the record does not take the money back.
    assert booked is not None
    assert (booked.by_engine, booked.effect) == (True, ())
    assert booked.record.transaction_hash == done.signature


async def test_it_is_durable_before_it_is_sent(world: ReconciliationWorld) -> None:
    world.engine.journal.down = True

    with pytest.raises(UnavailableError):
        await world.rent.reclaim(WALLET, USER)

    assert world.rent_chain.sent == 0


async def test_an_account_that_is_needed_stays_open(world: ReconciliationWorld) -> None:
    agent = world.engine.directory.all()[0]
    (bought,) = await world.engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    world.chain.held = {TOKEN: 0}

    report = await world.rent.show(WALLET, USER)

    assert [one.closes for one in report.accounts] == [False]
    with pytest.raises(NothingToReclaimError):
        await world.rent.reclaim(WALLET, USER)


async def test_without_its_key_nothing_is_sent(world: ReconciliationWorld) -> None:
    world.engine.keys.loaded.clear()

    with pytest.raises(WalletNotLoadedError):
        await world.rent.reclaim(WALLET, USER)
    assert bodies(world) == []


async def test_a_lost_answer_is_cleared_up_by_the_chain(world: ReconciliationWorld) -> None:
    world.rent_chain.answers = [UNKNOWN, UnavailableError("nobody answers")]

    done = await world.rent.reclaim(WALLET, USER)

    assert done.lamports == DEPOSIT


async def test_what_is_not_known_in_time_is_ended_later_and_once(world: ReconciliationWorld) -> None:
    world.rent_chain.answers = [UNKNOWN] * 5
    with pytest.raises(RentInDoubtError):
        await world.rent.reclaim(WALLET, USER)
    assert world.engine.ledger.head(WALLET).intents
    # Recovery of trades leaves it alone, and a purchase would not count it as a position that is being opened.
    await recovered(world.engine.recovery)
    assert world.engine.ledger.head(WALLET).opening_count == 0

    after_restart = world.parts().rent_transactions
    assert await after_restart.finish() == 1
    assert await after_restart.finish() == 0

    assert not world.engine.ledger.head(WALLET).intents
    assert world.balance() == 10 * SOL + DEPOSIT - 5_000


async def test_what_never_landed_is_expired(world: ReconciliationWorld) -> None:
    world.rent_chain.failure = UnavailableError("the connection broke")
    world.rent_chain.answers = [UNKNOWN, NeverLanded(reason="expired")]

    with pytest.raises(RentFailedError):
        await world.rent.reclaim(WALLET, USER)

    assert isinstance(bodies(world)[-1], TradeExpired)
    assert world.balance() == 10 * SOL


async def test_a_transaction_that_failed_costs_its_fee(world: ReconciliationWorld) -> None:
    failed = Movement(
        signature="failed",
        signatures=("failed",),
        slot=1,
        at=None,
        failed=True,
        changes={SOL_MINT: -5_000},
        network_fee_lamports=5_000,
        rent_lamports=0,
    )
    world.rent_chain.failure = UnavailableError("the connection broke")
    world.rent_chain.answers = [failed]

    with pytest.raises(RentFailedError):
        await world.rent.reclaim(WALLET, USER)

    assert isinstance(bodies(world)[-1], TradeFailed)
    assert world.balance() == 10 * SOL - 5_000


async def test_an_interrupted_intent_is_given_up(world: ReconciliationWorld) -> None:
    ledger = world.engine.ledger
    intent = world.parts().rent_transactions._intent(ledger.head(WALLET))
    assert intent.kind is TradeKind.RENT
    await ledger.commit(ledger.stage(WALLET, TradeIntended(intent)))

    assert await world.parts().rent_transactions.finish() == 1

    assert isinstance(bodies(world)[-1], TradeFailed)


async def test_empty_accounts_are_closed_after_exits_when_the_settings_say_so(
    world: ReconciliationWorld,
) -> None:
    report = await world.look()
    await world.rent.after(report)
    assert world.rent_chain.sent == 0

    await world.parts(close_empty_token_accounts=True).rent.after(report)

    assert world.rent_chain.sent == 1
    assert world.balance() == 10 * SOL + DEPOSIT - 5_000
