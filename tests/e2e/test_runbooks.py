"""What docs/operations.md says to do about alarms, done while the fault is there: its commands name what is wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until

RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def steps(alert: str) -> str:
    """Return what is to be done about an alert."""
    return RUNBOOKS.read_text().partition(f"\n## {alert}\n")[2].partition("\n## ")[0]


async def said(product: Product, alert: str, *command: str, code: int = 0, typed: str = "") -> str:
    """Run a command that a runbook names; return what it said."""
    assert f"`nexgent {command[0]}" in steps(alert)
    ended, out, err = await product.run(*command, typed=typed)
    assert ended == code, out + err
    return out + err


async def test_commands_of_runbooks_name_what_is_wrong(tmp_path: Path) -> None:
    settings = {"NOTIFY_PRIVATE_ADDRESSES": "true"}
    async with (
        Product(tmp_path, settings).running() as product,
        SandboxControl(product.sandbox_url) as control,
    ):
        agent = await product.agent()
        token, other = (await product.tokens())[0], (await product.tokens())[1]["mint"]
        mint, price = token["mint"], Decimal(token["priceSol"])

        # NexgentExitsDelayed, and an upstream of which only orders fail.
        await product.signal(mint)
        position = (await until(lambda: product.positions(agent["id"]), "the position is open"))[0]["id"]
        await control.fault("status", "order", status=503)
        await control.set_price(mint, price / 3)

        async def waits() -> bool:
            return "is being sold (stop_loss)" in (await said(product, "NexgentExitsDelayed", "positions"))

        await until(waits, "the exit is said to wait")
        await until(
            lambda: _says(product, "NexgentExitsDelayed", "SWAP_UNAVAILABLE", "positions"), "and what for"
        )
        assert "leaving (stop_loss)" in await said(product, "NexgentExitsDelayed", "panic", "--status")
        close = ("close", position, "--preview")
        # An attempt to sell may be under way at that moment.
        await until(
            lambda: _says(product, "NexgentExitsDelayed", "HTTP 503", *close, code=1), "why it cannot be sold"
        )
        assert "fail" not in await said(product, "NexgentUpstreamFails", "doctor")
        assert "HTTP 503" in await said(product, "NexgentUpstreamFails", "buy", other, "--preview", code=3)
        await control.clear_faults()

        async def flat() -> bool:
            return not await product.positions(agent["id"])

        await until(flat, "it is sold")

        # NexgentPricesStale: doctor asks each source.
        for source in ("price", "dexscreener"):
            await control.fault("status", source, status=503)
        found = await said(product, "NexgentPricesStale", "doctor", code=1)
        assert found.count("answered 503") == 2
        await control.clear_faults()

        # NexgentTradesFail: the signal says why.
        await control.fault("status", "order", status=400)
        signal_id = await product.signal(other, kind="REFUSED")
        await until(
            lambda: _says(product, "NexgentTradesFail", "QUOTE_FAILED", "explain", str(signal_id)),
            "the reason is told",
        )
        await control.clear_faults()

        # NexgentNotificationsFail: who is not told, and why.
        await product.run("notify", "--add", "Bot", "--webhook", typed="http://127.0.0.1:9/x\n")
        assert "no connection" in await said(
            product, "NexgentNotificationsFail", "notify", "--test", "Bot", code=3
        )
        assert "Bot" in await said(product, "NexgentNotificationsFail", "notify")

        # NexgentProjectionLag: the queue says that nobody writes, and nothing has to be repaired once somebody does.
        worker = product.worker()
        worker.suspend()
        try:

            async def silent() -> bool:
                health = (await product.http.get(f"{product.url}/api/v1/health")).json()
                return bool(health["services"]["queue"]["status"] == "unhealthy")

            await until(silent, "the worker is missed")
        finally:
            worker.resume()
        assert "nothing is repaired" in await said(product, "NexgentProjectionLag", "verify", "--repair")


async def _says(product: Product, alert: str, words: str, *command: str, code: int = 0) -> bool:
    return words in await said(product, alert, *command, code=code)
