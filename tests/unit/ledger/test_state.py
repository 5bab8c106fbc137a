"""The books of one wallet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.ledger.errors import (
    InsufficientBalanceError,
    JournalUnavailableError,
    LedgerInvariantError,
    NotTheEngineError,
    StaleWalletError,
    UnknownWalletError,
)
from nexgent.domain.ledger.lanes import LaneBusyError, WalletClosedError
from nexgent.domain.ledger.models import (
    Account,
    Adjusted,
    BalanceRemoved,
    Entry,
    ExitAsked,
    Intent,
    Posting,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    WalletReset,
)
from nexgent.domain.ledger.state import Balance, OpenIntent, WalletState, apply, emptying
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, EntryId, IntentId, PositionId, TokenAddress, WalletAddress
from tests.builders import TOKEN, a_position, an_intent
from tests.integration.database.story import Story

T0 = datetime(2026, 1, 1, tzinfo=UTC)
WALLET = WalletAddress("sim_1")
AGENT = AgentId(new_id())
MINT = TokenAddress("Mint")


def an_entry(seq: int, body: object, *amounts: int) -> Entry:
    postings = []
    for amount in amounts:
        postings.append(Posting(Account.WALLET, SOL_MINT, amount, "SOL", 9))
        postings.append(Posting(Account.EXTERNAL, SOL_MINT, -amount, "SOL", 9))
    return Entry(
        id=EntryId(new_id()),
        wallet_address=WALLET,
        agent_id=AGENT,
        seq=seq,
        at=T0,
        body=body,  # type: ignore[arg-type]
        postings=tuple(postings),
    )


def of_wallet(reserved: int) -> Intent:
    return an_intent(
        agent_id=AGENT, wallet_address=WALLET, token_address=MINT, amount_raw=reserved, reserved_raw=reserved
    )


def test_a_gap_in_the_stream_is_refused() -> None:
    with pytest.raises(LedgerInvariantError, match="cannot follow"):
        apply(WalletState(WALLET, AGENT), an_entry(2, Adjusted(SOL_MINT, "x"), 5))


def test_postings_that_do_not_sum_to_zero_are_refused() -> None:
    entry = Entry(
        id=EntryId(new_id()),
        wallet_address=WALLET,
        agent_id=AGENT,
        seq=1,
        at=T0,
        body=Adjusted(SOL_MINT, "x"),
        postings=(Posting(Account.WALLET, SOL_MINT, 5, "SOL", 9),),
    )
    with pytest.raises(LedgerInvariantError, match="sum to 5"):
        apply(WalletState(WALLET, AGENT), entry)


def test_a_failed_trade_gives_its_reservation_back() -> None:
    state = apply(WalletState(WALLET, AGENT), an_entry(1, Adjusted(SOL_MINT, "x"), 100))
    intent = of_wallet(80)
    state = apply(state, an_entry(2, TradeIntended(intent)))
    assert state.available_raw(SOL_MINT) == 20
    with pytest.raises(LedgerInvariantError, match="more than is available"):
        apply(state, an_entry(3, TradeIntended(of_wallet(21))))

    state = apply(state, an_entry(3, TradeFailed(intent.id, "X", "")))

    assert state.available_raw(SOL_MINT) == 100


def test_the_end_of_one_trade_leaves_the_others_open() -> None:
    one, two = of_wallet(80), of_wallet(20)
    state = apply(WalletState(WALLET, AGENT), an_entry(1, Adjusted(SOL_MINT, "x"), 100))
    for intent in (one, two):
        state = apply(state, an_entry(state.seq + 1, TradeIntended(intent)))

    state = apply(state, an_entry(4, TradeExpired(one.id, "lost")))
    assert list(state.intents) == [two.id]
    assert state.available_raw(SOL_MINT) == 80
    for body in (TradeExpired(one.id, "again"), TradeFailed(one.id, "X", "again")):
        with pytest.raises(LedgerInvariantError):
            apply(state, an_entry(5, body))


def test_what_was_emptied_leaves_the_state_a_minute_later() -> None:
    story = Story()
    story.deposit()
    for number in range(20):
        story.buy(token=TokenAddress(f"Mint{number}"))
        story.sell()
        # A node may still answer with what was there before: what was emptied just now is known.
        assert story.state.balances[TokenAddress(f"Mint{number}")].amount_raw == 0
        story.wait(minutes=2)

    assert list(story.state.balances) == [SOL_MINT, TokenAddress("Mint19")]
    story.deposit()
    assert list(story.state.balances) == [SOL_MINT]
    assert story.state.balance_raw(TokenAddress("Mint7")) == 0


def test_what_changed_last_stays_however_long_nothing_happens() -> None:
    story = Story()
    story.deposit(5)
    story.wait(minutes=60)
    emptied = story.add(
        Adjusted(SOL_MINT, "x"), (Account.WALLET, SOL_MINT, -5), (Account.ADJUSTMENT, SOL_MINT, 5)
    )
    story.wait(minutes=60)
    story.add(Adjusted(MINT, "x"))

    assert {mint: balance.updated_at for mint, balance in story.state.balances.items()} == {
        SOL_MINT: emptied.at
    }


def test_a_balance_that_left_the_state_can_be_removed_and_comes_back() -> None:
    story = Story()
    for amount in (7, -7):
        story.add(Adjusted(MINT, "x"), (Account.WALLET, MINT, amount), (Account.ADJUSTMENT, MINT, -amount))
    story.wait(minutes=2)
    story.deposit()
    assert MINT not in story.state.balances

    story.add(BalanceRemoved(MINT, "x"), (Account.WALLET, MINT, 0), (Account.ADJUSTMENT, MINT, 0))
    assert MINT not in story.state.balances
    story.add(Adjusted(MINT, "x"), (Account.WALLET, MINT, 3), (Account.ADJUSTMENT, MINT, -3))
    assert story.state.balance_raw(MINT) == 3


def test_an_adjustment_renames_a_balance_only_when_it_says_how_and_what() -> None:
    state = apply(WalletState(WALLET, AGENT), an_entry(1, Adjusted(SOL_MINT, "x"), 100))
    assert state.balances[SOL_MINT].symbol == "SOL"

    state = apply(state, an_entry(2, Adjusted(SOL_MINT, "x", "WSOL"), 1))
    assert state.balances[SOL_MINT].symbol == "WSOL"
    state = apply(state, an_entry(3, Adjusted(SOL_MINT, "x"), 1))
    assert state.balances[SOL_MINT].symbol == "WSOL"

    assert dict(apply(state, an_entry(4, Adjusted(MINT, "x", "NEW"))).balances) == dict(state.balances)


def test_refusals_say_which_wallet_and_what_is_missing() -> None:
    for error in (StaleWalletError(WALLET), UnknownWalletError(WALLET)):
        assert (error.details["walletAddress"], "allet" in error.message) == (WALLET, True)
    missing = InsufficientBalanceError(MINT, "T", Decimal("1.50"), Decimal(2))
    assert missing.message == "Insufficient balance"
    assert missing.details == {
        "currentBalance": "1.5",
        "requiredAmount": "2",
        "tokenAddress": MINT,
        "tokenSymbol": "T",
    }
    assert "nothing was changed" in JournalUnavailableError().message
    assert "lease" in NotTheEngineError().message
    for kind in (JournalUnavailableError, NotTheEngineError):
        assert (kind("away").message, str(kind("away")), kind().details) == ("away", "away", {})
    assert "reset, replaced or removed" in WalletClosedError(WALLET).message
    assert WalletClosedError(WALLET).details == {"walletAddress": WALLET}
    assert "in progress" in LaneBusyError().message


def test_a_wallet_that_starts_again_keeps_its_history_only_when_somebody_says_so() -> None:
    assert not WalletReset("again").keep_history


def test_a_sale_under_way_binds_the_tokens_of_its_position_once() -> None:
    story = Story()
    story.deposit()
    story.buy()
    (position,) = story.state.positions.values()
    assert story.state.bound_raw(TOKEN) == position.quantity_raw

    story.intend(position=position)

    assert story.state.reserved_raw(TOKEN) == position.quantity_raw
    assert story.state.bound_raw(TOKEN) == position.quantity_raw
    assert story.state.free_raw(TOKEN) == 0


def test_what_is_bound_is_the_larger_of_position_and_reservation() -> None:
    story = Story()
    story.deposit()
    story.buy()
    (position,) = story.state.positions.values()
    for reserved_raw, bound_raw in ((1, position.quantity_raw), (position.quantity_raw + 5,) * 2):
        intent = replace(of_wallet(reserved_raw), input_mint=TOKEN)
        state = replace(story.state, intents={intent.id: OpenIntent(intent)})
        assert state.bound_raw(TOKEN) == bound_raw
    assert replace(story.state, positions={}, intents={}).free_raw(TOKEN) == position.quantity_raw


def test_what_is_missing_is_nothing() -> None:
    state = WalletState(WALLET, AGENT)

    assert state.seq == 0
    assert (state.balance_raw(MINT), state.reserved_raw(MINT), state.available_raw(MINT)) == (0, 0, 0)
    assert (state.bound_raw(MINT), state.free_raw(MINT), state.opening_count) == (0, 0, 0)
    assert (state.position_of(MINT), state.is_buying(MINT)) == (None, False)


def test_a_purchase_under_way_is_known_by_its_token_and_an_operation_by_its_position() -> None:
    position = a_position(token_address=MINT)
    purchase = of_wallet(3)
    operation = replace(
        of_wallet(4), kind=TradeKind.DCA_BUY, position_id=position.id, token_address=TOKEN, input_mint=MINT
    )
    state = WalletState(
        WALLET,
        AGENT,
        intents={one.id: OpenIntent(one) for one in (purchase, operation)},
        positions={position.id: position},
    )

    assert (state.is_buying(MINT), state.is_buying(TOKEN), state.opening_count) == (True, False, 1)
    assert state.intent_on(position.id) == OpenIntent(operation)
    assert state.intent_on(PositionId(new_id())) is None
    assert (state.position_of(MINT), state.position_of(TOKEN)) == (position, None)
    assert (state.reserved_raw(SOL_MINT), state.reserved_raw(MINT)) == (3, 4)
    # More is bound than is there: nothing is free, and less than nothing can be spent.
    assert (state.free_raw(MINT), state.available_raw(MINT)) == (0, -4)


def test_all_that_is_there_may_be_reserved_and_not_one_unit_more() -> None:
    paid_in = apply(WalletState(WALLET, AGENT), an_entry(1, Adjusted(SOL_MINT, "gift"), 5))

    first = apply(paid_in, an_entry(2, TradeIntended(of_wallet(5))))
    assert first.available_raw(SOL_MINT) == 0
    with pytest.raises(LedgerInvariantError, match="reserves more than is available"):
        apply(paid_in, an_entry(2, TradeIntended(of_wallet(6))))
    apply(first, an_entry(3, TradeIntended(of_wallet(0))))


def test_an_intent_is_open_once_and_a_position_has_one_operation() -> None:
    position = a_position()
    intent = replace(of_wallet(0), position_id=position.id)
    state = apply(WalletState(WALLET, AGENT), an_entry(1, TradeIntended(intent, position)))
    assert list(state.positions) == [position.id]

    for second in (intent, replace(intent, id=IntentId(new_id()))):
        with pytest.raises(LedgerInvariantError):
            apply(state, an_entry(2, TradeIntended(second)))
    # Those that are on no position do not get into each other's way.
    for seq in (2, 3):
        state = apply(state, an_entry(seq, TradeIntended(of_wallet(0))))
    for body in (TradeFailed(IntentId(new_id()), "X", ""), ExitAsked(a_position())):
        with pytest.raises(LedgerInvariantError):
            apply(state, an_entry(4, body))
    with pytest.raises(LedgerInvariantError, match="under way"):
        apply(state, an_entry(4, WalletReset("again")))


def test_a_wallet_starts_again_with_nothing_at_all() -> None:
    position = a_position()
    state = apply(WalletState(WALLET, AGENT), an_entry(1, Adjusted(SOL_MINT, "gift"), 5))
    state = replace(state, positions={position.id: position})
    again = replace(an_entry(2, WalletReset("again")), postings=tuple(emptying(state.balances.values())))

    state = apply(state, again)

    assert (state.seq, state.balances, state.positions) == (2, {}, {})
    assert emptying([Balance(MINT, "M", 6, 0, T0)]) == []


@pytest.mark.parametrize(("seconds", "there"), [(59.999999, True), (60, False)])
def test_a_balance_of_zero_stays_for_a_minute_to_the_instant(seconds: float, there: bool) -> None:
    empty = Balance(MINT, "M", 6, 0, T0)
    state = WalletState(WALLET, AGENT, balances={MINT: empty})
    later = replace(an_entry(1, Adjusted(SOL_MINT, "gift"), 5), at=T0 + timedelta(seconds=seconds))

    assert (MINT in apply(state, later).balances) == there
    # Without a posting nothing is copied, and nothing leaves.
    assert MINT in apply(state, replace(later, postings=())).balances


def test_a_balance_may_fall_to_zero_and_not_below() -> None:
    state = apply(WalletState(WALLET, AGENT), an_entry(1, Adjusted(SOL_MINT, "gift"), 5))

    assert apply(state, an_entry(2, Adjusted(SOL_MINT, "away"), -5)).balance_raw(SOL_MINT) == 0
    with pytest.raises(LedgerInvariantError, match="would fall to -1"):
        apply(state, an_entry(2, Adjusted(SOL_MINT, "away"), -6))
    with pytest.raises(LedgerInvariantError, match="would fall to -1"):
        apply(WalletState(WALLET, AGENT), an_entry(1, Adjusted(SOL_MINT, "away"), -1))


def test_only_what_is_empty_and_in_nobodys_use_can_be_removed() -> None:
    empty = WalletState(
        WALLET, AGENT, balances={MINT: Balance(MINT, "M", 6, 0, T0), TOKEN: Balance(TOKEN, "T", 6, 1, T0)}
    )
    assert list(apply(empty, an_entry(1, BalanceRemoved(MINT, ""))).balances) == [TOKEN]
    for mint in (TOKEN, SOL_MINT):
        with pytest.raises(LedgerInvariantError, match="not empty"):
            apply(empty, an_entry(1, BalanceRemoved(mint, "")))
    position = a_position(token_address=MINT, quantity_raw=1)
    with pytest.raises(LedgerInvariantError, match="in use"):
        apply(replace(empty, positions={position.id: position}), an_entry(1, BalanceRemoved(MINT, "")))


def test_a_symbol_changes_only_of_what_is_there_and_only_when_it_says_how() -> None:
    state = WalletState(WALLET, AGENT, balances={MINT: Balance(MINT, "M", 6, 1, T0)})

    assert apply(state, an_entry(1, Adjusted(MINT, "", "NEW"))).balances[MINT].symbol == "NEW"
    assert apply(state, an_entry(1, Adjusted(MINT, ""))).balances == state.balances
    assert apply(state, an_entry(1, Adjusted(TOKEN, "", "NEW"))).balances == state.balances


@given(moves=st.lists(st.integers(min_value=-(2**64), max_value=2**64), max_size=40))
def test_a_balance_is_the_sum_of_its_postings_and_never_negative(moves: list[int]) -> None:
    state, total = WalletState(WALLET, AGENT), 0
    for move in moves:
        entry = an_entry(state.seq + 1, Adjusted(SOL_MINT, "x"), move)
        if total + move < 0:
            with pytest.raises(LedgerInvariantError):
                apply(state, entry)
        else:
            state, total = apply(state, entry), total + move
        assert state.balance_raw(SOL_MINT) == total
