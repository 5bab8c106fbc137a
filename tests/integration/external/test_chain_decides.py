"""What is booked is what the chain says, whatever else answers; and the chain has to say it twice that something never was."""

from __future__ import annotations

import base64

import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV1, TransactionConfig
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.models import Landed, NeverLanded, Quote, Reverted, StillUnknown
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.live import ABSENCE_SECONDS
from nexgent.infrastructure.external.solana.rpc import RENT_KEPT_SECONDS, SolanaRpc
from tests.integration.external.conftest import START_LAMPORTS, Trader


async def test_an_order_of_version_1_is_signed_sent_and_read(trader: Trader) -> None:
    await trader.control.chain(orderVersion=1)
    quote, submission = await _prepared(trader)
    assert base64.b64decode(submission.signed_transaction)[0] == 0x81

    outcome = await trader.gateway.execute(quote, submission)

    assert isinstance(outcome, Landed)
    assert outcome.fill.fees.network_fee_lamports == 105_000
    await _books_are_right(trader, outcome)


async def test_a_new_process_reads_a_swap_of_version_1(trader: Trader) -> None:
    await trader.control.chain(orderVersion=1)
    quote, submission = await _prepared(trader)
    await trader.control.fault("drop_after", "execute", times=1)
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)

    outcome = await trader.restarted().resolve(submission, trader.wallet, quote.request)

    assert isinstance(outcome, Landed)
    await _books_are_right(trader, outcome)


async def test_a_foreign_transaction_of_version_1_is_read(trader: Trader) -> None:
    signature = await _foreign_transaction(trader)

    transaction = await trader.rpc.transaction(signature)

    assert transaction is not None
    assert transaction["version"] == 1


LIES: dict[str, dict[str, object]] = {
    "doubled amounts": {"kind": "wrong_amounts"},
    "a hundredth of the amounts": {"kind": "wrong_amounts", "factor": "0.01"},
    "slippage, but it landed": {"kind": "fail_execute", "code": 6001, "after": True},
    "the quote expired, but it landed": {"kind": "fail_execute", "code": -2003, "after": True},
    "invalid, but it landed": {"kind": "fail_execute", "code": -1002, "after": True},
    "unknown order, but it landed": {"kind": "fail_execute", "code": -1, "after": True},
}


@pytest.mark.parametrize("rule", LIES.values(), ids=LIES.keys())
async def test_whatever_execute_answers_a_landed_swap_is_booked_as_it_landed(
    trader: Trader, rule: dict[str, object]
) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault(endpoint="execute", **rule)  # type: ignore[arg-type]

    outcome = await trader.gateway.execute(quote, submission)
    if isinstance(outcome, StillUnknown):
        outcome = await trader.again(submission, quote.request)

    assert isinstance(outcome, Landed)
    await _books_are_right(trader, outcome)


async def test_a_success_with_nothing_landed_is_not_booked(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("false_success", "execute")

    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)
    await trader.expire()

    assert isinstance(await trader.resolved(submission, quote.request), NeverLanded)
    assert await trader.rpc.balance_lamports(trader.wallet) == START_LAMPORTS


async def test_a_claimed_revert_that_is_not_on_the_chain_costs_nothing(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("vanish", "execute")
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)
    await trader.expire()

    assert not isinstance(await trader.resolved(submission, quote.request), Reverted)


async def test_one_absence_is_none(trader: Trader) -> None:
    quote, submission = await _prepared(trader)
    await trader.control.fault("vanish", "execute")
    await trader.gateway.execute(quote, submission)
    await trader.expire()

    outcomes = [await trader.again(submission, quote.request) for _ in range(3)]
    assert [type(outcome) for outcome in outcomes] == [StillUnknown] * 3
    # What has expired is not posted again, although nobody has called it lost yet.
    assert (await trader.control.requests())["counts"]["execute"] == 1
    trader.clock.ahead_seconds += ABSENCE_SECONDS
    assert isinstance(await trader.again(submission, quote.request), NeverLanded)


