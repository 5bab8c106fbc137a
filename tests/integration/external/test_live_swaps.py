"""Live swaps against the sandbox: every answer of `/execute`, and finding out what became of a swap."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.errors import SwapHeldBackError, SwapNotSentError
from nexgent.domain.trading.models import Landed, NeverLanded, Quote, Reverted, StillUnknown
from nexgent.infrastructure.database.connection import DatabaseUnavailableError
from nexgent.infrastructure.external.jupiter import live
from nexgent.infrastructure.external.jupiter.live import EXPIRY_MARGIN_BLOCKS, SEND_WITHIN_SECONDS
from nexgent.shared.errors import UnavailableError
from tests.integration.external.conftest import API_KEY, LIFETIME_BLOCKS, START_LAMPORTS, Trader
from tests.patience import PATIENCE_SECONDS

RENT_LAMPORTS = 1_488_440
NETWORK_LAMPORTS = 105_000


async def test_a_buy_lands_with_the_amounts_the_chain_booked(trader: Trader) -> None:
    quote = await trader.quoted()
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert submission is not None

    outcome = await trader.gateway.execute(quote, submission)

    assert isinstance(outcome, Landed)
    fill = outcome.fill
    assert fill.signature == submission.signature
    assert fill.total_in_raw == 100_000_000
    assert fill.in_amount_raw == 99_900_000  # 10 bps of the input are Jupiter's
    assert fill.fees.protocol_fee_bps == 10
    assert fill.fees.network_fee_lamports == NETWORK_LAMPORTS
    assert fill.fees.rent_lamports == RENT_LAMPORTS
    assert fill.slippage_bps == 50
    held = await trader.held()
    assert held == {trader.mint: fill.out_amount_raw}
    left = await trader.rpc.balance_lamports(trader.wallet)
    assert left == START_LAMPORTS - 100_000_000 - fill.fees.network_and_rent_lamports


async def test_what_the_chain_tells_is_what_execute_told(trader: Trader) -> None:
    quote = await trader.quoted()
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert submission is not None
    told = await trader.gateway.execute(quote, submission)
    assert isinstance(told, Landed)

    # A new process knows no quote, so only the chain can tell it the amounts and fees.
    found = await trader.restarted().resolve(submission, trader.wallet, quote.request)

    assert isinstance(found, Landed)
    assert found.fill.total_in_raw == told.fill.total_in_raw
    assert found.fill.out_amount_raw == told.fill.out_amount_raw
    assert found.fill.fees.network_fee_lamports == NETWORK_LAMPORTS
    assert found.fill.fees.rent_lamports == RENT_LAMPORTS
    assert found.fill.fees.protocol_fee_lamports is None
    assert len(await trader.transactions()) == 1


async def test_a_sale_found_on_the_chain_balances_to_the_lamport(trader: Trader) -> None:
    await trader.control.fund(trader.wallet, mint=trader.mint, amount=5_000_000_000)
    before = await trader.rpc.balance_lamports(trader.wallet)
    quote = await trader.quoted(trader.sell(5_000_000_000))
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert submission is not None
    await trader.control.fault("drop_after", "execute", times=1)
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)

    outcome = await trader.restarted().resolve(submission, trader.wallet, quote.request)

    assert isinstance(outcome, Landed)
    after = await trader.rpc.balance_lamports(trader.wallet)
    assert outcome.fill.total_out_raw is not None
    assert after - before == outcome.fill.total_out_raw - outcome.fill.fees.network_and_rent_lamports
    assert outcome.fill.total_in_raw == 5_000_000_000


async def test_an_old_order_is_not_sent_any_more(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    trader.clock.ahead_seconds += SEND_WITHIN_SECONDS + 1

    with pytest.raises(SwapNotSentError, match="too old"):
        await trader.gateway.execute(quote, submission)

    assert await trader.transactions() == []


NO_PROOF = [-1000, -2000, -1001, -2001, -77, -2, -3, -1, -1002, -1003, -1004, -2002, -2003, -2004]


@pytest.mark.parametrize("code", NO_PROOF)
async def test_an_answer_that_proves_nothing_is_unknown_until_expiry(trader: Trader, code: int) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("fail_execute", "execute", code=code)

    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)
    assert isinstance(await trader.gateway.resolve(submission, trader.wallet, quote.request), StillUnknown)

    await trader.expire()
    outcome = await trader.resolved(submission, quote.request)
    assert isinstance(outcome, NeverLanded)


async def test_the_margin_of_expiry_is_kept(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("fail_execute", "execute", code=-1000)
    await trader.gateway.execute(quote, submission)

    await trader.control.advance_slots(LIFETIME_BLOCKS + EXPIRY_MARGIN_BLOCKS)

    assert isinstance(await trader.resolved(submission, quote.request), StillUnknown)


async def test_a_refusal_after_an_ambiguous_post_proves_nothing(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("status", "execute", times=1, status=500)
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)
    await trader.control.fault("fail_execute", "execute", code=-1)

    outcome = await trader.gateway.resolve(submission, trader.wallet, quote.request)

    assert isinstance(outcome, StillUnknown)


@pytest.mark.parametrize("code", [6001, 6024])
async def test_a_program_error_is_reverted_and_its_fee_is_spent(trader: Trader, code: int) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("fail_execute", "execute", code=code)

    outcome = await trader.gateway.execute(quote, submission)

    assert isinstance(outcome, Reverted)
    assert outcome.network_fee_lamports == NETWORK_LAMPORTS
    assert str(code) in outcome.reason
    assert await trader.rpc.balance_lamports(trader.wallet) == START_LAMPORTS - NETWORK_LAMPORTS


async def test_a_revert_found_on_the_chain_costs_its_fee(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("fail_execute", "execute", code=6001, times=1)
    await trader.control.fault("drop_after", "execute", times=1)
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)

    outcome = await trader.restarted().resolve(submission, trader.wallet, quote.request)

    assert isinstance(outcome, Reverted)
    assert outcome.network_fee_lamports == NETWORK_LAMPORTS


@pytest.mark.parametrize("kind", ["drop_after", "status", "html_error"])
async def test_a_swap_that_landed_behind_a_failure_is_found_once(trader: Trader, kind: str) -> None:
    quote, submission = await _prepared(trader)
    details: dict[str, object] = {} if kind == "drop_after" else {"status": 502, "after": True}
    await trader.control.fault(kind, "execute", times=1, **details)

    unknown = await trader.gateway.execute(quote, submission)
    outcome = await trader.gateway.resolve(submission, trader.wallet, quote.request)

    assert isinstance(unknown, StillUnknown)
    assert isinstance(outcome, Landed)
    assert outcome.fill.in_amount_raw == 99_900_000
    assert await trader.transactions() == [submission.signature]


async def test_a_swap_that_landed_behind_a_timeout_is_found_once(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("timeout", "execute", times=1, seconds=PATIENCE_SECONDS, after=True)

    unknown = await trader.restarted(patience_seconds=0.5).execute(quote, submission)
    # It may not have landed yet on a busy machine, or not even arrived.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while isinstance(
            outcome := await trader.gateway.resolve(submission, trader.wallet, quote.request), StillUnknown
        ):
            await asyncio.sleep(0.05)

    assert isinstance(unknown, StillUnknown)
    assert isinstance(outcome, Landed)
    assert await trader.transactions() == [submission.signature]


async def test_posting_again_is_not_waited_for_as_long_as_the_first_time(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hangs on to one swap holds up those behind it, and the chain says what became of it anyway."""
    quote, submission = await _prepared(trader)
    monkeypatch.setattr(live, "REPOST_TIMEOUT_SECONDS", 0.2)
    await trader.control.fault("timeout", "execute", times=1, seconds=10 * PATIENCE_SECONDS)

    async with asyncio.timeout(PATIENCE_SECONDS):
        unknown = await trader.restarted(10 * PATIENCE_SECONDS).resolve(
            submission, trader.wallet, quote.request
        )
    outcome = await trader.gateway.resolve(submission, trader.wallet, quote.request)

    assert isinstance(unknown, StillUnknown)
    assert isinstance(outcome, Landed)
    assert await trader.transactions() == [submission.signature]


