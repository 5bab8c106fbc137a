"""What is written down of an agent and a signal: nothing that happened is left out, and nothing is said that did not happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.ledger.models import TradeSettled
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.signals.models import DecisionOutcome, Gate, SignalTrade
from nexgent.domain.trading.models import QuoteRequest
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.position_orders import SalePreview
from nexgent.domain.trading.orders.purchases import Buyer, PurchasePreview, PurchaseResult
from nexgent.domain.trading.rules.signal_sale import SaleVerdict
from nexgent.domain.trading.signal_candidates import Candidate
from nexgent.domain.trading.signal_decisions import SignalDecisions
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import IntentId, PositionId, TransactionId, VenueName
from tests.builders import TOKEN, a_config, a_fill, a_position, a_price, a_quote, a_signal, an_agent
from tests.fakes.clock import FakeClock

EXECUTED, FAILED, SKIPPED = DecisionOutcome.EXECUTED, DecisionOutcome.FAILED, DecisionOutcome.SKIPPED
SIGNAL = a_signal(7)
AGENT = an_agent(a_config({"purchaseLimits": {"maxPriceImpact": 0.05}}))
FILTER = Gate("signal_strength", "3", "at least 1", True)
PROTECTION = Gate("daily_loss", "0", "1", True)
HELD = Gate("position", "1", "held", True)
CANDIDATE = Candidate(AGENT, (FILTER,), None)
VERDICT = SaleVerdict((HELD,), None)
FILL = a_fill(500_000_000, 1_000_000_000)
"""Half a SOL for a thousand tokens of six decimals, or five hundred tokens for a SOL."""


class Scribe:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.prices = LatestPrices()
        self.decisions = SignalDecisions(latest_prices=self.prices, clock=self.clock)

    def price(self, seconds_old: float) -> None:
        at = self.clock.now() - timedelta(seconds=seconds_old)
        self.prices.on_prices(PricesChanged([a_price(Decimal("0.002"), at)], at))


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


def a_trade(status: str, **changes: Any) -> SignalTrade:
    trade = SignalTrade(
        agent_id=AGENT.id,
        intent_id=IntentId(new_id()),
        status=status,
        transaction_id=TransactionId(new_id()),
        position_id=PositionId(new_id()),
        code=None,
        reason=None,
    )
    return replace(trade, **changes)


def a_settlement(position_id: PositionId, *, position: bool) -> TradeSettled:
    record = TransactionRecord(
        id=TransactionId(new_id()),
        agent_id=AGENT.id,
        wallet_address=AGENT.wallets[0].address,
        type=TransactionType.SWAP,
        value_usd=Decimal(0),
        time=SIGNAL.created_at,
    )
    left = a_position(id=position_id) if position else None
    return TradeSettled(IntentId(new_id()), record, position_id, left, None, None)


def a_result(**changes: Any) -> PurchaseResult:
    return PurchaseResult(Buyer(AGENT, AGENT.wallets[0], IntentId(new_id())), **changes)


@pytest.mark.parametrize(
    ("refusal", "outcome", "code", "reason"),
    [
        (("NOT_ELIGIBLE", "too weak"), SKIPPED, "NOT_ELIGIBLE", "too weak"),
        (("WALLET_NOT_FOUND", "no wallet"), FAILED, "WALLET_NOT_FOUND", "no wallet"),
        (None, SKIPPED, "NOT_ELIGIBLE", ""),
    ],
)
def test_who_does_not_act_says_why(
    scribe: Scribe, refusal: tuple[str, str] | None, outcome: DecisionOutcome, code: str, reason: str
) -> None:
    made = scribe.decisions.refused(SIGNAL, replace(CANDIDATE, refusal=refusal))

    assert (made.outcome, made.code, made.reason) == (outcome, code, reason)
    assert (made.signal_id, made.agent_id, made.gates) == (SIGNAL.id, AGENT.id, (FILTER,))
    assert made.decided_at == scribe.clock.now()


@pytest.mark.parametrize(
    ("trade", "outcome", "code", "reason"),
    [
        # What a settled trade met on its way is over.
        (a_trade("settled", code="OLD", reason="over"), EXECUTED, None, None),
        (a_trade("intended"), EXECUTED, "RECOVERING", None),
        (a_trade("submitted"), EXECUTED, "RECOVERING", None),
        (
            a_trade("submitted", code="SWAP_UNKNOWN", reason="no answer"),
            EXECUTED,
            "SWAP_UNKNOWN",
            "no answer",
        ),
        (a_trade("failed", code="QUOTE_FAILED", reason="no route"), FAILED, "QUOTE_FAILED", "no route"),
        (a_trade("failed"), FAILED, None, None),
        (a_trade("expired", reason="never landed"), FAILED, None, "never landed"),
    ],
)
def test_a_trade_of_before_is_told_as_it_stands(
    scribe: Scribe, trade: SignalTrade, outcome: DecisionOutcome, code: str | None, reason: str | None
) -> None:
    made = scribe.decisions.earlier(SIGNAL, CANDIDATE, trade)

    assert (made.outcome, made.code, made.reason) == (outcome, code, reason)
    assert (made.intent_id, made.transaction_id, made.position_id) == (
        trade.intent_id,
        trade.transaction_id,
        trade.position_id,
    )
    assert made.gates == (FILTER,)


def test_a_purchase_is_told_with_all_its_gates_and_the_price_it_was_made_at(scribe: Scribe) -> None:
    scribe.price(3)
    position = a_position()
    settled = a_settlement(position.id, position=True)
    result = a_result(
        size_sol=Decimal("0.5"),
        position=position,
        settled=settled,
        fill=FILL,
        intended=True,
        stages_ms={"quoted": 1.5},
        gates=(PROTECTION,),
    )

    made = scribe.decisions.decided(SIGNAL, result, {AGENT.id: (FILTER,)})

    assert (made.outcome, made.code, made.reason) == (EXECUTED, None, None)
    assert made.gates == (FILTER, PROTECTION, Gate("purchase_validation", "passed", "passed", True))
    assert (made.intent_id, made.transaction_id, made.position_id) == (
        result.buyer.intent_id,
        settled.transaction.id,
        position.id,
    )
    # Of the quote, which is of this moment, and not of the feed.
    assert (made.price_sol, made.price_source, made.price_age_ms) == (Decimal("0.0005"), "quote", 0)
    assert (made.size_sol, made.latency_ms) == (Decimal("0.5"), {"quoted": 1.5})


@pytest.mark.parametrize("intended", [False, True])
def test_a_purchase_that_came_to_nothing_says_the_price_of_the_feed_and_how_old_it_was(
    scribe: Scribe, intended: bool
) -> None:
    scribe.price(3)
    result = a_result(code="QUOTE_FAILED", reason="no route", intended=intended)

    made = scribe.decisions.decided(SIGNAL, result, {})

    assert (made.outcome, made.code, made.reason) == (FAILED, "QUOTE_FAILED", "no route")
    # What failed after the intent is no gate: the purchase was allowed, and the code says what became of it.
    assert made.gates == (
        Gate("purchase_validation", "passed" if intended else "QUOTE_FAILED", "passed", intended),
    )
    assert made.intent_id == (result.buyer.intent_id if intended else None)
    assert (made.transaction_id, made.position_id) == (None, None)
    assert (made.price_sol, made.price_source, made.price_age_ms) == (Decimal("0.002"), "dexscreener", 3_000)


@pytest.mark.parametrize("half", [{"fill": FILL}, {"position": a_position()}], ids=["no position", "no fill"])
def test_a_quote_s_price_is_told_of_what_was_bought_only(scribe: Scribe, half: dict[str, Any]) -> None:
    made = scribe.decisions.decided(SIGNAL, a_result(code="X", reason="x", **half), {})

    assert (made.price_sol, made.price_source, made.price_age_ms) == (None, None, None)


def test_an_agent_that_sold_nothing_was_skipped_by_a_rule_or_failed_on_the_way(scribe: Scribe) -> None:
    refused = replace(VERDICT, refusal=("NO_POSITION", "not held"))
    position_id = PositionId(new_id())

    skipped = scribe.decisions.unsold(SIGNAL, CANDIDATE, refused)
    failed = scribe.decisions.unsold(SIGNAL, CANDIDATE, VERDICT, ("QUOTE_FAILED", "no route"), position_id)

    assert (skipped.outcome, skipped.code, skipped.reason) == (SKIPPED, "NO_POSITION", "not held")
    assert (failed.outcome, failed.code, failed.reason) == (FAILED, "QUOTE_FAILED", "no route")
    assert (skipped.position_id, failed.position_id) == (None, position_id)
    assert skipped.gates == failed.gates == (FILTER, HELD)


def test_a_sale_is_told_with_what_it_brought(scribe: Scribe) -> None:
    position = a_position()
    settled = a_settlement(position.id, position=False)
    fill = a_fill(500_000_000, 1_000_000_000)

    made = scribe.decisions.sold(SIGNAL, CANDIDATE, VERDICT, PositionOrderDone(position, settled, fill), 12.5)

    assert (made.outcome, made.code, made.reason, made.gates) == (EXECUTED, None, None, (FILTER, HELD))
    assert (made.intent_id, made.transaction_id, made.position_id) == (
        settled.intent_id,
        settled.transaction.id,
        position.id,
    )
    assert (made.size_sol, made.price_sol) == (Decimal(1), Decimal("0.002"))
    assert (made.price_source, made.price_age_ms, made.latency_ms) == ("quote", 0, {"sold": 12.5})


def test_a_sale_that_is_only_looked_at_has_a_quote_s_age_and_no_transaction(scribe: Scribe) -> None:
    preview = SalePreview(a_position(), a_fill(500_000_000, 1_000_000_000), VenueName("v"), 1.234)

    made = scribe.decisions.would_sell(SIGNAL, CANDIDATE, VERDICT, preview)

    assert (made.outcome, made.gates, made.position_id) == (EXECUTED, (FILTER, HELD), preview.position.id)
    assert (made.size_sol, made.price_sol, made.price_age_ms) == (Decimal(1), Decimal("0.002"), 1_234)
    assert (made.intent_id, made.transaction_id, made.latency_ms) == (None, None, {})


def test_nothing_could_be_decided(scribe: Scribe) -> None:
    made = scribe.decisions.failed(SIGNAL, CANDIDATE, "INTERNAL_ERROR", "a fault")

    assert (made.outcome, made.code, made.reason) == (FAILED, "INTERNAL_ERROR", "a fault")
    assert made.gates == (FILTER,)


@pytest.mark.parametrize(("limited", "limit"), [(True, "at most 5.00 %"), (False, None)])
def test_a_purchase_that_is_only_looked_at_shows_its_impact_and_what_is_allowed(
    scribe: Scribe, limited: bool, limit: str | None
) -> None:
    scribe.price(3)
    request = QuoteRequest(input_mint=SOL_MINT, output_mint=TOKEN, amount_raw=500_000_000)
    quote = a_quote(request, 1_000_000_000, price_impact_ratio=Decimal("-0.012345"))
    result = a_result(size_sol=Decimal("0.5"), gates=(PROTECTION,))
    if not limited:
        free = an_agent(a_config({"purchaseLimits": {"maxPriceImpact": None}}))
        result.buyer = replace(result.buyer, agent=replace(free, id=AGENT.id))

    made = scribe.decisions.previewed(
        SIGNAL, PurchasePreview(result, quote, 6, FILL, 1), {AGENT.id: (FILTER,)}
    )

    impact = Gate("price_impact", "1.2345 %", limit, True)
    assert made.outcome is EXECUTED
    assert made.gates == (FILTER, PROTECTION, impact, Gate("purchase_validation", "passed", "passed", True))
    assert (made.price_sol, made.price_source, made.price_age_ms) == (Decimal("0.0005"), "quote", 0)


@pytest.mark.parametrize("missing", ["quote", "decimals"])
def test_a_purchase_without_an_offer_is_refused_when_it_is_looked_at(scribe: Scribe, missing: str) -> None:
    request = QuoteRequest(input_mint=SOL_MINT, output_mint=TOKEN, amount_raw=500_000_000)
    whole = PurchasePreview(a_result(code="QUOTE_FAILED", reason="no route"), a_quote(request, 1), 6)
    preview = replace(whole, quote=None) if missing == "quote" else replace(whole, decimals=None)

    made = scribe.decisions.previewed(SIGNAL, preview, {})

    assert (made.outcome, made.code) == (FAILED, "QUOTE_FAILED")
    assert made.gates == (Gate("purchase_validation", "QUOTE_FAILED", "passed", False),)
