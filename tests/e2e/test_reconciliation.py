"""Live wallets held against the chain by the running product: what happens elsewhere is in the books soon, once."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from solders.keypair import Keypair
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import SOL_MINT, Product, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WALLETS = 8
FUNDS = 10 * 10**9
PAST_EXPIRY_SLOTS = 400
SETTLED_SECONDS = 90.0
"""A balance that has just changed is compared after 20 seconds, and what is found looked at twice."""


@dataclass
class Owner:
    """A live agent with a wallet of its own, and a token of its own."""

    product: Product
    control: SandboxControl
    key: Keypair
    agent: dict[str, Any]
    mint: str
    signals: int = 0

    @property
    def wallet(self) -> str:
        """The address."""
        return str(self.key.pubkey())

    async def chain(self) -> dict[str, int]:
        """Return what the chain says the wallet holds."""
        account = (await self.control.state())["accounts"][self.wallet]
        held = {SOL_MINT: int(account["lamports"]), **{m: int(n) for m, n in account["tokens"].items()}}
        return {mint: amount for mint, amount in held.items() if amount}

    async def ledger(self) -> dict[str, int]:
        """Return the same as the product has it."""
        decimals = {token["mint"]: token["decimals"] for token in await self.product.tokens()} | {SOL_MINT: 9}
        rows = await self.product.call("GET", f"/agent-balances?agentId={self.agent['id']}")
        held = {
            row["tokenAddress"]: int(Decimal(row["balance"]).scaleb(decimals[row["tokenAddress"]]))
            for row in rows
            if row["walletAddress"] == self.wallet
        }
        return {mint: amount for mint, amount in held.items() if amount}

    async def rows(self) -> list[dict[str, Any]]:
        """Return the transactions, oldest first."""
        found = await self.product.call("GET", f"/agent-transactions?agentId={self.agent['id']}&limit=1000")
        return sorted(found, key=lambda row: row["createdAt"])

    async def position(self) -> dict[str, Any] | None:
        """Return the open position."""
        found = await self.product.positions(self.agent["id"])
        return found[0] if found else None

    async def signal(self) -> int:
        """Post a signal only this agent follows."""
        self.signals += 1
        return await self.product.signal(self.mint, kind=f"TEST-{self.signals}")

    async def bought(self) -> dict[str, Any]:
        """Buy; return the position."""
        await self.signal()
        position: dict[str, Any] = await until(self.position, "the position is open")
        return position

    async def agree(self) -> None:
        """Wait until the ledger says what the chain says."""

        async def agreed() -> bool:
            return await self.ledger() == await self.chain()

        try:
            await until(agreed, "ledger and chain agree", SETTLED_SECONDS)
        except AssertionError:
            assert await self.ledger() == await self.chain()

    async def swap_elsewhere(self, input_mint: str, output_mint: str, amount: int) -> str:
        """Swap with the wallet's key without the product; return the signature."""
        http, url = self.product.http, self.product.sandbox_url
        query = {"inputMint": input_mint, "outputMint": output_mint, "amount": str(amount)}
        order = (await http.get(f"{url}/swap/v2/order", params={**query, "taker": self.wallet})).json()
        message = VersionedTransaction.from_bytes(base64.b64decode(order["transaction"])).message
        signature = self.key.sign_message(bytes(to_bytes_versioned(message)))
        signed = VersionedTransaction.populate(message, [signature])
        body = {
            "signedTransaction": base64.b64encode(bytes(signed)).decode(),
            "requestId": order["requestId"],
        }
        answer = (await http.post(f"{url}/swap/v2/execute", json=body)).json()
        assert answer["status"] == "Success", answer
        return str(signature)


async def nexgent(product: Product, *arguments: str) -> tuple[int, Any]:
    """Run a command; return its exit code and its JSON."""
    code, out, err = await product.run(*arguments, "--json")
    assert out, err
    return code, json.loads(out)