async def test_a_landed_swap_is_never_called_expired_by_a_node_that_is_behind(trader: Trader) -> None:
    quote, submission = await _landed_unknown(trader)
    await trader.control.advance_slots(100)
    await trader.expire()
    # Every other look at the chain meets the node that has not seen the swap yet.
    for method in ("getTransaction", "getSignatureStatuses", "getSignaturesForAddress"):
        await trader.control.fault("behind", "rpc", slots=400, method=method, times=2)

    for _ in range(4):
        outcome = await trader.resolved(submission, quote.request)
        assert not isinstance(outcome, NeverLanded)
    assert isinstance(outcome, Landed)


@pytest.mark.parametrize("method", ["getTransaction", "getSignatureStatuses"])
async def test_a_node_that_answers_null_is_asked_in_other_words(trader: Trader, method: str) -> None:
    quote, submission = await _landed_unknown(trader)
    await trader.expire()
    await trader.control.fault("empty", "rpc", method="getTransaction", times=3)
    await trader.control.fault("empty", "rpc", method=method)

    for _ in range(3):
        assert not isinstance(await trader.resolved(submission, quote.request), NeverLanded)

    await trader.control.clear_faults()
    assert isinstance(await trader.again(submission, quote.request), Landed)


async def test_an_order_that_understates_its_height_is_waited_for(trader: Trader) -> None:
    await trader.control.chain(understatedBlocks=145)
    quote, submission = await _prepared(trader)
    await trader.control.fault("land_later", "execute", slots=100, times=1)
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)

    # By its own words the order has expired long ago; the blockhash that was signed is still valid.
    await trader.control.advance_slots(60)
    for _ in range(3):
        assert isinstance(await trader.resolved(submission, quote.request), StillUnknown)

    await trader.control.advance_slots(60)
    assert isinstance(await trader.again(submission, quote.request), Landed)


async def test_rent_is_what_the_node_says(trader: Trader, http: HttpClient, base_url: str) -> None:
    rpc = SolanaRpc(http=http, clock=trader.clock, url=f"{base_url}/rpc")
    assert await rpc.rent_lamports() == 1_488_440
    await trader.control.chain(rentLamports=1_000_000)
    assert await rpc.rent_lamports() == 1_488_440
    trader.clock.ahead_seconds += RENT_KEPT_SECONDS
    assert await rpc.rent_lamports() == 1_000_000

    quote, submission = await _prepared(trader)
    outcome = await trader.gateway.execute(quote, submission)
    assert isinstance(outcome, Landed)
    assert outcome.fill.fees.rent_lamports == 1_000_000


async def _prepared(trader: Trader) -> tuple[Quote, Submission]:
    quote = await trader.quoted()
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert submission is not None
    return quote, submission


async def _landed_unknown(trader: Trader) -> tuple[Quote, Submission]:
    """Return a swap that has landed while its answer was lost."""
    quote, submission = await _prepared(trader)
    await trader.control.fault("drop_after", "execute", times=1)
    assert isinstance(await trader.gateway.execute(quote, submission), StillUnknown)
    return quote, submission


async def _books_are_right(trader: Trader, outcome: Landed) -> None:
    """Hold the fill of a buy against the chain, to the unit."""
    fill = outcome.fill
    assert await trader.held() == {trader.mint: fill.out_amount_raw}
    assert fill.total_in_raw is not None
    left = await trader.rpc.balance_lamports(trader.wallet)
    assert left == START_LAMPORTS - fill.total_in_raw - fill.fees.network_and_rent_lamports


async def _foreign_transaction(trader: Trader) -> str:
    """Let somebody else send the wallet a lamport, in a transaction of version 1."""
    other = Keypair()
    await trader.control.fund(str(other.pubkey()), lamports=1_000_000)
    blockhash = Hash.from_string((await trader.rpc.latest_blockhash()).blockhash)
    pay = transfer(
        TransferParams(from_pubkey=other.pubkey(), to_pubkey=Pubkey.from_string(trader.wallet), lamports=1)
    )
    message = MessageV1.try_compile(other.pubkey(), [pay], blockhash, TransactionConfig(priority_fee=1))
    raw = base64.b64encode(bytes(VersionedTransaction(message, [other]))).decode()
    signature: str = await trader.rpc.call(
        "sendTransaction", [raw, {"encoding": "base64", "skipPreflight": True}]
    )
    await trader.control.advance_slots(2)
    return signature
