"""An agent's whole life without a call of the API: made, configured, traded with, reported on, copied, deleted."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.product import Product, until


async def test_an_agents_life_in_commands(product: Product) -> None:
    mints = [token["mint"] for token in await product.tokens()]

    async def said(*arguments: str, typed: str = "", code: int = 0) -> str:
        ended, out, err = await product.run(*arguments, typed=typed)
        assert ended == code, (arguments, out, err)
        return out if code == 0 else err

    async def document(*arguments: str, typed: str = "") -> Any:
        return json.loads(await said(*arguments, "--json", typed=typed))

    assert "nexgent agents create" in await said("agents", "list")
    agent = await document("agents", "create", "First one", "--deposit", "5")
    assert "First one" in await said("agents", "list")
    assert (await document("agents", "show"))["performance"]["portfolioBalanceSol"] == 5

    changed = await document(
        "agents",
        "config",
        "First one",
        "--set",
        "stopLoss.defaultPercentage=-12.5",
        "--set",
        "signals.minScore=3",
    )
    assert (changed["stopLoss"]["defaultPercentage"], changed["signals"]["minScore"]) == (-12.5, 3)
    refused = await said("agents", "config", "--set", "stopLoss.defaultPercent=-10", code=3)
    assert "defaultPercentage" in refused, "the setting that was meant"
    assert await document("agents", "config") == changed
    assert (await document("agents", "stop"))["automatedTradingSimulation"] is False
    assert "stopped" in await said("agents", "list")
    assert (await document("agents", "start", "First one"))["automatedTradingSimulation"] is True

    assert "Nothing was bought" in await said("buy", mints[0], "--size", "0.5", "--preview")
    assert await said("positions") == "First one holds nothing.\n"
    bought = await document("buy", mints[0], "--size", "0.5")
    assert bought["positionId"] in await said("positions")
    await document("buy", mints[1], "--size", "0.25")
    assert "Nothing was sold" in await said("close", mints[0], "--percent", "40", "--preview")
    (whole, _) = await document("close", "--all", "--preview")
    assert whole["remainingAmount"] == 0
    (seen,) = await document("close", bought["positionId"], "--percent", "40", "--preview")
    (part,) = await document("close", bought["positionId"], "--percent", "40")
    assert seen["amount"] == part["inputAmount"], "nothing was sold before, and it is sold as it was shown"
    assert part["remainingAmount"] > 0
    assert "Sold" in await said("close", mints[0])
    assert "Nobody is there to be asked" in await said("close", "--all", code=2)
    assert len(await document("close", "--all", "--yes")) == 1
    assert "holds no" in await said("close", mints[0], code=2)

    trades = await document("history", "--limit", "5")
    assert [trade["tokenAddress"] for trade in trades] == [mints[1], mints[0]]
    assert "manual" in await said("history")
    report = await document("report", "--by", "token")
    assert report["total"]["trades"] == 2
    assert {group["group"].split()[-1] for group in report["groups"]} == {mints[0], mints[1]}
    for by in ("day", "week", "reason", "signal"):
        assert (await document("report", "--by", by))["total"] == report["total"]
        assert "all" in await said("report", "--by", by)

    rules = await said("agents", "export", "First one")
    (product.folder / "rules.json").write_text(rules)
    copy = await document("agents", "copy", "First one", "Second one")
    assert await document("agents", "config", "Second one") == json.loads(rules)
    third = await document("agents", "create", "Third one", "--rules", "rules.json")
    assert await document("agents", "config", third["id"]) == json.loads(rules)
    await said("agents", "config", "Second one", "--set", "signals.minScore=1")
    assert await document("agents", "import", "Second one", "-", typed=rules) == json.loads(rules)
    (product.folder / "odd.json").write_text('{"stopLoss": {"enabled": "perhaps"}}')
    assert "enabled" in await said("agents", "create", "Odd one", "--rules", "odd.json", code=3)
    (product.folder / "broken.json").write_text('{"stopLoss":\n {')
    assert "broken.json is not JSON (line 2" in await said(
        "agents", "import", "Third one", "broken.json", code=2
    )
    assert "several" not in await said("agents", "list")
    assert {one["name"] for one in await document("agents", "list")} == {
        "First one",
        "Second one",
        "Third one",
    }

    assert "Nobody is there to be asked" in await said("agents", "delete", "Second one", code=2)
    await said("agents", "delete", copy["id"], "--yes")
    assert copy["id"] in {one["id"] for one in await document("agents", "list", "--deleted")}
    assert "say which one" in await said("deposit", "1", code=2)
    await said("deposit", "1.5", "--agent", "Third one")
    assert (await document("agents", "show", "Third one"))["performance"]["portfolioBalanceSol"] == 1.5
    for wrong in ("0", "-1", "1e3", "0.0000000001", "٣"):
        assert "amount of SOL" in await said("deposit", "--agent", agent["id"], "--", wrong, code=2)
    code, verified = await product.verify()
    assert code == 0, verified


async def test_the_running_service_says_more_at_once_and_forgets_that_with_its_next_start(
    product: Product,
) -> None:
    part = "nexgent.infrastructure.websocket"
    agent = await product.agent()

    async def level(*arguments: str) -> Any:
        code, out, err = await product.run("log-level", *arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    async def a_client_comes_and_goes() -> None:
        async with product.follow(agent["id"]) as frames:
            await frames.next(lambda frame: True, "the first frame")

    async def told() -> bool:
        return "websocket.closed" in product.log("service")

    usual = await level()
    await a_client_comes_and_goes()
    assert not await told()

    assert (await level("debug", "--logger", part))["loggers"] == {part: "debug"}
    await a_client_comes_and_goes()
    await until(told, "the client that left is told of")

    product.kill_service()
    await product.start_service()
    assert await level() == usual == {"configured": usual["level"], "level": usual["level"], "loggers": {}}