async def verify_chain(product: Product) -> tuple[int, dict[str, Any]]:
    """Run `nexgent verify --chain --json`."""
    return await nexgent(product, "verify", "--chain")


async def settled(product: Product, *owners: Owner) -> None:
    """Wait until a look at the owners' wallets finds nothing any more. A look costs less than a command, which is a process."""

    async def nothing() -> bool:
        for owner in owners:
            status, found = await product.ask(
                "POST", f"/wallets/{owner.wallet}/reconcile", {}, expect=(200, 409)
            )
            if status == 409:  # a trade has just ended
                return False
            if found["waiting"] or found["booked"] or found["differences"]:
                return False
        return True

    await until(nothing, "nothing is found any more", SETTLED_SECONDS)


async def looked(control: SandboxControl) -> None:
    """Wait until the product has looked at its wallets once more."""

    async def asked() -> int:
        counts = (await control.requests(last=0))["counts"]
        return int(counts.get("rpc.getGenesisHash", 0))

    enough = await asked() + 2 * WALLETS

    async def often_enough() -> bool:
        return await asked() >= enough

    await until(often_enough, "the wallets were looked at", SETTLED_SECONDS)


@pytest.fixture(scope="module")
def keys() -> list[Keypair]:
    return [Keypair() for _ in range(WALLETS)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory, keys: list[Keypair]) -> AsyncIterator[Product]:
    """One product that compares its wallets every second."""
    settings = {f"WALLET_{number}": str(key) for number, key in enumerate(keys, 1)}
    async with Product(
        tmp_path_factory.mktemp("reconciled"), {**settings, "RECONCILE_SECONDS": "1"}
    ).running() as product:
        yield product


async def an_owner(product: Product, control: SandboxControl, key: Keypair, name: str) -> Owner:
    token = {"symbol": name, "priceSol": "0.001", "liquiditySol": "1000", "decimals": 6}
    mint = (await control.add_tokens([token]))[0]["mint"]
    await control.fund(str(key.pubkey()), lamports=FUNDS)
    agent = await product.call("POST", "/agents", {"name": name, "tradingMode": "live"}, expect=201)
    config = {
        "signals": {"tokenFilterMode": "whitelist", "tokenList": [mint]},
        "positionCalculator": {"randomization": {"enabled": False}},
    }
    await product.call("PATCH", f"/agents/{agent['id']}/config", {"config": config})
    body = {"agentId": agent["id"], "walletAddress": str(key.pubkey()), "walletType": "live"}
    await product.call("POST", "/wallets/assign", body, expect=201)
    owner = Owner(product, control, key, agent, mint)
    await owner.agree()
    return owner


