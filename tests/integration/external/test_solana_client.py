"""A client that is not ours understands the sandbox's node: solana-py's, over HTTP, with the responses that it decodes strictly.

Our own RPC client could be wrong in the same way as the sandbox; this one is not written by us.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solana.rpc.core import RPCException
from solana.rpc.models import TokenAccountOpts, TxOpts
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from tests.unit.sandbox.market import ONE_SOL, Trader, a_market


@dataclass(frozen=True)
class World:
    """Somebody with 10 SOL, and the client that looks at the chain."""

    trader: Trader
    client: AsyncClient

    async def transfer(self, lamports: int, to: Pubkey) -> VersionedTransaction:
        """Return a signed transfer with the blockhash that the client was told."""
        sender = self.trader.key.pubkey()
        latest = (await self.client.get_latest_blockhash()).value
        message = MessageV0.try_compile(
            sender,
            [transfer(TransferParams(from_pubkey=sender, to_pubkey=to, lamports=lamports))],
            [],
            latest.blockhash,
        )
        return VersionedTransaction(message, [self.trader.key])

    async def swap(self) -> Signature:
        """Buy with an order of a transaction v1, and return its signature."""
        order = await self.trader.order("buy", ONE_SOL)
        answer = (await self.trader.execute(order)).json()
        assert answer["status"] == "Success"
        return Signature.from_string(answer["signature"])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_market(order_version=1) as trader:
        client = AsyncClient(f"{trader.url}/rpc", commitment=Confirmed, timeout=30)
        try:
            yield World(trader, client)
        finally:
            await client.close()


async def test_balances_and_token_accounts(world: World) -> None:
    owner, mint = world.trader.key.pubkey(), Pubkey.from_string(world.trader.mint)

    before = (await world.client.get_balance(owner)).value
    none = (await world.client.get_token_accounts_by_owner(owner, TokenAccountOpts(mint=mint))).value
    await world.swap()
    after = (await world.client.get_balance(owner)).value
    (raw,) = (await world.client.get_token_accounts_by_owner(owner, TokenAccountOpts(mint=mint))).value
    (parsed,) = (
        await world.client.get_token_accounts_by_owner_json_parsed(owner, TokenAccountOpts(mint=mint))
    ).value

    assert (before, none) == (10 * ONE_SOL, [])
    assert after == await world.trader.lamports() < 9 * ONE_SOL
    info: Any = dict(parsed.account.data.parsed)["info"]
    assert (info["mint"], info["owner"]) == (str(mint), str(owner))
    assert int(info["tokenAmount"]["amount"]) == await world.trader.quantity() > 0
    # As the token program lays an account out: mint, owner, amount.
    assert raw.pubkey == parsed.pubkey
    assert raw.account.data[:64] == bytes(mint) + bytes(owner)
    assert int.from_bytes(raw.account.data[64:72], "little") == await world.trader.quantity()


async def test_a_swap_of_version_1_is_found_and_read(world: World) -> None:
    owner = world.trader.key.pubkey()
    before = (await world.client.get_balance(owner)).value
    signature = await world.swap()

    listed = (await world.client.get_signatures_for_address(owner, limit=10)).value
    (status,) = (await world.client.get_signature_statuses([signature])).value
    found = (
        await world.client.get_transaction(
            signature, encoding="base64", commitment=Confirmed, max_supported_transaction_version=1
        )
    ).value

    assert [one.signature for one in listed] == [signature]
    assert status is not None
    assert status.err is None
    assert found is not None
    assert (found.slot, found.transaction.version) == (listed[0].slot, 1)
    meta = found.transaction.meta
    assert meta is not None
    assert meta.err is None
    assert meta.pre_balances[0] == before
    assert meta.post_balances[0] == (await world.client.get_balance(owner)).value
    bought = next(one for one in meta.post_token_balances or () if one.owner == owner)
    assert int(bought.ui_token_amount.amount) == await world.trader.quantity()
    sent = found.transaction.transaction
    assert isinstance(sent, VersionedTransaction)
    assert sent.signatures[0] == signature


async def test_a_reader_of_old_versions_is_told_so(world: World) -> None:
    signature = await world.swap()

    with pytest.raises(RPCException, match="not supported by the requesting client"):
        await world.client.get_transaction(
            signature, commitment=Confirmed, max_supported_transaction_version=0
        )


async def test_a_transfer_is_simulated_sent_and_confirmed(world: World) -> None:
    to = Pubkey.new_unique()
    transaction = await world.transfer(2 * ONE_SOL, to)

    simulated = (await world.client.simulate_transaction(transaction, sig_verify=True)).value
    nothing_yet = (await world.client.get_balance(to)).value
    signature = (await world.client.send_transaction(transaction)).value
    await world.trader.control.advance_slots(2)

    assert simulated.err is None
    assert simulated.units_consumed
    assert nothing_yet == 0
    assert signature == transaction.signatures[0]
    assert (await world.client.get_balance(to)).value == 2 * ONE_SOL
    landed = (
        await world.client.get_transaction(
            signature, encoding="json", commitment=Confirmed, max_supported_transaction_version=1
        )
    ).value
    assert landed is not None


async def test_what_cannot_be_paid_is_refused_before_it_is_sent(world: World) -> None:
    transaction = await world.transfer(11 * ONE_SOL, Pubkey.new_unique())

    simulated = (await world.client.simulate_transaction(transaction)).value
    with pytest.raises(RPCException, match="simulation failed"):
        await world.client.send_transaction(transaction)
    unchecked = (await world.client.send_transaction(transaction, TxOpts(skip_preflight=True))).value
    await world.trader.control.advance_slots(2)

    assert simulated.err is not None
    assert unchecked == transaction.signatures[0]
    assert await world.trader.lamports() < 10 * ONE_SOL
    assert await world.trader.lamports() > 9 * ONE_SOL


async def test_a_blockhash_is_good_as_long_as_was_said(world: World) -> None:
    latest = (await world.client.get_latest_blockhash()).value
    transaction = await world.transfer(1, Pubkey.new_unique())
    height = (await world.client.get_block_height()).value

    assert height < latest.last_valid_block_height
    await world.trader.control.advance_slots(latest.last_valid_block_height - height + 1)

    refused = (await world.client.simulate_transaction(transaction)).value
    assert "BlockhashNotFound" in str(refused.err)
