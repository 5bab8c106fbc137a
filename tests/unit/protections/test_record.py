"""What the protections know of one wallet: entry by entry, reset by reset, and who may say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.events import EntriesRecorded, WalletsTouched
from nexgent.domain.ledger.models import (
    ClosedTradeRemoved,
    Entry,
    EntryBody,
    ExitAsked,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
    TradeSubmitted,
    TransactionRemoved,
    WalletReset,
)
from nexgent.domain.ledger.state import OpenIntent, WalletState
from nexgent.domain.protections.events import KillSwitchChanged, ProtectionsReset
from nexgent.domain.protections.models import (
    NOTHING_IN_THE_WAY,
    ProtectionControls,
    ProtectionHistory,
    ProtectionVerdict,
    WalletRecord,
)
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.transactions.models import ClosedTrade, TransactionRecord, TransactionType
from nexgent.shared.ids import new_id
from nexgent.shared.types import (
    ClosedTradeId,
    EntryId,
    IntentId,
    PositionId,
    TokenAddress,
    TransactionId,
    UserId,
)
from tests.builders import T0, TOKEN, USER, a_kill_switch, a_position, a_submission, an_agent, an_intent

OTHER = TokenAddress("OtherMint")
INSTANT = timedelta(microseconds=1)
EVERYTHING = {
    "maxDailyLossSol": 1000,
    "maxDrawdownPercent": 100,
    "maxLossStreak": 100,
    "tokenCooldownMinutes": 30,
    "maxTradesPerHour": 1000,
    "maxExposureSol": 1000,
}


class Wallet:
    """One agent with one wallet, and what the protections make of its entries."""

    def __init__(self, **protections: object) -> None:
        self.state = ProtectionState()
        self.agent = an_agent(update_config(TradingConfig(), {"protections": protections or EVERYTHING}))
        self.address = self.agent.wallets[0].address
        self.state.know([self.agent])
        self.seq = 0

    def entry(self, body: EntryBody, at: datetime = T0, *, seq: int | None = None) -> Entry:
        self.seq = self.seq + 1 if seq is None else seq
        return Entry(
            id=EntryId(new_id()),
            wallet_address=self.address,
            agent_id=self.agent.id,
            seq=self.seq,
            at=at,
            body=body,
        )

    def happens(self, body: EntryBody, at: datetime = T0, *, seq: int | None = None) -> None:
        self.state.on_entries(EntriesRecorded([self.entry(body, at, seq=seq)], (), 0))

    def bought(self, at: datetime = T0, kind: TradeKind = TradeKind.PURCHASE) -> IntentId:
        intent = an_intent(agent_id=self.agent.id, wallet_address=self.address, kind=kind)
        self.happens(TradeIntended(intent), at)
        return intent.id

    def sold(self, profit_sol: str, at: datetime = T0, token: TokenAddress = TOKEN) -> None:
        self.happens(self.sale(profit_sol, at, token), at)

    def sale(self, profit_sol: str, at: datetime = T0, token: TokenAddress = TOKEN) -> TradeSettled:
        transaction = self.transaction(at)
        trade = ClosedTrade(
            id=ClosedTradeId(new_id()),
            position_id=PositionId(new_id()),
            agent_id=self.agent.id,
            wallet_address=self.address,
            token_address=token,
            token_symbol="TKN",
            amount=Decimal(1),
            purchase_price=Decimal(1),
            sale_price=Decimal(1),
            change_percent=Decimal(0),
            profit_loss_usd=Decimal(0),
            profit_loss_sol=Decimal(profit_sol),
            purchase_time=at,
            sale_time=at,
            purchase_transaction_id=transaction.id,
            sale_transaction_id=transaction.id,
            signal_id=None,
            close_reason=None,
        )
        return TradeSettled(IntentId(new_id()), transaction, trade.position_id, None, trade, None)

    def transaction(self, at: datetime = T0) -> TransactionRecord:
        return TransactionRecord(
            id=TransactionId(new_id()),
            agent_id=self.agent.id,
            wallet_address=self.address,
            type=TransactionType.SWAP,
            value_usd=Decimal(0),
            time=at,
        )

    def settled(self, intent_id: IntentId, at: datetime = T0) -> None:
        position = a_position()
        self.happens(TradeSettled(intent_id, self.transaction(at), position.id, position, None, None), at)

    def record(self, **values: Any) -> WalletRecord:
        return WalletRecord(wallet_address=self.address, agent_id=self.agent.id, **values)

    def check(
        self, now: datetime = T0, token: TokenAddress | None = TOKEN, state: WalletState | None = None
    ) -> ProtectionVerdict:
        return self.state.check(
            self.agent, state or WalletState(self.address, self.agent.id), now, new_position_in=token
        )

    def value(self, name: str, now: datetime = T0, token: TokenAddress | None = TOKEN) -> str | None:
        (gate,) = [gate for gate in self.check(now, token).gates if gate.name == name]
        return gate.value

    def values(self, now: datetime = T0) -> list[str | None]:
        return [gate.value for gate in self.check(now).gates]


HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_purchase_counts_for_an_hour_to_the_instant_settled_or_not() -> None:
    for settle in (False, True):
        wallet = Wallet(maxTradesPerHour=9)
        intent = wallet.bought()
        if settle:
            wallet.settled(intent, T0 + timedelta(seconds=1))
        assert wallet.value("max_trades_per_hour", T0 + HOUR - INSTANT) == "1"
        assert wallet.value("max_trades_per_hour", T0 + HOUR) == "0"


def test_purchases_and_averaging_down_count_once_and_what_did_not_happen_does_not() -> None:
    wallet = Wallet(maxTradesPerHour=9)
    first, second = wallet.bought(), wallet.bought(kind=TradeKind.DCA_BUY)
    wallet.bought(kind=TradeKind.SALE)
    wallet.settled(first)
    wallet.settled(first)
    wallet.settled(IntentId(new_id()))
    assert wallet.value("max_trades_per_hour") == "2"

    wallet.happens(TradeExpired(second, "gone"))
    assert wallet.value("max_trades_per_hour") == "1"
    wallet.happens(TradeFailed(wallet.bought(), "NO", "no"))
    # What is settled has happened, whatever is said of it later; and nobody knows of another one.
    wallet.happens(TradeFailed(first, "NO", "no"))
    assert wallet.value("max_trades_per_hour") == "1"


def test_what_is_under_way_counts_with_its_amount_and_once() -> None:
    wallet = Wallet(maxTradesPerHour=9, maxExposureSol=9)
    known = an_intent(agent_id=wallet.agent.id, wallet_address=wallet.address)
    wallet.happens(TradeIntended(known))
    others = [an_intent(kind=TradeKind.DCA_BUY, amount_raw=500_000_000), an_intent(kind=TradeKind.SALE)]
    state = WalletState(
        wallet.address,
        wallet.agent.id,
        intents={one.id: OpenIntent(one) for one in (known, *others)},
        positions={one.id: one for one in (a_position(), a_position(cost_basis_lamports=1))},
    )

    assert [gate.value for gate in wallet.check(state=state).gates] == ["2", "2.510000001"]


def test_what_was_lost_today_is_what_was_sold_today() -> None:
    wallet = Wallet(maxDailyLossSol=9)
    wallet.sold("-1", T0)
    wallet.sold("-0.5", T0 + timedelta(hours=11, minutes=59))
    # Somebody learns late of what was sold the day before.
    wallet.sold("-4", T0 - DAY)
    assert wallet.value("max_daily_loss_sol", T0 - DAY) == "0"
    assert wallet.value("max_daily_loss_sol") == "1.5"
    assert wallet.value("max_daily_loss_sol", T0 + DAY) == "0"

    wallet.sold("-2", T0 + DAY)
    assert wallet.value("max_daily_loss_sol", T0 + DAY) == "2"
    assert wallet.value("max_daily_loss_sol", T0) == "0"


def test_the_day_is_that_of_utc() -> None:
    wallet = Wallet(maxDailyLossSol=9)
    east = timezone(timedelta(hours=14))
    wallet.sold("-1", datetime(2026, 1, 2, 1, tzinfo=east))

    assert wallet.value("max_daily_loss_sol", datetime(2026, 1, 1, tzinfo=UTC)) == "1"
    assert wallet.value("max_daily_loss_sol", datetime(2026, 1, 2, 13, tzinfo=east)) == "1"
    assert wallet.value("max_daily_loss_sol", datetime(2026, 1, 2, 14, tzinfo=east)) == "0"


def test_losses_in_a_row_are_counted_until_one_trade_loses_nothing() -> None:
    wallet = Wallet(maxLossStreak=2, lossStreakPauseMinutes=60)
    wallet.sold("-0.000000001")
    wallet.sold("-1", T0 + timedelta(minutes=1))
    assert wallet.check(T0 + timedelta(minutes=60)).code == "LOSS_STREAK"
    assert not wallet.check(T0 + timedelta(minutes=61)).blocked

    wallet.sold("0", T0 + timedelta(minutes=2))

    assert wallet.value("max_loss_streak") == "0"
    wallet.sold("-1")
    assert wallet.value("max_loss_streak") == "1"


def test_a_token_that_was_left_again_hides_no_other_whose_cooldown_is_over() -> None:
    wallet = Wallet(tokenCooldownMinutes=30)
    minute = timedelta(minutes=1)
    wallet.sold("1", T0)
    wallet.sold("1", T0 + minute, OTHER)
    wallet.sold("1", T0 + 10 * minute)

    now = T0 + 31 * minute
    assert wallet.value("token_cooldown_minutes", now, OTHER) is None
    assert wallet.value("token_cooldown_minutes", now) == (T0 + 10 * minute).isoformat()


def test_drawdown_is_what_was_lost_since_the_peak() -> None:
    wallet = Wallet(maxDrawdownPercent=100)
    state = WalletState(
        wallet.address, wallet.agent.id, positions={(one := a_position(cost_basis_lamports=10**9)).id: one}
    )
    shown = []
    for profit in ("-1", "5", "-2", "1", "1", "-4"):
        wallet.sold(profit)
        shown.append(wallet.check(state=state).gates[0].value)

    # One SOL is there; so much of it and of what was there before is gone.
    assert shown == ["50", "0", "66.6667", "50", "0", "80"]


def test_a_cooldown_lasts_to_the_instant_and_begins_anew_with_each_sale() -> None:
    wallet = Wallet(tokenCooldownMinutes=30)
    wallet.sold("1", T0, OTHER)
    wallet.sold("1", T0 + timedelta(minutes=10), TOKEN)
    wallet.sold("1", T0 + timedelta(minutes=20), OTHER)

    assert wallet.check(T0 + timedelta(minutes=40) - INSTANT).code == "TOKEN_COOLDOWN"
    assert not wallet.check(T0 + timedelta(minutes=40) - INSTANT, None).blocked
    assert not wallet.check(T0 + timedelta(minutes=40)).blocked
    assert wallet.check(T0 + timedelta(minutes=50) - INSTANT, OTHER).blocked
    assert not wallet.check(T0 + timedelta(minutes=50), OTHER).blocked


def test_what_was_until_a_reset_does_not_count_and_what_came_after_does() -> None:
    wallet, other = Wallet(), Wallet()
    for one in (wallet, other):
        one.sold("-1")
        one.bought()
    other.state.on_reset(ProtectionsReset(wallet.agent.id, T0))
    assert other.values() == ["1", "100", "1", T0.isoformat(), "1", "0"]

    wallet.state.on_reset(ProtectionsReset(wallet.agent.id, T0))
    nothing = ["0", "0", "0", None, "0", "0"]
    assert wallet.values() == nothing
    wallet.sold("-1")
    wallet.bought()
    assert wallet.values() == nothing
    wallet.sold("-1", T0 + INSTANT)
    wallet.bought(T0 + INSTANT)
    assert wallet.values() == ["1", "100", "1", T0.isoformat(timespec="seconds"), "1", "0"]
    # The same reset, or an older one, told again.
    for at in (T0, T0 - INSTANT):
        wallet.state.on_reset(ProtectionsReset(wallet.agent.id, at))
    assert wallet.values()[0] == "1"
    assert wallet.state.reset_at(wallet.agent.id) == T0


def test_a_wallet_that_starts_again_has_bought_all_the_same() -> None:
    wallet = Wallet()
    wallet.sold("5")
    wallet.sold("-1")
    wallet.settled(wallet.bought())
    wallet.bought()

    wallet.happens(WalletReset("again"))

    assert wallet.values() == ["0", "0", "0", None, "2", "0"]


def test_an_entry_counts_once_and_a_gap_makes_the_wallet_due() -> None:
    wallet = Wallet(maxDailyLossSol=9)
    entry = wallet.entry(wallet.sale("-1"), seq=7)
    for _ in range(2):
        wallet.state.on_entries(EntriesRecorded([entry], (), 0))
    wallet.happens(wallet.sale("-1"), seq=6)
    wallet.happens(wallet.sale("-1"), seq=8)
    assert wallet.value("max_daily_loss_sol") == "2"
    assert wallet.state.incomplete == frozenset()

    wallet.happens(wallet.sale("-1"), seq=10)

    assert wallet.value("max_daily_loss_sol") == "3"
    assert wallet.state.incomplete == {wallet.address}


def test_a_wallet_that_changes_hands_starts_without_a_record_and_goes_on_counting() -> None:
    wallet, heir = Wallet(), Wallet(tokenCooldownMinutes=30, maxDailyLossSol=9)
    wallet.sold("-1")
    wallet.state.know([heir.agent])
    sale = wallet.sale("-2")
    for seq in (1, 2):
        entry = replace(wallet.entry(sale, seq=seq), agent_id=heir.agent.id)
        wallet.state.on_entries(EntriesRecorded([entry], (), 0))

    gates = wallet.state.check(
        heir.agent, WalletState(wallet.address, heir.agent.id), T0, new_position_in=TOKEN
    ).gates
    assert [gate.value for gate in gates] == ["2", T0.isoformat()]
    assert wallet.state.incomplete == frozenset()


def test_what_edits_the_history_makes_the_wallet_due_and_a_trade_does_not() -> None:
    wallet = Wallet()
    wallet.sold("1")
    wallet.happens(ExitAsked(a_position()))
    wallet.happens(TradeSubmitted(IntentId(new_id()), a_submission()))
    assert wallet.state.incomplete == frozenset()
    for body in (ClosedTradeRemoved(ClosedTradeId(new_id())), TransactionRemoved(TransactionId(new_id()))):
        wallet.state.being_read([wallet.address])
        assert wallet.state.incomplete == frozenset()
        wallet.happens(body)
        assert wallet.state.incomplete == {wallet.address}


def test_a_start_takes_over_what_the_store_says_and_forgets_the_rest() -> None:
    wallet, gone = Wallet(), Wallet()
    wallet.state.on_touched(WalletsTouched([gone.address]))
    wallet.happens(wallet.sale("-3"), seq=4)
    record = wallet.record(
        seq=4,
        profit_sol=Decimal(2),
        peak_profit_sol=Decimal(4),
        profit_today_sol=Decimal(-1),
        loss_streak=2,
        last_loss_at=T0,
        closed_at={
            TOKEN: T0,
            OTHER: T0 - timedelta(minutes=29),
            TokenAddress("Old"): T0 - timedelta(minutes=30),
        },
        entries={
            IntentId(new_id()): T0,
            IntentId(new_id()): T0 - HOUR + INSTANT,
            IntentId(new_id()): T0 - HOUR,
        },
    )
    entries = [wallet.entry(wallet.sale("-1", token=OTHER), seq=seq) for seq in (4, 5)]
    controls = ProtectionControls([a_kill_switch(None, engaged=False)], {gone.agent.id: T0})

    wallet.state.load(ProtectionHistory(controls, [record], entries), T0)

    assert wallet.values() == ["2", "100", "3", T0.isoformat(), "2", "0"]
    left = [wallet.value("token_cooldown_minutes", token=TokenAddress(one)) for one in ("Old", OTHER)]
    assert left == [None, T0.isoformat()]
    assert wallet.state.incomplete == frozenset()
    assert wallet.state.reset_at(gone.agent.id) == T0
    assert wallet.state.switches_of(USER)[0] is not None


def test_what_is_not_said_of_a_record_is_nothing() -> None:
    wallet = Wallet()
    wallet.state.load(ProtectionHistory(ProtectionControls(), [wallet.record()]), T0)
    assert wallet.values() == ["0", "0", "0", None, "0", "0"]

    # A loss that is over is none: a streak of nothing has no last loss.
    wallet.state.load(ProtectionHistory(ProtectionControls(), [wallet.record(last_loss_at=T0)]), T0)
    wallet.happens(wallet.sale("-1"), seq=1)
    assert wallet.state.incomplete == frozenset()
    assert wallet.values()[2] == "1"


def test_only_what_was_asked_for_is_read_again() -> None:
    wallet, other = Wallet(maxDailyLossSol=9), Wallet(maxDailyLossSol=9)
    wallet.happens(wallet.sale("-1"), seq=3)
    other.state = wallet.state
    other.happens(other.sale("-1"), seq=3)
    history = ProtectionHistory(
        ProtectionControls(),
        [one.record(seq=3, profit_today_sol=Decimal(-5)) for one in (wallet, other)],
        [one.entry(one.sale("-2"), seq=4) for one in (wallet, other)],
    )

    wallet.state.complete({wallet.address}, history, T0)

    assert (wallet.value("max_daily_loss_sol"), other.value("max_daily_loss_sol")) == ("7", "1")
    assert wallet.state.incomplete == frozenset()


@pytest.mark.parametrize(("seq", "lost", "due"), [(2, "1", True), (3, "5", False), (4, "5", False)])
def test_a_record_that_is_behind_what_is_known_is_not_taken_over(seq: int, lost: str, due: bool) -> None:
    wallet = Wallet(maxDailyLossSol=9)
    wallet.happens(wallet.sale("-1"), seq=3)
    history = ProtectionHistory(ProtectionControls(), [wallet.record(seq=seq, profit_today_sol=Decimal(-5))])

    wallet.state.complete({wallet.address}, history, T0)

    assert wallet.value("max_daily_loss_sol") == lost
    assert (wallet.address in wallet.state.incomplete) == due


def test_a_wallet_the_store_does_not_know_any_more_is_forgotten() -> None:
    wallet = Wallet(maxDailyLossSol=9)
    wallet.sold("-1")

    controls = ProtectionControls((), {wallet.agent.id: T0 - DAY})
    wallet.state.complete({wallet.address}, ProtectionHistory(controls, []), T0)

    assert wallet.value("max_daily_loss_sol") == "0"
    assert wallet.state.incomplete == frozenset()
    assert wallet.state.reset_at(wallet.agent.id) == T0 - DAY


def cooling(agent: Agent, minutes: int | None) -> AgentSaved:
    config = update_config(agent.config, {"protections": {"tokenCooldownMinutes": minutes}})
    return AgentSaved(replace(agent, config=config))


@pytest.mark.parametrize(("minutes", "due"), [(31, True), (30, False), (29, False), (None, False)])
def test_a_longer_cooldown_alone_makes_the_wallet_due(minutes: int | None, due: bool) -> None:
    wallet = Wallet(tokenCooldownMinutes=30)
    wallet.sold("1")

    wallet.state.on_agent_saved(cooling(wallet.agent, minutes))

    assert (wallet.address in wallet.state.incomplete) == due
    expected = {wallet.agent.id: timedelta(minutes=minutes)} if minutes else {}
    assert wallet.state.cooldowns == expected


def test_another_cooldown_holds_for_what_is_sold_from_now_on() -> None:
    wallet = Wallet(tokenCooldownMinutes=30)
    wallet.sold("1")
    wallet.state.on_agent_saved(cooling(wallet.agent, 10))
    wallet.check(T0 + timedelta(minutes=10))
    assert not wallet.check(T0).blocked

    # An agent whose wallets nobody has traded in, and one that has no such wallet.
    stranger = Wallet()
    wallet.state.on_agent_saved(cooling(stranger.agent, 60))
    wallet.state.on_agent_saved(cooling(replace(stranger.agent, wallets=wallet.agent.wallets), 90))
    assert wallet.state.incomplete == frozenset()
    assert wallet.state.cooldowns[stranger.agent.id] == timedelta(minutes=90)


def test_nothing_is_left_of_a_deleted_agent_and_everything_of_the_others() -> None:
    wallet, other = Wallet(), Wallet()
    other.state = wallet.state
    other.state.know([other.agent])
    for one in (wallet, other):
        one.sold("-1")
        one.state.on_reset(ProtectionsReset(one.agent.id, T0 - DAY))
        one.sold("-1")

    wallet.state.on_agent_deleted(AgentDeleted(wallet.agent.id))
    wallet.state.on_agent_deleted(AgentDeleted(wallet.agent.id))

    assert wallet.values()[0] == "0"
    assert other.values()[0] == "1"
    assert wallet.state.reset_at(wallet.agent.id) is None
    assert wallet.state.reset_at(other.agent.id) == T0 - DAY
    assert set(wallet.state.cooldowns) == {other.agent.id}


@pytest.mark.parametrize("user", [None, USER])
def test_of_two_switches_the_newer_one_is_in_force_and_of_equals_the_last(user: UserId | None) -> None:
    wallet = Wallet()
    for at, engaged, in_force in ((T0, True, True), (T0 - INSTANT, False, True), (T0, False, False)):
        wallet.state.on_kill_switch(KillSwitchChanged(a_kill_switch(user, engaged=engaged, changed_at=at)))
        assert wallet.check().blocked == in_force


def test_a_switch_flattens_while_it_is_engaged_and_says_so() -> None:
    state, other = ProtectionState(), UserId(new_id())
    for user, engaged, flatten in ((USER, True, True), (other, True, False), (None, False, True)):
        state.on_kill_switch(KillSwitchChanged(a_kill_switch(user, engaged=engaged, flatten=flatten)))
    assert state.flattening() == (False, [USER])

    at = T0 + INSTANT
    state.on_kill_switch(KillSwitchChanged(a_kill_switch(None, flatten=True, changed_at=at)))
    state.on_kill_switch(KillSwitchChanged(a_kill_switch(other, engaged=False, flatten=True, changed_at=at)))
    assert state.flattening() == (True, [USER])
    state.on_kill_switch(KillSwitchChanged(a_kill_switch(None, changed_at=at)))
    assert state.flattening() == (False, [USER])


def test_an_agent_without_protections_is_not_looked_at_until_somebody_uses_a_switch() -> None:
    state, agent = ProtectionState(), an_agent()
    wallet = WalletState(agent.wallets[0].address, agent.id)
    assert state.check(agent, wallet, T0) is NOTHING_IN_THE_WAY

    state.on_kill_switch(KillSwitchChanged(a_kill_switch(USER)))
    assert state.check(agent, wallet, T0).code == "KILL_SWITCH"
    assert not state.check(replace(agent, user_id=UserId(new_id())), wallet, T0).blocked


def test_a_streak_from_before_the_start_pauses_from_its_last_loss_on() -> None:
    wallet = Wallet(maxLossStreak=2, lossStreakPauseMinutes=60)
    record = wallet.record(loss_streak=2, last_loss_at=T0)

    wallet.state.load(ProtectionHistory(ProtectionControls(), [record]), T0)

    assert wallet.check(T0 + HOUR - INSTANT).code == "LOSS_STREAK"
    assert not wallet.check(T0 + HOUR).blocked
