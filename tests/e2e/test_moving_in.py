"""The whole way: an installation of the reference is taken over by the command, and its users go on where they were."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from tests.e2e.cluster import lay_out_empty_cluster
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, SOL_MINT, Product, until
from tests.reference.databases import (
    ALICE,
    API_KEY,
    CAROL,
    LIVE_KEY,
    LIVE_TWIN,
    LIVE_WALLET,
    PAPER_WALLET,
    TWIN,
    fingerprint,
    reference_database,
)

NUMBERS = {
    "transactionValueUsd": "transaction_value_usd",
    "fees": "fees",
    "inputAmount": "input_amount",
    "inputPrice": "input_price",
    "outputAmount": "output_amount",
    "outputPrice": "output_price",
    "slippage": "slippage",
    "protocolFeeSol": "protocol_fee_sol",
    "networkFeeSol": "network_fee_sol",
}
OF_TRADES = {
    "amount": "amount",
    "purchasePrice": "purchase_price",
    "salePrice": "sale_price",
    "profitLossSol": "profit_loss_sol",
    "profitLossUsd": "profit_loss_usd",
}


def shown(row: dict[str, Any], names: dict[str, str]) -> dict[str, Decimal | None]:
    """Figures as the API shows them, under the names of the tables."""
    return {
        column: Decimal(str(row[name])) if row[name] is not None else None for name, column in names.items()
    }


def kept(row: asyncpg.Record, names: dict[str, str]) -> dict[str, Decimal | None]:
    return {column: row[column] for column in names.values()}


async def test_users_go_on_where_they_were(tmp_path: Path, postgres_url: str) -> None:
    product = Product(tmp_path, {"WALLET_1": LIVE_KEY})
    try:
        await product.start_sandbox()
        token = next(one["mint"] for one in await product.tokens() if one["decimals"] == 6)
        await product.set_price(token, "0.0006")
        await lay_out_empty_cluster(tmp_path / "data", ADMIN_EMAIL, ADMIN_PASSWORD)
        async with reference_database(postgres_url, "migrations", "story", token=token) as reference:
            await _taken_over(product, reference)
            await product.start_service()
            await _all_the_same(product, reference, token)
            await _trading_goes_on(product, token)
    finally:
        await product.stop()


async def _taken_over(product: Product, reference: str) -> None:
    before = await fingerprint(reference)
    code, out, err = await product.run("import-reference", "-", "--dry-run", typed=f"{reference}\n")
    assert (code, err) == (0, ""), out
    assert (
        "transactions          7  7" in " ".join(out.replace("  ", " ").split(" ")) or "transactions" in out
    )
    assert "Nothing was written. The same command with --yes carries it out." in out
    assert "moods" in out
    code, out, err = await product.run("import-reference", reference, "--yes", "--json")
    assert code == 0, err
    done = json.loads(out)
    assert (done["written"], done["complete"], done["clean"], done["notes"]) == (True, True, True, [])
    assert done["things"]["transactions"] == {"there": 7, "taken": 7, "here": 0, "leftOut": 0}
    code, out, err = await product.run("import-reference", reference, "--yes")
    assert (code, "Everything is here already" in out) == (0, True), err
    assert await fingerprint(reference) == before, "nothing is changed there"


async def _all_the_same(product: Product, reference: str, token: str) -> None:
    code, _, err = await product.run("import-reference", reference)
    assert (code, "A service trades on this database" in err) == (3, True)
    await product.login(*ALICE)
    await product.login(*CAROL)
    user = ALICE[0]
    agents = await product.call("GET", "/agents", user=user)
    assert [one["name"] for one in agents] == ["Twin", "Twin"]
    config = await product.call("GET", f"/agents/{TWIN}/config", user=user)
    assert "moods" not in json.dumps(config, default=str)
    balances = await product.call("GET", f"/agent-balances?agentId={TWIN}", user=user)
    assert {one["tokenAddress"]: one["balance"] for one in balances if Decimal(one["balance"])} == {
        SOL_MINT: "9.99989",
        token: "1000.5",
        "3buW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG": "0.000000001",
    }
    connection = await asyncpg.connect(reference)
    try:
        for path, table, names in (
            (f"/agent-transactions?agentId={TWIN}", "agent_transactions", NUMBERS),
            (f"/agent-historical-swaps?agentId={TWIN}", "agent_historical_swaps", OF_TRADES),
        ):
            theirs = {
                str(row["id"]): row
                for row in await connection.fetch(f"SELECT * FROM {table} WHERE agent_id = $1", TWIN)
            }
            ours = await product.call("GET", path, user=user)
            assert {one["id"] for one in ours} == set(theirs), table
            for one in ours:
                assert shown(one, names) == kept(theirs[one["id"]], names), table
                assert one["walletAddress"] == PAPER_WALLET
    finally:
        await connection.close()
    (position,) = await product.call("GET", f"/agent-positions/{TWIN}", user=user)
    assert (position["id"][-3:], position["walletAddress"], position["createdAt"]) == (
        "d01",
        PAPER_WALLET,
        "2025-02-10T00:00:02.000Z",
    )
    assert Decimal(str(position["purchase"]["priceNative"])) == Decimal("0.000249968753905761")
    assert Decimal(str(position["purchase"]["amount"])) == Decimal("2000.25")
    assert Decimal(str(position["takeProfit"]["remainingAmount"])) == Decimal("1000.5")
    assert (position["takeProfit"]["levelsHit"], position["takeProfit"]["moonBagActivated"]) == (1, True)
    assert Decimal(str(position["dca"]["totalInvestedSol"])) == Decimal("0.505005")
    connection = await asyncpg.connect(product.database_url)
    try:
        worthless = await connection.fetchval(
            "SELECT count(*) FROM agent_balance_snapshots WHERE agent_id = $1 AND portfolio_balance_sol = 0",
            TWIN,
        )
    finally:
        await connection.close()
    assert worthless == 0, "nobody says that it had nothing until it came here"
    signals = await product.http.get(f"{product.url}/api/v1/trading-signals", headers={"X-API-Key": API_KEY})
    assert signals.status_code == 200, signals.text
    assert {one["id"] for one in signals.json()} >= {11, 40}
    wallets = await product.call("GET", "/wallets", user=user)
    live = next(one for one in wallets["wallets"] if one["walletAddress"] == LIVE_WALLET)
    assert live["agentId"] == LIVE_TWIN
    code, report = await product.verify("--all")
    assert code == 0, report


async def _trading_goes_on(product: Product, token: str) -> None:
    """The position is sold with what it had cost and brought there; a record of there can be taken away here."""
    user = ALICE[0]
    (position,) = await product.call("GET", f"/agent-positions/{TWIN}", user=user)

    async def sold() -> bool:
        path = f"/agents/{TWIN}/positions/{position['id']}/close"
        await product.ask("POST", path, {"reason": "manual"}, user=user, expect=(200, 404))
        return not await product.call("GET", f"/agent-positions/{TWIN}", user=user)

    await until(sold, "the position is sold")

    async def recorded() -> list[dict[str, Any]]:
        trades = await product.call("GET", f"/agent-historical-swaps?agentId={TWIN}", user=user)
        return [one for one in trades if one["tokenAddress"] == token]

    (trade,) = await until(recorded, "the trade is recorded")
    assert trade["purchaseTransactionId"].endswith("f02")
    # About 0.6 SOL for what is left; 0.505005 had been paid for all, and the half that was sold there had brought 0.376.
    assert Decimal("0.4") < Decimal(str(trade["profitLossSol"])) < Decimal("0.48")
    deposit = "00000000-0000-4000-8000-000000000f01"
    await product.ask("DELETE", f"/agent-transactions/{deposit}", user=user, expect=(200, 204))
    balances = await product.call("GET", f"/agent-balances?agentId={TWIN}", user=user)
    left = next(Decimal(one["balance"]) for one in balances if one["tokenAddress"] == SOL_MINT)
    assert left > Decimal("10.5"), "it moved nothing here, and takes nothing back"
    code, report = await product.verify("--all")
    assert code == 0, report
