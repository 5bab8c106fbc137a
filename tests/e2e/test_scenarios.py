"""A story that is played on a running sandbox makes an agent of the product trade."""

from __future__ import annotations

from tests.e2e.product import Product, until


async def test_a_rug_is_sold_by_the_stop_while_the_story_is_told(product: Product) -> None:
    agent = await product.agent()
    token = (await product.tokens())[0]
    await product.signal(token["mint"])
    await until(lambda: product.positions(agent["id"]), "the position is open")

    code, out, err = await product.run(
        "sandbox",
        "--at",
        product.sandbox_url,
        "--scenario",
        "rug",
        "--token",
        token["symbol"],
        "--speed",
        "10",
    )

    assert (code, err) == (0, "")
    assert f"{token['symbol']}: the liquidity is gone, price × 0.05" in out

    async def sold() -> bool:
        trades = await product.closed(agent["id"])
        return [trade["closeReason"] for trade in trades] == ["stop_loss"]

    await until(sold, "the stop has sold")
    code, out, err = await product.run(
        "sandbox", "--at", product.sandbox_url, "--scenario", "rug", "--token", "NONE"
    )
    assert (code, out) == (2, "")
    assert err.startswith("There is no token NONE; this market has ")