async def test_a_rate_limited_post_is_posted_again(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("rate_limit", "execute", times=1, seconds=0)
    unknown = await trader.gateway.execute(quote, submission)
    assert await trader.transactions() == []

    async with asyncio.timeout(PATIENCE_SECONDS):
        while isinstance(
            outcome := await trader.gateway.resolve(submission, trader.wallet, quote.request), StillUnknown
        ):
            await asyncio.sleep(0.05)

    assert isinstance(unknown, StillUnknown)
    assert isinstance(outcome, Landed)
    assert await trader.transactions() == [submission.signature]


async def test_a_swap_that_lands_late_is_found_although_it_was_called_lost(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("land_later", "execute", slots=20, times=1)
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)
    assert isinstance(await trader.gateway.resolve(submission, trader.wallet, quote.request), StillUnknown)
    await trader.control.advance_slots(25)

    outcome = await trader.gateway.resolve(submission, trader.wallet, quote.request)

    assert isinstance(outcome, Landed)
    assert await trader.transactions() == [submission.signature]


async def test_the_chain_alone_finds_it_when_jupiter_stays_away(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("drop_after", "execute", times=1)
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)
    await trader.control.fault("status", "execute", status=503)

    outcome = await trader.gateway.resolve(submission, trader.wallet, quote.request)

    assert isinstance(outcome, Landed)
    # The quote is remembered, so the protocol fee is known although the chain does not show it.
    assert outcome.fill.in_amount_raw == 99_900_000
    assert outcome.fill.fees.protocol_fee_lamports == 99_900
    assert outcome.fill.price_impact_ratio == quote.price_impact_ratio


async def test_without_chain_and_jupiter_it_stays_unknown(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("status", "*", status=503)

    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)
    assert isinstance(await trader.gateway.resolve(submission, trader.wallet, quote.request), StillUnknown)


async def test_a_node_that_lags_is_asked_again(trader: Trader) -> None:
    await trader.control.fault("rpc_error", "rpc", code=-32005, times=2)

    assert await trader.rpc.balance_lamports(trader.wallet) == START_LAMPORTS


async def test_quote_fields_of_a_live_order(trader: Trader) -> None:
    quote = await trader.quoted()

    assert quote.in_amount_raw == 100_000_000
    assert quote.last_valid_block_height is not None
    assert quote.transaction
    assert Decimal(-1) < quote.price_impact_ratio < 0
    assert quote.swap_usd_value == Decimal(15)
    assert quote.routes_json is not None
    assert quote.routes_json.startswith("[")
    assert API_KEY not in quote.payload_json


async def _prepared(trader: Trader) -> tuple[Quote, Submission]:
    quote = await trader.quoted()
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert submission is not None
    return quote, submission


@pytest.mark.parametrize("refusal", [NotTheEngineError(), DatabaseUnavailableError("away")])
async def test_nothing_is_posted_that_the_lease_does_not_allow(
    trader: Trader, refusal: UnavailableError
) -> None:
    quote = await trader.quoted()
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert submission is not None
    trader.leave.refusal = refusal

    with pytest.raises(SwapHeldBackError):
        await trader.gateway.execute(quote, submission)
    # Nor again by recovery, in this process or another one.
    for gateway in (trader.gateway, trader.restarted()):
        assert isinstance(await gateway.resolve(submission, trader.wallet, quote.request), StillUnknown)

    assert "execute" not in (await trader.control.requests())["counts"]
    trader.leave.refusal = None
    assert isinstance(await trader.gateway.resolve(submission, trader.wallet, quote.request), Landed)
    assert (await trader.control.requests())["counts"]["execute"] == 1
