"""Balances, transactions, positions, closed trades and signals, over a real engine in memory."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar

import httpx
import pytest

from nexgent.api.encoding import iso
from nexgent.api.v1.balances.schemas import written
from nexgent.domain.agents.models import Agent
from nexgent.domain.bookkeeping.balances import PART_ROWS
from nexgent.domain.bookkeeping.ports import ListedBalance, OwnedBalance
from nexgent.domain.ledger.state import Balance
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.signals.models import DecisionOutcome, Gate
from nexgent.domain.transactions.queries import TransactionRow
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import SignalId, TokenAddress, TransactionId, UserId
from tests.builders import TOKEN, a_closed_trade_row, a_decision, a_price
from tests.fakes.api import FakeApi
from tests.fakes.bookkeeping import FakeEmptyBalances

NOW = datetime(2026, 2, 3, 4, 5, 6, 789_000, UTC)


def deposit(agent: Agent, **changes: object) -> dict[str, object]:
    return {
        "agentId": str(agent.id),
        "transactionType": "DEPOSIT",
        "transactionValueUsd": "150.50",
        "transactionTime": "2026-02-03T04:05:06.789Z",
        "inputMint": SOL_MINT,
        "inputSymbol": "SOL",
        "inputAmount": "1.5",
        "inputPrice": "1",
        **changes,
    }


def empty_balances(agent: Agent, rows: int) -> list[ListedBalance]:
    wallet, found = agent.wallets[0].address, []
    for number in reversed(range(rows)):
        balance = Balance(TokenAddress(f"{number:044d}"), "T", 6, 0, NOW)
        text = written(OwnedBalance(agent.id, wallet, balance), None)
        found.append(ListedBalance(balance.updated_at, balance.mint, text))
    return found


async def balances(client: httpx.AsyncClient, agent: Agent) -> dict[str, str]:
    rows = (await client.get(f"/api/v1/agent-balances?agentId={agent.id}")).json()
    return {row["tokenSymbol"]: row["balance"] for row in rows}


class TestTransactions:
    async def test_a_deposit_moves_the_balance(self, client: httpx.AsyncClient, agent: Agent) -> None:
        response = await client.post(
            "/api/v1/agent-transactions", json=deposit(agent, routes=[{"percent": 0.1}])
        )

        assert response.status_code == 201
        body = response.json()
        assert body["transactionValueUsd"] == "150.5"
        assert body["inputAmount"] == "1.5"
        assert body["transactionTime"] == "2026-02-03T04:05:06.789Z"
        assert body["routes"] == [{"percent": 0.1}]
        assert body["outputMint"] is None
        assert body["walletAddress"] == agent.wallets[0].address
        assert await balances(client, agent) == {"SOL": "11.5"}

    async def test_swap_and_burn(self, client: httpx.AsyncClient, agent: Agent) -> None:
        swap = deposit(
            agent,
            transactionType="SWAP",
            inputAmount=2,
            outputMint=TOKEN,
            outputSymbol="TKN",
            outputAmount="100.25",
        )
        assert (await client.post("/api/v1/agent-transactions", json=swap)).status_code == 201
        burn = deposit(agent, transactionType="BURN", inputMint=TOKEN, inputSymbol="TKN", inputAmount=0.25)
        assert (await client.post("/api/v1/agent-transactions", json=burn)).status_code == 201

        assert await balances(client, agent) == {"SOL": "8", "TKN": "100"}

    async def test_what_is_not_there_cannot_be_spent(self, client: httpx.AsyncClient, agent: Agent) -> None:
        burn = deposit(agent, transactionType="BURN", inputAmount="10.1")
        refused = await client.post("/api/v1/agent-transactions", json=burn)
        unknown = deposit(agent, transactionType="BURN", inputMint=TOKEN, inputSymbol="TKN")
        missing = await client.post("/api/v1/agent-transactions", json=unknown)

        assert refused.status_code == 400
        body = refused.json()
        assert (body["error"], body["currentBalance"], body["requiredAmount"], body["tokenSymbol"]) == (
            "Insufficient balance",
            "10",
            "10.1",
            "SOL",
        )
        assert missing.status_code == 400
        assert {**missing.json(), "code": ""} == {
            "error": "Balance not found for token",
            "code": "",
            "requiredAmount": "1.5",
            "tokenAddress": TOKEN,
            "tokenSymbol": "TKN",
        }
        assert await balances(client, agent) == {"SOL": "10"}

    async def test_an_amount_a_hair_above_the_balance_takes_it_all(
        self, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        burn = deposit(agent, transactionType="BURN", inputAmount="10.000000005")

        assert (await client.post("/api/v1/agent-transactions", json=burn)).status_code == 201
        assert await balances(client, agent) == {"SOL": "0"}

    @pytest.mark.parametrize(
        "changes",
        [
            {"transactionType": "WITHDRAWAL"},
            {"transactionType": None},
            {"transactionValueUsd": "-1"},
            {"transactionValueUsd": "NaN"},
            {"transactionValueUsd": True},
            {"transactionValueUsd": "1e30"},
            {"transactionTime": "yesterday"},
            {"transactionTime": 10**30},
            {"transactionTime": {}},
            {"inputAmount": 0},
            {"inputAmount": "-5"},
            {"inputAmount": "1e-10"},
            {"inputAmount": "1e40"},
            {"inputAmount": "20000000000"},
            {"inputAmount": "Infinity"},
            {"inputAmount": None},
            {"inputMint": "x" * 256},
            {"inputSymbol": "x" * 21},
            {"inputSymbol": 5},
            {"signalId": "abc"},
            {"signalId": 2**31},
            {"isDca": "true"},
            {"walletAddress": "sim_other"},
            {"fees": "a lot"},
            {"slippage": "1e13"},
            {"transactionType": "SWAP"},
            {"transactionType": "SWAP", "outputMint": SOL_MINT, "outputSymbol": "SOL", "outputAmount": 1},
        ],
    )
    async def test_bad_fields_change_nothing(
        self, client: httpx.AsyncClient, agent: Agent, changes: dict[str, object]
    ) -> None:
        response = await client.post("/api/v1/agent-transactions", json=deposit(agent, **changes))

        assert response.status_code == 400, response.text
        assert response.json()["error"]
        assert await balances(client, agent) == {"SOL": "10"}

    async def test_owners_only(self, client: httpx.AsyncClient, foreign: Agent) -> None:
        response = await client.post("/api/v1/agent-transactions", json=deposit(foreign))

        assert response.status_code == 403
        assert response.json()["error"].startswith("Forbidden:")

    async def test_an_unknown_signal_is_refused(self, client: httpx.AsyncClient, agent: Agent) -> None:
        response = await client.post("/api/v1/agent-transactions", json=deposit(agent, signalId="77"))

        assert (response.status_code, response.json()["error"]) == (404, "Trading signal not found")

    async def test_lists_wait_for_the_tables_and_pass_filters_on(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        row = a_row(agent)
        api.transactions.rows += [row] * 4

        response = await client.get(
            f"/api/v1/agent-transactions?agentId={agent.id}&transactionType=SWAP&startTime=2026-01-01"
            "&signalId=7&isDca=true&isTakeProfit=no&limit=5000&offset=3"
        )

        assert response.status_code == 200
        assert response.json()[0]["inputAmount"] == "0.0000001"
        assert response.json()[0]["routes"] == {"a": 1}
        assert api.projections.waited == 1
        assert api.transactions.page == (1001, 3), "one more than is shown tells whether there is more"
        wanted = api.transactions.wanted
        assert wanted is not None
        assert (wanted.signal_id, wanted.is_dca, wanted.is_take_profit) == (7, True, False)
        assert wanted.start_time == datetime(2026, 1, 1, tzinfo=UTC)
        one = await client.get(f"/api/v1/agent-transactions/{row.id}")
        assert one.json() == response.json()[0]

    async def test_one_of_somebody_else_is_forbidden(
        self, api: FakeApi, client: httpx.AsyncClient, foreign: Agent
    ) -> None:
        row = a_row(foreign)
        api.transactions.rows.append(row)

        assert (await client.get(f"/api/v1/agent-transactions/{row.id}")).status_code == 403
        assert (await client.get(f"/api/v1/agent-transactions/{new_id()}")).status_code == 404


def a_row(agent: Agent) -> TransactionRow:
    return TransactionRow(
        id=TransactionId(new_id()),
        agent_id=agent.id,
        wallet_address=agent.wallets[0].address,
        type="SWAP",
        value_usd=Decimal("1.10"),
        time=NOW,
        destination_address=None,
        signal_id=None,
        fees=None,
        routes_json='{"a": 1}',
        input_mint=SOL_MINT,
        input_symbol="SOL",
        input_amount=Decimal("1e-7"),
        input_price=Decimal("1.000"),
        output_mint=TOKEN,
        output_symbol="TKN",
        output_amount=Decimal(5),
        output_price=None,
        slippage=None,
        price_impact=None,
        is_dca=False,
        is_take_profit=False,
        transaction_hash=None,
        protocol_fee_sol=None,
        network_fee_sol=None,
        created_at=NOW,
        updated_at=NOW,
    )


class TestBalances:
    async def test_one_by_its_id(self, client: httpx.AsyncClient, agent: Agent) -> None:
        listed = (await client.get(f"/api/v1/agent-balances?agentId={agent.id}")).json()

        assert listed[0]["priceSol"] == 1
        one = (await client.get(f"/api/v1/agent-balances/{listed[0]['id']}")).json()
        assert one == {key: value for key, value in listed[0].items() if key != "priceSol"}

    async def test_what_is_held_asks_no_table(
        self, client: httpx.AsyncClient, agent: Agent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def asked(*_: object) -> list[ListedBalance]:
            raise AssertionError("what is held is in memory")

        monkeypatch.setattr(FakeEmptyBalances, "of_wallet", asked)

        listed = (await client.get(f"/api/v1/agent-balances?agentId={agent.id}&held=true")).json()

        assert [row["tokenSymbol"] for row in listed] == ["SOL"]

    async def test_a_list_of_all_that_was_ever_traded_gives_others_their_turn(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = 0

        async def traded(*_: object) -> list[ListedBalance]:
            return empty_balances(agent, rows)

        monkeypatch.setattr(FakeEmptyBalances, "of_wallet", traded)
        turns = 0

        async def take_turns() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async def turns_for() -> int:
            before = turns
            listed = (await client.get(f"/api/v1/agent-balances?agentId={agent.id}")).json()
            assert len(listed) == rows + 1
            return turns - before

        other = asyncio.create_task(take_turns())
        short = await turns_for()
        rows = 30 * PART_ROWS
        long = await turns_for()
        other.cancel()

        assert long >= short + 60

    @pytest.mark.parametrize("rows", [0, 1, 3 * PART_ROWS])
    async def test_what_was_sold_stands_among_what_is_held(
        self,
        api: FakeApi,
        client: httpx.AsyncClient,
        agent: Agent,
        monkeypatch: pytest.MonkeyPatch,
        rows: int,
    ) -> None:
        (sol,) = (await client.get(f"/api/v1/agent-balances?agentId={agent.id}")).json()
        # What the ledger knows is newer than what a table says of it.
        empty = [one._replace(mint=SOL_MINT) for one in empty_balances(agent, 1)] + empty_balances(
            agent, rows
        )

        async def traded(*_: object) -> list[ListedBalance]:
            return empty

        monkeypatch.setattr(FakeEmptyBalances, "of_wallet", traded)
        if rows:
            priced = a_price(Decimal("1E-11"), token=empty[-1].mint)
            api.engine.latest_prices.on_prices(PricesChanged([priced], NOW))

        response = await client.get(f"/api/v1/agent-balances?agentId={agent.id}")

        listed = response.json()
        assert int(response.headers["content-length"]) == len(response.content)
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert [one["tokenAddress"] for one in listed if one != sol] == [one.mint for one in empty[1:]]
        assert listed[0 if sol["lastUpdated"] > iso(NOW) else -1] == sol
        assert response.content.count(b'"priceSol":0.00000000001}') == min(rows, 1)
        if rows:
            last = next(one for one in listed if one["tokenAddress"] == empty[-1].mint)
            assert last.pop("priceSol") == 1e-11
            assert last == json.loads(empty[-1].written)

    async def test_foreign_and_unknown_look_alike(
        self, api: FakeApi, client: httpx.AsyncClient, foreign: Agent
    ) -> None:
        async with api.client(foreign.user_id) as other:
            listed = (await other.get(f"/api/v1/agent-balances?agentId={foreign.id}")).json()

        assert (await client.get(f"/api/v1/agent-balances/{listed[0]['id']}")).status_code == 404
        assert (await client.get(f"/api/v1/agent-balances?agentId={foreign.id}")).status_code == 404

    async def test_an_unknown_wallet_has_none(self, client: httpx.AsyncClient, agent: Agent) -> None:
        response = await client.get(f"/api/v1/agent-balances?agentId={agent.id}&walletAddress=other")

        assert response.json() == []


class TestPositions:
    async def test_list_filter_and_close(self, api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
        await api.engine.buy([agent])
        path = f"/api/v1/agent-positions/{agent.id}"

        listed = (await client.get(path)).json()
        assert len(listed) == 1
        position = listed[0]
        assert position["tokenAddress"] == TOKEN
        assert position["purchase"]["amount"] > 0
        assert position["takeProfit"]["remainingAmount"] == position["purchase"]["amount"]
        assert position["takeProfit"]["totalLevels"] is None, "take profit is off"
        rule = {"config": {"takeProfit": {"enabled": True, "mode": "moderate"}}}
        assert (await client.patch(f"/api/v1/agents/{agent.id}/config", json=rule)).status_code == 200
        (planned,) = (await client.get(path)).json()
        assert planned["takeProfit"]["totalLevels"] == 4
        off = {"config": {"takeProfit": {"enabled": False}}}
        assert (await client.patch(f"/api/v1/agents/{agent.id}/config", json=off)).status_code == 200
        assert position["current"]["priceNative"] == position["purchase"]["priceNative"]
        assert (await client.get(f"/api/v1/agents/{agent.id}/positions")).json() == listed
        assert (await client.get(f"{path}?walletAddress={agent.wallets[0].address}")).json() == listed
        assert (await client.get(f"{path}?walletAddress=other")).status_code == 404

        closed = await client.post(f"{path}/{position['id']}/close", json={"reason": "manual"})
        assert closed.status_code == 200, closed.text
        body = closed.json()
        assert body["success"] is True
        assert body["inputAmount"] == position["purchase"]["amount"]
        assert isinstance(body["profitLossSol"], float)
        assert (await client.get(path)).json() == []
        again = await client.post(f"{path}/{position['id']}/close")
        assert (again.status_code, again.json()["code"]) == (404, "POSITION_NOT_FOUND")

    async def test_prices_are_shown_when_they_change(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        await api.engine.buy([agent])
        path = f"/api/v1/agent-positions/{agent.id}"
        before = (await client.get(path)).json()[0]

        api.engine.price(Decimal(str(before["current"]["priceNative"])) * Decimal("1.05"))

        after = (await client.get(path)).json()[0]
        assert after["current"]["priceNative"] == pytest.approx(before["current"]["priceNative"] * 1.05)
        assert after["profitLoss"]["native"] > before["profitLoss"]["native"]

    async def test_only_own_positions_can_be_closed(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent, foreign: Agent
    ) -> None:
        await api.engine.buy([foreign])
        position = api.engine.book.of_agent(foreign.id)[0].position

        theirs = await client.post(f"/api/v1/agent-positions/{foreign.id}/{position.id}/close")
        mixed = await client.post(f"/api/v1/agent-positions/{agent.id}/{position.id}/close")

        assert (theirs.status_code, mixed.status_code) == (403, 404)
        assert len(api.engine.book) == 1

    async def test_reasons_are_checked(self, client: httpx.AsyncClient, agent: Agent) -> None:
        path = f"/api/v1/agent-positions/{agent.id}/{new_id()}/close"
        reasons: list[object] = ["stale_trade", 5, ["manual"], {}]
        for reason in reasons:
            assert (await client.post(path, json={"reason": reason})).status_code == 400


class TestClosedTrades:
    async def test_list_and_one(self, api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
        row = a_closed_trade_row(
            agent,
            NOW,
            wallet_address=None,
            token_symbol="TKN",
            amount=Decimal("10.50"),
            purchase_price=Decimal("1e-9"),
            change_percent=Decimal("100.0000"),
            profit_loss_usd=Decimal("-0"),
            profit_loss_sol=Decimal("-0.5"),
            signal_id=SignalId(7),
        )
        api.closed_trades.rows.append(row)

        listed = await client.get(
            f"/api/v1/agent-historical-swaps?agentId={agent.id}&minProfitLossUsd=-5&tokenSymbol=TKN"
        )

        body = listed.json()[0]
        assert (body["signalId"], body["amount"], body["changePercent"]) == ("7", "10.5", "100")
        assert (body["purchasePrice"], body["profitLossUsd"]) == ("0.000000001", "0")
        assert (await client.get(f"/api/v1/agent-historical-swaps/{row.id}")).json() == body
        assert api.projections.waited == 2
        missing = await client.get(f"/api/v1/agent-historical-swaps/{new_id()}")
        assert missing.json()["error"] == "Historical swap not found"


class TestSignals:
    BODY: ClassVar[dict[str, object]] = {
        "tokenAddress": f" {TOKEN} ",
        "signalType": "Velocity",
        "signalStrength": 4,
        "symbol": " ",
    }

    async def test_sent_stored_listed(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/api/v1/trading-signals", json=self.BODY)

        assert response.status_code == 201
        body = response.json()
        assert (body["id"], body["tokenAddress"], body["symbol"], body["source"]) == (1, TOKEN, None, None)
        assert (await client.get("/api/v1/trading-signals")).json() == [body]
        assert (await client.get("/api/v1/trading-signals/1")).json() == body

    async def test_the_same_again_is_a_duplicate(self, client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/trading-signals", json=self.BODY)

        response = await client.post("/api/v1/trading-signals", json=self.BODY)

        assert (response.status_code, response.json()["code"]) == (409, "SIGNAL_DUPLICATE")

    @pytest.mark.parametrize(
        "changes",
        [
            {"tokenAddress": " "},
            {"tokenAddress": None},
            {"tokenAddress": "x" * 256},
            {"signalType": 5},
            {"signalType": "x" * 51},
            {"signalStrength": "3"},
            {"signalStrength": 0},
            {"signalStrength": 6},
            {"signalStrength": 2.5},
            {"signalStrength": True},
            {"signalStrength": 10**40},
            {"symbol": "x" * 51},
            {"source": "x" * 101},
            {"positionSizeMultiplier": 2},
            {"signalScore": "high"},
            {"scoreComponents": []},
            {"scoreComponents": {"expectedMovePct": "x"}},
        ],
    )
    async def test_rules(self, api: FakeApi, client: httpx.AsyncClient, changes: dict[str, object]) -> None:
        response = await client.post("/api/v1/trading-signals", json={**self.BODY, **changes})

        assert response.status_code == 400
        assert api.signals.rows == {}

    async def test_decisions_say_why(self, api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
        await client.post("/api/v1/trading-signals", json=self.BODY)
        api.signals.by_signal[SignalId(1)] = [
            a_decision(
                SignalId(1),
                agent.id,
                DecisionOutcome.SKIPPED,
                code="SCORE",
                gates=(Gate("minScore", "4", "5", False),),
                size_sol=Decimal("0.10"),
            )
        ]

        body = (await client.get("/api/v1/trading-signals/1/decisions")).json()

        assert body["processedAt"] is None
        assert body["decisions"][0]["gates"] == [
            {"name": "minScore", "value": "4", "limit": "5", "passed": False}
        ]
        assert body["decisions"][0]["sizeSol"] == "0.1"

    async def test_somebody_elses_signal_does_not_exist(
        self, api: FakeApi, client: httpx.AsyncClient
    ) -> None:
        await client.post("/api/v1/trading-signals", json=self.BODY)

        async with api.client(UserId(new_id())) as other:
            assert (await other.get("/api/v1/trading-signals")).json() == []
            assert (await other.get("/api/v1/trading-signals/1")).status_code == 404
            assert (await other.get("/api/v1/trading-signals/1/decisions")).status_code == 404

    @pytest.mark.parametrize("given", ["abc", "12abc", "-1", "0", "2147483648", "1.5", "%EF%BC%91", "%D9%A3"])
    async def test_ids_are_integers(self, client: httpx.AsyncClient, given: str) -> None:
        response = await client.get(f"/api/v1/trading-signals/{given}")

        assert (response.status_code, response.json()["error"]) == (400, "Signal ID must be a valid integer")
