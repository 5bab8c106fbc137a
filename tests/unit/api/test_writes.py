"""Corrections and removals over HTTP: balances, transactions, closed trades, signals."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from nexgent.domain.agents.models import Agent
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from tests.builders import TOKEN, an_agent
from tests.fakes.api import FakeApi
from tests.unit.api.test_money import balances, deposit

MINT = "Mint111111111111111111111111111111111111111"


def a_balance(agent: Agent, **changes: object) -> dict[str, object]:
    return {
        "agentId": str(agent.id),
        "tokenAddress": MINT,
        "tokenSymbol": "TKN",
        "balance": "12.5",
        **changes,
    }


def a_swap(agent: Agent, **changes: object) -> dict[str, object]:
    return {
        "agentId": str(agent.id),
        "tokenAddress": MINT,
        "tokenSymbol": "TKN",
        "amount": "1000",
        "purchasePrice": 0.5,
        "salePrice": "0.75",
        "changePercent": "50",
        "profitLossUsd": "-3.25",
        "profitLossSol": "2e-7",
        "purchaseTime": "2026-01-01",
        "saleTime": "2026-01-02T00:00:00Z",
        **changes,
    }


async def record(client: httpx.AsyncClient, agent: Agent, **changes: object) -> str:
    response = await client.post("/api/v1/agent-transactions", json=deposit(agent, **changes))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def sol_balance_id(client: httpx.AsyncClient, agent: Agent) -> str:
    rows = (await client.get(f"/api/v1/agent-balances?agentId={agent.id}")).json()
    return next(str(row["id"]) for row in rows if row["tokenAddress"] == SOL_MINT)


class TestBalances:
    async def test_create_update_delete(self, client: httpx.AsyncClient, agent: Agent) -> None:
        created = await client.post("/api/v1/agent-balances", json=a_balance(agent, tokenSymbol=" TKN "))
        assert created.status_code == 201, created.text
        body = created.json()
        path = f"/api/v1/agent-balances/{body['id']}"
        assert (body["tokenSymbol"], body["balance"]) == ("TKN", "12.5")
        assert body["walletAddress"] == agent.wallets[0].address
        assert (await client.get(path)).json() == body

        updated = await client.put(path, json={"balance": "0.000001", "tokenSymbol": "NEW"})
        assert (updated.status_code, updated.json()["balance"]) == (200, "0.000001")
        assert (await client.get(path)).json() == updated.json()
        assert await balances(client, agent) == {"SOL": "10", "NEW": "0.000001"}

        deleted = await client.delete(path)
        assert (deleted.status_code, deleted.json()) == (
            200,
            {"success": True, "message": "Balance deleted successfully"},
        )
        assert (await client.get(path)).status_code == 404
        assert await balances(client, agent) == {"SOL": "10"}
        assert (await client.post("/api/v1/agent-balances", json=a_balance(agent))).status_code == 201

    async def test_an_empty_balance_is_a_balance(self, client: httpx.AsyncClient, agent: Agent) -> None:
        created = await client.post("/api/v1/agent-balances", json=a_balance(agent, balance="0"))

        assert (created.status_code, created.json()["balance"]) == (201, "0")
        assert await balances(client, agent) == {"SOL": "10", "TKN": "0"}

    async def test_there_is_one_per_token(self, client: httpx.AsyncClient, agent: Agent) -> None:
        response = await client.post("/api/v1/agent-balances", json=a_balance(agent, tokenAddress=SOL_MINT))

        assert response.status_code == 409
        assert await balances(client, agent) == {"SOL": "10"}

    @pytest.mark.parametrize(
        "changes",
        [
            {"balance": "-1"},
            {"balance": 5},
            {"balance": "1e5"},
            {"balance": "five"},
            {"balance": ""},
            {"balance": "20000000000000000000000000"},
            {"tokenSymbol": " "},
            {"tokenSymbol": "x" * 21},
            {"tokenAddress": "x" * 256},
            {"agentId": "x"},
            {"walletAddress": "sim_other"},
            {"tokenAddress": None},
        ],
    )
    async def test_bad_fields(
        self, client: httpx.AsyncClient, agent: Agent, changes: dict[str, object]
    ) -> None:
        response = await client.post("/api/v1/agent-balances", json=a_balance(agent, **changes))

        assert response.status_code == 400, response.text
        assert await balances(client, agent) == {"SOL": "10"}

    @pytest.mark.parametrize(
        "body", [{}, {"balance": None}, {"balance": "-0.1"}, {"balance": "x"}, {"tokenSymbol": ""}]
    )
    async def test_bad_updates(
        self, client: httpx.AsyncClient, agent: Agent, body: dict[str, object]
    ) -> None:
        path = f"/api/v1/agent-balances/{await sol_balance_id(client, agent)}"

        assert (await client.put(path, json=body)).status_code == 400
        assert await balances(client, agent) == {"SOL": "10"}

    async def test_what_an_open_position_holds_stays(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        await api.engine.buy([agent], size_sol=Decimal(1))
        (position,) = api.engine.positions(agent)
        rows = (await client.get(f"/api/v1/agent-balances?agentId={agent.id}")).json()
        path = next(f"/api/v1/agent-balances/{row['id']}" for row in rows if row["tokenAddress"] == TOKEN)

        deleted = await client.delete(path)
        lowered = await client.put(path, json={"balance": "1"})
        burned = await client.post(
            "/api/v1/agent-transactions",
            json=deposit(agent, transactionType="BURN", inputMint=TOKEN, inputSymbol="EXM", inputAmount="1"),
        )
        raised = await client.put(path, json={"balance": "1001"})

        assert (deleted.status_code, lowered.status_code) == (409, 409)
        assert "close the position first" in deleted.json()["error"]
        assert (burned.status_code, burned.json()["error"]) == (400, "Insufficient balance")
        assert raised.status_code == 200
        assert api.engine.balance_raw(agent, TOKEN) == 1_001_000_000
        assert api.engine.positions(agent) == [position]

    async def test_strangers_find_nothing(
        self, client: httpx.AsyncClient, api: FakeApi, foreign: Agent
    ) -> None:
        async with api.client(foreign.user_id) as theirs:
            path = f"/api/v1/agent-balances/{await sol_balance_id(theirs, foreign)}"

        assert (await client.put(path, json={"balance": "1"})).status_code == 404
        assert (await client.delete(path)).status_code == 404
        assert (await client.post("/api/v1/agent-balances", json=a_balance(foreign))).status_code == 404


class TestTransactions:
    async def test_amount_moves_the_balance_and_is_saved(
        self, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        path = f"/api/v1/agent-transactions/{await record(client, agent)}"

        response = await client.put(path, json={"inputAmount": "4", "isTakeProfit": True, "fees": None})

        assert response.status_code == 200, response.text
        assert (response.json()["inputAmount"], response.json()["isTakeProfit"]) == ("4", True)
        assert (await client.get(path)).json() == response.json()
        assert await balances(client, agent) == {"SOL": "14"}

    async def test_a_deposit_becomes_a_swap(self, client: httpx.AsyncClient, agent: Agent) -> None:
        path = f"/api/v1/agent-transactions/{await record(client, agent)}"

        response = await client.put(
            path,
            json={
                "transactionType": "SWAP",
                "outputMint": MINT,
                "outputSymbol": "TKN",
                "outputAmount": 7,
            },
        )

        assert response.status_code == 200, response.text
        assert await balances(client, agent) == {"SOL": "8.5", "TKN": "7"}

    async def test_remarks_move_nothing(self, api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
        path = f"/api/v1/agent-transactions/{await record(client, agent)}"

        response = await client.put(path, json={"fees": "0.0001", "slippage": 0.5})

        assert (response.json()["fees"], response.json()["slippage"]) == ("0.0001", "0.5")
        assert api.engine.journal.entries[-1].postings == ()

    async def test_what_was_spent_cannot_be_taken_back(self, client: httpx.AsyncClient, agent: Agent) -> None:
        transaction_id = await record(client, agent, inputAmount="5")
        await record(client, agent, transactionType="BURN", inputAmount="14")
        path = f"/api/v1/agent-transactions/{transaction_id}"

        lowered = await client.put(path, json={"inputAmount": "3"})
        deleted = await client.delete(path)
        fine = await client.put(path, json={"inputAmount": "4.25"})

        assert lowered.status_code == deleted.status_code == 400
        assert lowered.json()["error"] == "Insufficient balance"
        assert (deleted.json()["currentBalance"], deleted.json()["requiredAmount"]) == (
            "1",
            "5",
        )
        assert fine.status_code == 200
        assert await balances(client, agent) == {"SOL": "0.25"}

    async def test_delete_takes_the_effect_back(self, client: httpx.AsyncClient, agent: Agent) -> None:
        path = f"/api/v1/agent-transactions/{await record(client, agent)}"

        deleted = await client.delete(path)

        assert (deleted.status_code, deleted.content) == (204, b"")
        assert (await client.get(path)).status_code == 404
        assert (await client.delete(path)).status_code == 404
        assert await balances(client, agent) == {"SOL": "10"}

    @pytest.mark.parametrize(
        "changes",
        [
            {"transactionType": None},
            {"transactionType": "X"},
            {"transactionValueUsd": -1},
            {"transactionTime": "x"},
            {"isDca": "true"},
            {"isDca": None},
            {"inputAmount": None},
            {"inputAmount": 0},
            {"inputSymbol": None},
            {"transactionType": "SWAP"},
            {"signalId": "x"},
            {"slippage": "x"},
        ],
    )
    async def test_bad_changes_change_nothing(
        self, client: httpx.AsyncClient, agent: Agent, changes: dict[str, object]
    ) -> None:
        path = f"/api/v1/agent-transactions/{await record(client, agent)}"
        before = (await client.get(path)).json()

        response = await client.put(path, json=changes)

        assert response.status_code == 400, response.text
        assert (await client.get(path)).json() == before
        assert await balances(client, agent) == {"SOL": "11.5"}

    async def test_a_trade_of_the_engine_keeps_its_facts(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        await api.engine.buy([agent], size_sol=Decimal(1))
        (position,) = api.engine.positions(agent)
        path = f"/api/v1/agent-transactions/{position.purchase_transaction_id}"
        shown = (await client.get(path)).json()

        whole = await client.put(path, json={**shown, "slippage": "1.5"})
        refused = await client.put(path, json={"inputAmount": "0.5", "fees": "1"})
        deleted = await client.delete(path)

        assert (whole.status_code, whole.json()["slippage"]) == (200, "1.5")
        assert refused.status_code == 409
        assert "inputAmount" in refused.json()["error"]
        assert deleted.status_code == 409
        assert "close the position first" in deleted.json()["error"]
        assert (await client.get(path)).json()["fees"] == shown["fees"]

    async def test_a_closed_trade_of_the_engine_may_lose_its_rows_but_not_its_money(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        await api.engine.buy([agent], size_sol=Decimal(1))
        (position,) = api.engine.positions(agent)
        closed = await client.post(f"/api/v1/agent-positions/{agent.id}/{position.id}/close", json={})
        assert closed.status_code == 200, closed.text
        (trade,) = api.engine.closed_trades()
        before = await balances(client, agent)
        path = f"/api/v1/agent-historical-swaps/{trade.id}"

        figures = await client.put(path, json={"profitLossSol": "99"})
        remark = await client.put(path, json={"closeReason": "stop_loss"})
        transaction = await client.delete(f"/api/v1/agent-transactions/{position.purchase_transaction_id}")
        removed = await client.delete(path)

        assert (figures.status_code, remark.status_code) == (409, 200)
        assert remark.json()["closeReason"] == "stop_loss"
        assert (transaction.status_code, removed.status_code) == (204, 204)
        assert transaction.headers["X-Balances-Reversed"] == "false"
        assert await balances(client, agent) == before

    async def test_deleting_what_was_entered_by_hand_says_that_balances_are_reversed(
        self, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        before = await balances(client, agent)
        recorded = await record(client, agent)

        deleted = await client.delete(f"/api/v1/agent-transactions/{recorded}")

        assert deleted.status_code == 204
        assert deleted.headers["X-Balances-Reversed"] == "true"
        assert await balances(client, agent) == before

    async def test_strangers(self, client: httpx.AsyncClient, api: FakeApi, foreign: Agent) -> None:
        async with api.client(foreign.user_id) as theirs:
            path = f"/api/v1/agent-transactions/{await record(theirs, foreign)}"

        for response in (await client.put(path, json={"fees": 1}), await client.delete(path)):
            assert response.status_code == 403
            assert response.json()["error"].startswith("Forbidden:")
        assert (await client.delete(f"/api/v1/agent-transactions/{new_id()}")).status_code == 404

    async def test_an_answer_that_lags_behind_is_waited_for(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        path = f"/api/v1/agent-transactions/{await record(client, agent)}"
        assert (await client.put(path, json={"inputAmount": "3"})).status_code == 200
        api.hand_entries.behind = 2

        assert (await client.put(path, json={"inputAmount": "2"})).status_code == 200
        assert await balances(client, agent) == {"SOL": "12"}


class TestClosedTrades:
    async def test_record_edit_delete(self, client: httpx.AsyncClient, agent: Agent) -> None:
        created = await client.post(
            "/api/v1/agent-historical-swaps", json=a_swap(agent, closeReason="signal_replace")
        )
        assert created.status_code == 201, created.text
        body = created.json()
        path = f"/api/v1/agent-historical-swaps/{body['id']}"
        assert body["walletAddress"] == agent.wallets[0].address
        assert (body["profitLossSol"], body["purchasePrice"], body["signalId"]) == ("0.0000002", "0.5", None)
        assert (await client.get(path)).json() == body

        updated = await client.put(path, json={"profitLossSol": "-1.5", "closeReason": None})
        assert (updated.status_code, updated.json()["profitLossSol"]) == (200, "-1.5")
        assert (await client.get(path)).json() == {**body, "profitLossSol": "-1.5", "closeReason": None}

        assert (await client.delete(path)).status_code == 204
        assert (await client.get(path)).status_code == 404
        assert (await client.put(path, json={})).status_code == 404
        assert await balances(client, agent) == {"SOL": "10"}

    async def test_references_are_checked(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent, foreign: Agent
    ) -> None:
        own = await record(client, agent)
        async with api.client(foreign.user_id) as theirs:
            other = await record(theirs, foreign)
        second = await record(client, await api.engine.add_agent(an_agent(name="Second")))

        async def post(**changes: object) -> int:
            response = await client.post("/api/v1/agent-historical-swaps", json=a_swap(agent, **changes))
            return response.status_code

        assert await post(purchaseTransactionId=own, saleTransactionId=own) == 201
        assert await post(purchaseTransactionId=second) == 400
        # Another user's is as unknown as one that does not exist.
        assert await post(purchaseTransactionId=other) == 404
        assert await post(saleTransactionId=str(new_id())) == 404
        assert await post(saleTransactionId="x") == 400
        assert await post(signalId=7) == 404

    @pytest.mark.parametrize(
        "changes",
        [
            {"amount": -1},
            {"amount": None},
            {"purchasePrice": 0},
            {"salePrice": "-1"},
            {"changePercent": "x"},
            {"profitLossUsd": "NaN"},
            {"saleTime": "2025-12-31"},
            {"purchaseTime": "2026-01-03"},
            {"closeReason": "bored"},
            {"closeReason": []},
            {"tokenSymbol": "x" * 21},
            {"tokenAddress": " "},
            {"signalId": "x"},
        ],
    )
    async def test_bad_fields(
        self, client: httpx.AsyncClient, agent: Agent, changes: dict[str, object]
    ) -> None:
        refused = await client.post("/api/v1/agent-historical-swaps", json=a_swap(agent, **changes))
        created = (await client.post("/api/v1/agent-historical-swaps", json=a_swap(agent))).json()
        path = f"/api/v1/agent-historical-swaps/{created['id']}"
        edited = await client.put(path, json=changes)

        assert refused.status_code == edited.status_code == 400, (refused.text, edited.text)
        assert (await client.get(path)).json() == created

    async def test_strangers(self, client: httpx.AsyncClient, api: FakeApi, foreign: Agent) -> None:
        async with api.client(foreign.user_id) as theirs:
            made = await theirs.post("/api/v1/agent-historical-swaps", json=a_swap(foreign))
        path = f"/api/v1/agent-historical-swaps/{made.json()['id']}"

        assert (await client.put(path, json={})).status_code == 403
        assert (await client.delete(path)).status_code == 403
        assert (await client.post("/api/v1/agent-historical-swaps", json=a_swap(foreign))).status_code == 403


class TestSignals:
    async def send(self, client: httpx.AsyncClient, token: str = MINT) -> str:
        response = await client.post(
            "/api/v1/trading-signals",
            json={"tokenAddress": token, "signalType": "Test", "signalStrength": 3, "symbol": "T"},
        )
        return f"/api/v1/trading-signals/{response.json()['id']}"

    async def test_update_and_delete(self, client: httpx.AsyncClient, agent: Agent) -> None:
        path = await self.send(client)

        updated = await client.put(path, json={"signalStrength": 5, "symbol": None, "source": " desk "})

        assert updated.status_code == 200, updated.text
        body = updated.json()
        assert (body["signalStrength"], body["symbol"], body["source"]) == (5, None, "desk")
        assert (await client.get(path)).json() == body
        assert (await client.put(path, json={})).status_code == 200
        assert (await client.delete(path)).status_code == 204
        assert (await client.delete(path)).status_code == 404
        assert (await client.put(path, json={})).status_code == 404

    @pytest.mark.parametrize(
        "changes",
        [
            {"signalStrength": "3"},
            {"signalStrength": None},
            {"signalStrength": 6},
            {"tokenAddress": ""},
            {"tokenAddress": None},
            {"signalType": " "},
            {"symbol": " "},
            {"symbol": "x" * 51},
            {"source": "x" * 101},
        ],
    )
    async def test_bad_changes(self, client: httpx.AsyncClient, changes: dict[str, object]) -> None:
        path = await self.send(client)
        before = (await client.get(path)).json()

        assert (await client.put(path, json=changes)).status_code == 400
        assert (await client.get(path)).json() == before

    async def test_all_needs_confirmation_and_takes_only_own_ones(
        self, api: FakeApi, client: httpx.AsyncClient, foreign: Agent
    ) -> None:
        await self.send(client)
        await self.send(client, TOKEN)
        async with api.client(foreign.user_id) as theirs:
            kept = await self.send(theirs)

            for query in ("", "?confirm=yes", "?confirm=TRUE"):
                refused = await client.delete(f"/api/v1/trading-signals/all{query}")
                assert (refused.status_code, refused.json()["error"]) == (400, "Confirmation required")
            done = await client.delete("/api/v1/trading-signals/all?confirm=true")

            assert (done.status_code, done.json()) == (
                200,
                {"message": "All trading signals deleted successfully", "deletedCount": 2},
            )
            assert (await theirs.get(kept)).status_code == 200
            assert (await client.put(kept, json={})).status_code == 404
