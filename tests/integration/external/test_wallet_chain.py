"""What nodes say of a wallet, and token accounts closed, against the sandbox's chain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from solders.keypair import Keypair

from nexgent.domain.reconciliation.errors import RentFailedError
from nexgent.domain.reconciliation.models import Movement
from nexgent.domain.trading.models import Landed, NeverLanded, StillUnknown
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.live import ABSENCE_SECONDS
from nexgent.infrastructure.external.solana.rent import SolanaRent
from nexgent.infrastructure.external.solana.rpc import TOKEN_2022_PROGRAM, RpcError, SolanaRpc
from nexgent.infrastructure.external.solana.wallet_chain import SolanaWalletChain
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.shared.clock import SystemClock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.integration.external.conftest import START_LAMPORTS, Trader

RENT = 1_488_440
OLD_RENT = 2_039_280


@pytest.fixture
def chain(rpc: SolanaRpc) -> SolanaWalletChain:
    return SolanaWalletChain(rpc)


async def test_a_snapshot_has_sol_and_the_accounts_of_both_token_programs(
    trader: Trader, chain: SolanaWalletChain
) -> None:
    new = (await trader.control.add_tokens([{"symbol": "NEW", "priceSol": "1", "program": "Token-2022"}]))[0]
    await trader.control.fund(trader.wallet, mint=trader.mint, amount=7)
    await trader.control.fund(trader.wallet, mint=new["mint"], amount=8)

    snapshot = await chain.snapshot(trader.wallet)

    assert snapshot.held_raw(SOL_MINT) == START_LAMPORTS
    assert snapshot.held_raw(trader.mint) == 7
    assert snapshot.held_raw(TokenAddress(new["mint"])) == 8
    assert snapshot.slot == (await trader.control.state())["slot"]
    (account,) = [one for one in snapshot.accounts if one.mint == new["mint"]]
    assert (account.program, account.lamports, account.size_bytes) == (TOKEN_2022_PROGRAM, RENT, 165)
    assert await chain.confirms(snapshot, [SOL_MINT, trader.mint, TokenAddress(new["mint"])])


async def test_silence_is_not_an_empty_wallet(trader: Trader, chain: SolanaWalletChain) -> None:
    await trader.control.fault("rpc_error", "rpc", method="getTokenAccountsByOwner", code=-32603)

    with pytest.raises((UpstreamCallError, RpcError)):
        await chain.snapshot(trader.wallet)


async def test_an_empty_list_is_denied_by_the_accounts(trader: Trader, chain: SolanaWalletChain) -> None:
    await trader.control.fund(trader.wallet, mint=trader.mint, amount=7)
    await trader.control.fault("empty", "rpc", method="getTokenAccountsByOwner")

    snapshot = await chain.snapshot(trader.wallet)

    assert snapshot.held_raw(trader.mint) == 0
    assert not await chain.confirms(snapshot, [trader.mint])


async def test_a_node_that_is_behind_is_not_asked(trader: Trader, chain: SolanaWalletChain) -> None:
    slot = (await trader.control.state())["slot"]
    await trader.control.fault("behind", "rpc", slots=30)

    with pytest.raises(UpstreamCallError):
        await chain.snapshot(trader.wallet, min_slot=slot)


async def test_a_block_is_as_old_as_its_slot_says(trader: Trader, chain: SolanaWalletChain) -> None:
    start = datetime.now(UTC) - timedelta(seconds=1)
    slot = (await chain.snapshot(trader.wallet)).slot
    assert start <= await chain.block_time(slot) <= datetime.now(UTC)

    await trader.control.fault("behind", "rpc", method="getBalance", slots=300, times=1)
    behind = await chain.snapshot(trader.wallet)
    assert await chain.block_time(behind.slot) < start - timedelta(seconds=60)
    with pytest.raises(UpstreamCallError):
        await chain.block_time(slot + 1)


async def test_a_second_node_has_to_have_seen_it_as_well(
    trader: Trader, rpc: SolanaRpc, http: HttpClient, base_url: str
) -> None:
    second = SolanaRpc(http=http, clock=SystemClock(), url=f"{base_url}/rpc/second")
    chain = SolanaWalletChain(rpc, [second])
    snapshot = await chain.snapshot(trader.wallet)

    with pytest.raises(UpstreamCallError):
        await chain.confirms(snapshot, [SOL_MINT])

    await trader.control.chain(secondNodeSlotsBehind=0)
    assert await chain.confirms(snapshot, [SOL_MINT])


async def test_a_swap_is_a_movement_with_its_fee_and_its_rent(
    trader: Trader, chain: SolanaWalletChain
) -> None:
    before = await chain.snapshot(trader.wallet)
    await trader.control.advance_slots(1)
    quote = await trader.quoted()
    submission = await trader.gateway.prepare(quote, trader.wallet)
    assert submission is not None
    outcome = await trader.gateway.execute(quote, submission)
    assert isinstance(outcome, Landed)

    (movement,) = await chain.movements(trader.wallet, after_slot=before.slot)

    after = await chain.snapshot(trader.wallet)
    assert movement.signature == submission.signature
    assert movement.change(SOL_MINT) == after.lamports - before.lamports
    assert movement.change(trader.mint) == outcome.fill.out_amount_raw
    assert (movement.network_fee_lamports, movement.rent_lamports) == (105_000, RENT)
    assert await chain.movements(trader.wallet, after_slot=after.slot) == []
    assert await chain.movement(trader.wallet, submission.signature) == movement


async def test_a_foreign_transaction_that_cannot_be_read_blocks_nothing(
    trader: Trader, chain: SolanaWalletChain
) -> None:
    before = await chain.snapshot(trader.wallet)
    await trader.control.advance_slots(1)
    quote = await trader.quoted()
    submission = await trader.gateway.prepare(quote, trader.wallet)
    await trader.gateway.execute(quote, submission)
    await trader.control.fault("rpc_error", "rpc", method="getTransaction", code=-32015)

    assert await chain.movements(trader.wallet, after_slot=before.slot) == []


# A second node, before a swap is called expired.


async def test_a_second_node_that_knows_the_swap_keeps_it_from_being_called_expired(
    trader: Trader, http: HttpClient, base_url: str
) -> None:
    second = SolanaRpc(http=http, clock=SystemClock(), url=f"{base_url}/rpc/second")
    gateway = trader.restarted(witnesses=[second])
    quote = await gateway.quote(trader.buy())
    submission = await gateway.prepare(quote, trader.wallet)
    assert submission is not None
    await trader.control.fault("fail_execute", "execute", code=-1001, after=True)
    # The first node has lost it: it does not know the transaction, nor that the wallet ever made one.
    for method, times in (("getTransaction", 9), ("getSignatureStatuses", 2), ("getSignaturesForAddress", 9)):
        await trader.control.fault("empty", "rpc", method=method, times=times)
    await gateway.execute(quote, submission)
    await trader.expire()

    for _ in range(2):
        outcome = await gateway.resolve(submission, trader.wallet, quote.request)
        trader.clock.ahead_seconds += ABSENCE_SECONDS
        assert isinstance(outcome, StillUnknown)


async def test_a_second_node_that_is_behind_cannot_tell_yet(
    trader: Trader, http: HttpClient, base_url: str
) -> None:
    second = SolanaRpc(http=http, clock=SystemClock(), url=f"{base_url}/rpc/second")
    gateway = trader.restarted(witnesses=[second])
    quote = await gateway.quote(trader.buy())
    submission = await gateway.prepare(quote, trader.wallet)
    assert submission is not None
    await trader.control.fault("fail_execute", "execute", code=-1001)
    await gateway.execute(quote, submission)
    await trader.expire()

    for _ in range(3):
        outcome = await gateway.resolve(submission, trader.wallet, quote.request)
        trader.clock.ahead_seconds += ABSENCE_SECONDS
        assert isinstance(outcome, StillUnknown)

    await trader.control.advance_slots(50)
    assert isinstance(await gateway.resolve(submission, trader.wallet, quote.request), NeverLanded)


# Rent.


class Closing:
    """A wallet of its own with a key, and the transactions that close its accounts."""

    def __init__(self, trader: Trader, rpc: SolanaRpc) -> None:
        key = Keypair()
        self.wallet = WalletAddress(str(key.pubkey()))
        self.control = trader.control
        self.mint = trader.mint
        self.rpc = rpc
        self.chain = SolanaWalletChain(rpc)
        self.rent = SolanaRent(rpc, self.chain, EnvironmentWalletKeys({"WALLET_1": str(key)}), self.may_send)

    async def may_send(self) -> None:
        """Nothing stands against it."""

    async def open(self, amount: int, *, program: str = "Token") -> None:
        """Give the wallet SOL and an account whose deposit is that of before rent was lowered."""
        await self.control.fund(self.wallet, lamports=10**9, replace=True)
        await self.control.chain(rentLamports=OLD_RENT)
        mint: str = self.mint
        if program != "Token":
            token = {"symbol": "T22", "priceSol": "1", "program": program}
            mint = (await self.control.add_tokens([token]))[0]["mint"]
        await self.control.fund(self.wallet, mint=mint, amount=1)
        await self.control.fund(self.wallet, mint=mint, amount=amount, replace=True)
        await self.control.chain(rentLamports=RENT)


@pytest.fixture
def closing(trader: Trader, rpc: SolanaRpc) -> Closing:
    return Closing(trader, rpc)


@pytest.mark.parametrize("program", ["Token", "Token-2022"])
async def test_an_empty_account_is_closed_and_its_deposit_comes_back(closing: Closing, program: str) -> None:
    await closing.open(0, program=program)
    snapshot = await closing.chain.snapshot(closing.wallet)
    submission = await closing.rent.prepare(closing.wallet, snapshot.accounts, [])
    assert isinstance(await closing.rent.outcome(submission, closing.wallet), StillUnknown)

    await closing.rent.send(submission)
    await closing.control.advance_slots(2)

    movement = await closing.rent.outcome(submission, closing.wallet)
    assert isinstance(movement, Movement)
    assert movement.change(SOL_MINT) == OLD_RENT - 5_000
    assert (movement.network_fee_lamports, movement.rent_lamports) == (5_000, -OLD_RENT)
    after = await closing.chain.snapshot(closing.wallet)
    assert after.accounts == ()
    assert after.lamports == 10**9 + OLD_RENT - 5_000
    # The same bytes a second time change nothing.
    with pytest.raises(RpcError):
        await closing.rent.send(submission)
    assert (await closing.chain.snapshot(closing.wallet)).lamports == after.lamports


async def test_the_excess_of_an_account_in_use_comes_back(closing: Closing) -> None:
    await closing.open(5)
    (account,) = (await closing.chain.snapshot(closing.wallet)).accounts
    assert await closing.rent.excess_lamports(account) == OLD_RENT - RENT

    submission = await closing.rent.prepare(closing.wallet, [], [account])
    await closing.rent.send(submission)
    await closing.control.advance_slots(2)

    after = await closing.chain.snapshot(closing.wallet)
    assert (after.accounts[0].lamports, after.accounts[0].amount_raw) == (RENT, 5)
    assert after.lamports == 10**9 + OLD_RENT - RENT - 5_000


async def test_an_account_that_is_not_empty_is_not_closed(closing: Closing) -> None:
    await closing.open(5)
    snapshot = await closing.chain.snapshot(closing.wallet)

    with pytest.raises(RentFailedError, match="nothing was sent"):
        await closing.rent.prepare(closing.wallet, snapshot.accounts, [])


async def test_a_transaction_that_vanished_is_given_up_after_its_expiry(closing: Closing) -> None:
    await closing.open(0)
    snapshot = await closing.chain.snapshot(closing.wallet)
    submission = await closing.rent.prepare(closing.wallet, snapshot.accounts, [])
    await closing.control.fault("vanish", "rpc", method="sendTransaction")
    await closing.rent.send(submission)
    await closing.control.advance_slots(150)
    assert isinstance(await closing.rent.outcome(submission, closing.wallet), StillUnknown)

    await closing.control.advance_slots(60)

    assert isinstance(await closing.rent.outcome(submission, closing.wallet), NeverLanded)
