"""The drill: back up while it trades, lose everything, restore, and go on."""

from __future__ import annotations

import asyncio
import json
import shutil
import stat

from tests.e2e.product import Product, until

PASSPHRASE = "correct horse battery\n"


async def test_everything_is_lost_but_the_backup(product: Product) -> None:
    agent = await product.agent()
    tokens = [token["mint"] for token in await product.tokens()]
    await product.signal(tokens[0])
    await until(lambda: product.positions(agent["id"]), "the position is open")
    stop = asyncio.Event()

    async def trade_on() -> int:
        trades = 0
        while not stop.is_set():
            mint = tokens[1 + trades % (len(tokens) - 1)]
            body = {"agentId": agent["id"], "tokenAddress": mint, "positionSize": "0.1"}
            bought = await product.call("POST", "/trades/execute", body)
            close = f"/agents/{agent['id']}/positions/{bought['positionId']}/close"
            await product.call("POST", close, {"reason": "manual"})
            trades += 1
        return trades

    trading = asyncio.create_task(trade_on())
    await until(lambda: product.closed(agent["id"]), "it trades")
    code, out, err = await product.run("backup", "--encrypt", "--json", "books.backup", typed=PASSPHRASE)
    stop.set()
    trades = await trading
    assert code == 0, err
    taken = json.loads(out)
    file = product.folder / "books.backup"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert agent["id"].encode() not in file.read_bytes()
    assert not list(product.folder.glob(".books*"))
    assert 0 < taken["tables"]["agent_historical_swaps"] <= trades

    code, _, err = await product.run("backup", "books.backup")
    assert (code, "exists already" in err) == (2, True)
    code, _, err = await product.run("restore", "books.backup", typed=PASSPHRASE)
    assert (code, "not empty" in err) == (3, True), "the service runs on it"

    product.kill_service()
    shutil.rmtree(product.folder / "data")

    code, _, err = await product.run("restore", "books.backup", typed="something else\n")
    assert (code, "passphrase" in err) == (2, True)
    code, out, err = await product.run("restore", "--check", "--json", "books.backup", typed=PASSPHRASE)
    assert (code, json.loads(out)) == (0, taken), err
    assert not (product.folder / "data").exists(), "looking makes no data folder"
    code, out, err = await product.run("restore", "books.backup", typed=PASSPHRASE)
    assert (code, "The books balance." in out) == (0, True), err

    await product.start_service()
    await product.login()
    assert [one["id"] for one in await product.call("GET", "/agents")] == [agent["id"]]
    closed = await product.closed(agent["id"])
    # What was in the journal and in no table yet is projected now.
    assert taken["tables"]["agent_historical_swaps"] <= len(closed) <= trades
    open_before = await product.positions(agent["id"])
    held = {position["tokenAddress"] for position in open_before}
    assert tokens[0] in held
    # What was just bought by hand in the moment of the backup may be held as well.
    await product.signal(next(mint for mint in tokens if mint not in held), symbol="NEW")

    async def bought() -> bool:
        return len(await product.positions(agent["id"])) > len(open_before)

    await until(bought, "it trades on")
    code, report = await product.verify("--all")
    assert code == 0, report


async def test_what_cannot_be_done_is_said(product: Product) -> None:
    for arguments, code, words in (
        (("backup", "nowhere/books.backup"), 3, "No such file"),
        (("backup", "--encrypt", "books.backup"), 2, "at least 12 characters"),
        (("restore", "books.backup"), 2, "There is no file"),
        (("restore", "--check", "sandbox.log"), 1, "not a backup of nexgent"),
    ):
        ended, out, err = await product.run(*arguments)
        assert (ended, out) == (code, ""), arguments
        assert words in err, arguments
