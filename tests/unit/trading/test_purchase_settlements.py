"""What a burst shares is for each purchase what it would have been alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.ledger.models import Intent
from nexgent.domain.trading.models import Fill
from nexgent.domain.trading.purchase_settlements import PurchaseSettlements
from nexgent.domain.trading.settlement import SettlementContext, settle_purchase
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, IntentId, SignalId, TokenAddress, WalletAddress
from tests.builders import T0, TOKEN, a_fill, an_intent

CONTEXT = SettlementContext(now=T0, sol_usd=Decimal(150), token_symbol="TKN", token_decimals=6)

fills = st.builds(
    a_fill,
    st.sampled_from([10**9, 2 * 10**9]),
    st.sampled_from([10**12, 10**12 + 1]),
    total_in_raw=st.sampled_from([None, 10**9 + 5]),
    signature=st.sampled_from([None, "s" * 88]),
)
stops = st.sampled_from([None, Decimal(-32), Decimal(-5)])
tokens = st.sampled_from([TOKEN, TokenAddress("TokenBBB")])
signals = st.sampled_from([None, SignalId(1), SignalId(2)])


def an_intent_of(number: int, token: TokenAddress, signal_id: SignalId | None) -> Intent:
    return an_intent(
        id=IntentId(new_id()),
        agent_id=AgentId(new_id()),
        wallet_address=WalletAddress(f"wallet {number}"),
        token_address=token,
        signal_id=signal_id,
    )


@given(st.lists(st.tuples(fills, stops, tokens, signals), min_size=2, max_size=6))
def test_each_purchase_is_settled_as_if_it_were_the_only_one(
    burst: list[tuple[Fill, Decimal | None, TokenAddress, SignalId | None]],
) -> None:
    settlements = PurchaseSettlements(CONTEXT)

    for number, (fill, stop, token, signal_id) in enumerate(burst):
        intent = an_intent_of(number, token, signal_id)
        alone = settle_purchase(intent, fill, CONTEXT, stop_loss_pct=stop)
        assert settlements.settle(intent, fill, stop_loss_pct=stop) == alone
        # Fills that are equal are so whoever made them.
        again = replace(intent, id=IntentId(new_id()), agent_id=AgentId(new_id()))
        alone = settle_purchase(again, replace(fill), CONTEXT, stop_loss_pct=stop)
        assert settlements.settle(again, replace(fill), stop_loss_pct=stop) == alone


def test_what_moves_is_worked_out_once_for_purchases_that_fill_alike() -> None:
    settlements = PurchaseSettlements(CONTEXT)
    one, other = an_intent_of(1, TOKEN, None), an_intent_of(2, TOKEN, None)

    first = settlements.settle(one, a_fill(10**9, 10**12), stop_loss_pct=None)
    second = settlements.settle(other, a_fill(10**9, 10**12), stop_loss_pct=None)

    assert second.postings is first.postings
    assert first.body.position is not None
    assert second.body.position is not None
    assert first.body.position.id != second.body.position.id
    assert (second.body.position.wallet_address, second.body.transaction.wallet_address) == ("wallet 2",) * 2
