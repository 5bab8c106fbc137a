"""A wallet whose key is stored encrypted: it trades while unlocked, its stop waits while locked, and nothing leaks the key."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from pathlib import Path

from redis.asyncio import Redis
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until

PASSPHRASE = "canary passphrase 7Qf2-Zk"
WRONG = "canary mistake 9Lm4-Xw"


async def command(product: Product, *arguments: str, text: str = "") -> tuple[int, str]:
    """Run a command of ours with a text on its standard input; return its exit code and everything it printed."""
    code, out, err = await product.run(*arguments, typed=text)
    return code, out + err


def traces(key: Keypair) -> list[bytes]:
    """Return the forms in which bytes on a disk could show the key or a passphrase."""
    raw, seed = bytes(key), bytes(key)[:32]
    numbers = json.dumps(list(seed), separators=(",", ":"))[1:-1].encode()
    spaced = json.dumps(list(seed))[1:-1].encode()
    encoded = [base64.b64encode(raw)[:40], raw.hex().encode()[:60], str(key).encode()]
    return [seed, numbers, spaced, *encoded, PASSPHRASE.encode(), WRONG.encode()]


def files_with(folder: Path, wanted: list[bytes]) -> list[str]:
    """Return the files below a folder in which one of the texts is."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += [str(path) for text in wanted if text in content]
    return found


async def test_it_trades_while_unlocked_and_nothing_shows_its_key(product: Product) -> None:
    key = Keypair()
    wallet = str(key.pubkey())
    async with SandboxControl(product.sandbox_url) as control:
        token = {"symbol": "ENC", "priceSol": "0.001", "liquiditySol": "1000", "decimals": 6}
        mint = (await control.add_tokens([token]))[0]["mint"]
        await control.fund(wallet, lamports=10 * 10**9)
        agent = await product.call("POST", "/agents", {"name": "Live", "tradingMode": "live"}, expect=201)
        config = {"positionCalculator": {"randomization": {"enabled": False}}}
        await product.call("PATCH", f"/agents/{agent['id']}/config", {"config": config})
        body = {"agentId": agent["id"], "passphrase": PASSPHRASE, "privateKey": str(key)}
        created = await product.call("POST", "/wallets", body, expect=201)
        assert (created["walletAddress"], created["isUnlocked"]) == (wallet, False)
        await product.call("POST", f"/wallets/{wallet}/check-deposits", {"agentId": agent["id"]})

        # Locked, it does not buy, and the decision says why.
        refused = await product.signal(mint, kind="LOCKED")
        (decision,) = await until(lambda: product.decisions(refused), "the decision is recorded")
        assert decision["code"] == "WALLET_LOCKED"
        code, said = await command(product, "wallets", "--unlock", wallet, text=WRONG + "\n")
        assert (code, "Forbidden: the passphrase is wrong" in said) == (3, True), said
        code, said = await command(product, "wallets", "--unlock", wallet, "--json", text=PASSPHRASE + "\n")
        assert code == 0, said
        assert json.loads(said)["isUnlocked"] is True

        await product.signal(mint, kind="UNLOCKED")
        held = (await until(lambda: product.positions(agent["id"]), "the position is open"))[0]
        assert held["purchase"]["transaction"]["hash"]

        # The key dies with the process; the stop that fires without it is kept until the key is back.
        product.kill_service()
        await product.start_service()
        await control.set_price(mint, Decimal("0.0004"))

        async def waits() -> bool:
            return "exit.attempt_failed" in product.log("service")

        await until(waits, "the exit waits for the key")
        assert "wallet.stranded" in product.log("service")
        _, said = await command(product, "wallets")
        assert wallet in said
        assert "locked" in said
        code, said = await command(product, "wallets", "--unlock", wallet, "--json", text=PASSPHRASE + "\n")
        assert code == 0, said

        async def sold() -> bool:
            return not await product.positions(agent["id"]) and bool(await product.closed(agent["id"]))

        # At once, not when the resting exit would have woken up by itself.
        await until(sold, "the position is sold")
        report = await product.verify()
        assert report[0] == 0, report

    exported = await product.call(
        "POST", f"/wallets/{wallet}/export", {"passphrase": PASSPHRASE, "confirm": True}
    )
    assert exported["privateKey"] == str(key)
    # Everything that is kept: the logs, PostgreSQL's files with its write-ahead log, and what Redis holds.
    redis: Redis = Redis.from_url(product.redis_url)
    await redis.save()
    await redis.aclose()
    assert files_with(product.folder, [wallet.encode()])
    assert files_with(product.folder, traces(key)) == []