async def test_what_happens_elsewhere_is_booked_once(live: Product, keys: list[Keypair]) -> None:
    async with SandboxControl(live.sandbox_url) as control:
        names = ("MOVED", "PART", "SOLD", "BOUGHT", "LATE", "ORPHAN", "GIVEN")
        moved, part, sold, bought, late, orphan, given = [
            await an_owner(live, control, keys.pop(), name) for name in names
        ]
        for owner in (moved, part, sold):
            await owner.bought()
        # A swap that is on the chain, and that the node denies until it has been called expired.
        await control.fault("fail_execute", "execute", code=-1001, after=True, times=20)
        for method in ("getTransaction", "getSignatureStatuses", "getSignaturesForAddress"):
            await control.fault("empty", "rpc", method=method)
        signal_id = await late.signal()

        async def was_sent() -> bool:
            return late.mint in (await control.state())["accounts"][late.wallet]["tokens"]

        await until(was_sent, "the swap has landed")
        await control.advance_slots(PAST_EXPIRY_SLOTS)

        async def is_expired() -> bool:
            decisions = await live.decisions(signal_id)
            return any(one["code"] == "SWAP_EXPIRED" for one in decisions)

        await until(is_expired, "the swap was called expired")
        await control.clear_faults()

        part_held = (await part.chain())[part.mint]
        await control.fund(moved.wallet, mint=moved.mint, amount=0, replace=True)
        await control.fund(part.wallet, mint=part.mint, amount=part_held // 4, replace=True)
        sale = await sold.swap_elsewhere(sold.mint, SOL_MINT, (await sold.chain())[sold.mint])
        purchase = await bought.swap_elsewhere(SOL_MINT, bought.mint, 10**9)
        await control.fund(orphan.wallet, mint=orphan.mint, amount=7_000_000)
        await control.fund(given.wallet, lamports=2 * 10**9)

        for owner in (moved, part, sold, bought, late, given):
            await owner.agree()

        (trade,) = await live.closed(moved.agent["id"])
        assert trade["closeReason"] == "external"
        assert Decimal(trade["profitLossSol"]) == 0
        assert await moved.position() is None

        position = await part.position()
        assert position is not None
        assert (await part.ledger())[part.mint] == part_held // 4

        (trade,) = await live.closed(sold.agent["id"])
        assert trade["closeReason"] == "external"
        assert Decimal(trade["profitLossSol"]).scaleb(9) == (await sold.ledger())[SOL_MINT] - FUNDS
        assert [row["transactionHash"] for row in await sold.rows()][-1] == sale

        swaps = [row for row in await bought.rows() if row["transactionType"] == "SWAP"]
        assert [row["transactionHash"] for row in swaps] == [purchase]
        assert await bought.position() is None

        position = await late.position()
        assert position is not None
        swaps = [row for row in await late.rows() if row["transactionType"] == "SWAP"]
        assert len(swaps) == 1
        told = [one for one in await live.decisions(signal_id) if one["agentId"] == late.agent["id"]]
        assert [(one["outcome"], one["code"]) for one in told] == [("EXECUTED", None)]

        assert [row["transactionType"] for row in await given.rows()] == ["DEPOSIT", "DEPOSIT"]

        # An orphan is shown, adopted, and no orphan any more.
        path = f"/wallets/{orphan.wallet}"

        async def shown() -> list[dict[str, Any]]:
            answer = await live.call("GET", f"{path}/reconciliation")
            found: list[dict[str, Any]] = answer["orphans"]
            return found

        (one,) = await until(shown, "the orphan is shown")
        assert one["tokenAddress"] == orphan.mint
        assert Decimal(one["amount"]) == Decimal(7)
        adopted = await live.call("POST", f"{path}/adopt", {"tokenAddress": orphan.mint})
        position = await orphan.position()
        assert position is not None
        assert position["id"] == adopted["positionId"]
        assert Decimal(adopted["costSol"]) == Decimal("0.007")

        # Everything agrees, and looking again writes nothing.
        await settled(live, moved, part, sold, bought, late, orphan, given)
        code, report = await verify_chain(live)
        assert code == 0, report
        entries = report["entries"]
        for owner in (moved, part, sold, late, given):
            answer = await live.call("POST", f"/wallets/{owner.wallet}/reconcile", {})
            assert (answer["booked"], answer["differences"]) == (0, [])
        _, report = await verify_chain(live)
        assert report["entries"] == entries

        health = await live.call("GET", "/health")
        assert health["reconciliation"]["wallets"] == len(names)
        assert health["reconciliation"]["differences"] == 0
        assert health["reconciliation"]["orphans"] == 1


async def test_a_node_that_says_nothing_true_is_not_believed(live: Product, keys: list[Keypair]) -> None:
    async with SandboxControl(live.sandbox_url) as control:
        owner = await an_owner(live, control, keys.pop(), "TRUE")
        await owner.bought()
        before = await owner.ledger()

        await settled(live, owner)
        code, report = await verify_chain(live)
        assert code == 0, report
        assert report["chain"]
        entries = report["entries"]
        await control.fault("empty", "rpc", method="getTokenAccountsByOwner")
        code, report = await verify_chain(live)
        assert code == 3
        assert {one["state"] for one in report["chain"]} == {"not compared", "agrees"}
        await looked(control)
        await control.fault("rpc_error", "rpc", code=-32603)
        await looked(control)
        code, report = await verify_chain(live)
        assert code == 3
        assert {one["state"] for one in report["chain"]} == {"not compared"}
        await control.clear_faults()
        await control.chain(genesis="another chain")
        code, report = await verify_chain(live)
        assert code == 3
        await control.chain(genesis="")

        assert await owner.ledger() == before
        assert await owner.position() is not None
        code, report = await verify_chain(live)
        assert (code, report["entries"]) == (0, entries)

        await control.fund(owner.wallet, mint=owner.mint, amount=0, replace=True)
        await owner.agree()


async def test_deposits_come_back_and_commands_tell(tmp_path: Path) -> None:
    key = Keypair()
    settings = {
        "WALLET_1": str(key),
        "RECONCILE_SECONDS": "1",
        "CLOSE_EMPTY_TOKEN_ACCOUNTS": "true",
        "PRICE_MAX_AGE_SECONDS": "60",
    }
    async with (
        Product(tmp_path, settings).running() as product,
        SandboxControl(product.sandbox_url) as control,
    ):
        owner = await an_owner(product, control, key, "RENT")
        await owner.bought()
        _, shown = await nexgent(product, "rent")
        [account] = shown[0]["accounts"]
        assert (account["closes"], account["reclaimable"]) == (False, "0")

        # An exit leaves the account empty, and it is closed by itself.
        await control.set_price(owner.mint, Decimal("0.0005"))

        async def came_back() -> bool:
            return [row["transactionType"] for row in await owner.rows()][3:] == ["DEPOSIT"]

        await until(came_back, "the account was closed", SETTLED_SECONDS)
        await owner.agree()
        assert await owner.position() is None
        assert (await nexgent(product, "rent"))[1][0]["accounts"] == []
        (trade,) = await product.closed(owner.agent["id"])
        rows = await owner.rows()
        assert [row["transactionType"] for row in rows] == ["DEPOSIT", "SWAP", "SWAP", "DEPOSIT"]
        earned = (await owner.ledger())[SOL_MINT] - FUNDS
        rent = Decimal(rows[-1]["inputAmount"])
        assert rent == Decimal("0.00148844") - Decimal("0.000005")
        assert Decimal(trade["profitLossSol"]) + rent == Decimal(earned).scaleb(-9)

        # Tokens somebody sends are listed and adopted from the command line.
        await control.fund(owner.wallet, mint=owner.mint, amount=3_000_000)

        async def listed() -> bool:
            answer = await product.call("GET", f"/wallets/{owner.wallet}/reconciliation")
            return bool(answer["orphans"])

        await until(listed, "the orphan is listed", SETTLED_SECONDS)
        await settled(product, owner)
        (orphan,) = (await nexgent(product, "adopt"))[1][0]["orphans"]
        assert orphan["amount"] == "3"
        code, adopted = await nexgent(product, "adopt", owner.mint, "--cost", "0.0015")
        assert (code, adopted["costSol"]) == (0, "0.0015")
        assert await owner.position() is not None

        # With the service down nothing is booked, and the difference is told by the exit code.
        await settled(product, owner)
        product.kill_service()
        await control.fund(owner.wallet, lamports=10**9)

        async def differs() -> dict[str, Any] | None:
            code, report = await verify_chain(product)
            return report if code == 1 else None

        report = await until(differs, "the difference is told", SETTLED_SECONDS)
        (check,) = report["chain"]
        (found,) = check["findings"]
        assert (check["state"], found["kind"], found["difference_raw"]) == ("differs", "deposit", 10**9)
        assert (await verify_chain(product))[1]["entries"] == report["entries"]
