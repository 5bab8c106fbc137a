"""Buying by hand over HTTP, and the second address of closing."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.trading.errors import QuoteFailedError, SwapUnavailableError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import SignalId, UserId
from tests.builders import TOKEN, USER, a_draft
from tests.fakes.api import FakeApi
from tests.patience import PATIENCE_SECONDS
from tests.unit.api.conftest import STRANGER

PATH = "/api/v1/trades/execute"


def an_order(agent: Agent, **changes: object) -> dict[str, object]:
    return {"agentId": str(agent.id), "tokenAddress": TOKEN, "positionSize": 1, **changes}


async def a_signal(api: FakeApi, user_id: UserId) -> SignalId:
    draft = a_draft(user_id, f"Token{len(api.signals.rows)}")
    signal = await api.signals.add(draft, duplicate_window_seconds=60)
    assert signal is not None
    return signal.id


def nothing_happened(api: FakeApi, agent: Agent) -> bool:
    return not api.engine.swaps.requests and api.engine.balance_raw(agent) == 10 * 10**9


async def test_a_purchase(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    response = await client.post(PATH, json=an_order(agent, tokenAddress=f" {TOKEN} ", tokenSymbol="EXM"))

    assert response.status_code == 200, response.text
    body = response.json()
    held = api.engine.held(agent).position
    assert body == {
        "success": True,
        "transactionId": str(held.purchase_transaction_id),
        "positionId": str(held.id),
        "inputAmount": 1,
        "outputAmount": 1000,
        "purchasePrice": 0.001,
        "transactionHash": None,
        "stopLossInitialized": True,
        "stopLossPercentage": -32,
    }
    assert (held.token_symbol, held.signal_id) == ("EXM", None)


async def test_a_preview_of_a_purchase(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    response = await client.post("/api/v1/trades/preview", json=an_order(agent))

    assert response.status_code == 200, response.text
    assert response.json() == {
        "walletAddress": agent.wallets[0].address,
        "sizeSol": 1,
        "amount": 1000,
        "priceSol": 0.001,
        "priceImpactPercent": 0.1,
        "maxPriceImpactPercent": 5,
        "protocolFeeSol": 0.001,
        "networkFeeSol": 0.000105,
        "rentSol": 0,
        "totalSol": 1.000105,
        "balanceAfterSol": 8.999895,
        "stopLossPercentage": -32,
        "stopPriceSol": 0.00068,
    }
    assert api.engine.balance_raw(agent) == 10 * 10**9
    refused = await client.post("/api/v1/trades/preview", json=an_order(agent, positionSize=3))
    bought = await client.post(PATH, json=an_order(agent, positionSize=3))
    assert refused.status_code == bought.status_code
    assert refused.json() == bought.json()


async def test_size_wallet_and_symbol_may_be_left_out_or_null(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    order = an_order(agent, positionSize=None, walletAddress=None, tokenSymbol=None, signalId=None)

    response = await client.post(PATH, json=order)

    assert response.status_code == 200, response.text
    assert Decimal(str(response.json()["inputAmount"])) > 0
    assert api.engine.held(agent).position.token_symbol == "TOKEN"


async def test_an_own_signal_is_noted(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    signal_id = await a_signal(api, USER)

    response = await client.post(PATH, json=an_order(agent, signalId=signal_id))

    assert response.status_code == 200, response.text
    assert response.json()["signalId"] == signal_id
    assert api.engine.held(agent).position.signal_id == signal_id


async def test_a_signal_that_is_not_ones_own_is_noticed_before_anything_is_bought(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    for signal_id in (await a_signal(api, STRANGER), 999_999):
        response = await client.post(PATH, json=an_order(agent, signalId=signal_id))

        assert response.status_code == 404
        assert response.json()["error"] == "Trading signal not found"
    assert nothing_happened(api, agent)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"agentId": None}, "agentId is required"),
        ({"agentId": "x"}, "Invalid agent ID format"),
        ({"tokenAddress": " "}, "tokenAddress is required"),
        ({"tokenAddress": 5}, "Invalid tokenAddress"),
        ({"tokenAddress": SOL_MINT}, "Invalid tokenAddress"),
        ({"walletAddress": 5}, "Invalid walletAddress"),
        ({"tokenSymbol": "x" * 21}, "Invalid tokenSymbol"),
        ({"signalId": "x"}, "Invalid signalId"),
        ({"signalId": 0}, "Invalid signalId"),
        ({"positionSize": 0}, "Invalid positionSize"),
        ({"positionSize": -1}, "Invalid positionSize"),
        ({"positionSize": "much"}, "Invalid positionSize"),
        ({"positionSize": True}, "Invalid positionSize"),
        ({"positionSize": "0.0000000009"}, "Invalid positionSize"),
        ({"positionSize": 1e30}, "Invalid positionSize"),
    ],
)
async def test_bad_input(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, changes: dict[str, object], text: str
) -> None:
    response = await client.post(PATH, json=an_order(agent, **changes))

    assert response.status_code == 400, response.text
    assert text in response.json()["error"]
    assert nothing_happened(api, agent)


async def test_agents_of_others_look_missing(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, foreign: Agent
) -> None:
    theirs = await client.post(PATH, json=an_order(foreign))
    missing = await client.post(PATH, json=an_order(agent, agentId=str(uuid4())))

    for response in (theirs, missing):
        assert response.status_code == 404
        assert (response.json()["error"], response.json()["code"]) == ("Agent not found", "AGENT_NOT_FOUND")
    assert nothing_happened(api, foreign)


async def test_a_wallet_of_another_agent_is_not_found(
    client: httpx.AsyncClient, agent: Agent, foreign: Agent
) -> None:
    response = await client.post(PATH, json=an_order(agent, walletAddress=foreign.wallets[0].address))

    assert response.status_code == 404
    assert response.json()["code"] == "WALLET_NOT_FOUND"
    assert "not found" in response.json()["error"]


@pytest.mark.parametrize(
    ("size", "code"),
    [
        (11, "POSITION_SIZE_EXCEEDS_BALANCE"),
        (9.6, "VIOLATES_MINIMUM_BALANCE"),
        (3, "EXCEEDS_MAX_PURCHASE"),
    ],
)
async def test_sizes_that_rules_refuse(
    client: httpx.AsyncClient, agent: Agent, size: float, code: str
) -> None:
    response = await client.post(PATH, json=an_order(agent, positionSize=size))

    assert (response.status_code, response.json()["code"]) == (400, code)


async def test_a_second_position_in_the_token_is_refused(client: httpx.AsyncClient, agent: Agent) -> None:
    assert (await client.post(PATH, json=an_order(agent))).status_code == 200

    again = await client.post(PATH, json=an_order(agent))

    assert (again.status_code, again.json()["code"]) == (400, "POSITION_EXISTS")


async def test_failures_of_the_market(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    api.engine.swaps.failures += [QuoteFailedError("no route"), SwapUnavailableError("busy")]

    no_route = await client.post(PATH, json=an_order(agent))
    busy = await client.post(PATH, json=an_order(agent))

    assert (no_route.status_code, no_route.json()["code"]) == (502, "QUOTE_FAILED")
    assert (busy.status_code, busy.json()["code"]) == (503, "SWAP_UNAVAILABLE")
    assert busy.headers["retry-after"]
    # What was reserved is free again.
    assert api.engine.ledger.head(agent.wallets[0].address).available_raw(SOL_MINT) == 10 * 10**9


async def test_too_much_price_impact(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    api.engine.swaps.impact = Decimal("-0.5")

    response = await client.post(PATH, json=an_order(agent))

    assert (response.status_code, response.json()["code"]) == (422, "PRICE_IMPACT_TOO_HIGH")


async def test_a_caller_who_hangs_up_gets_the_trade_nevertheless(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    gate = api.engine.swaps.gate = asyncio.Event()
    request = asyncio.create_task(client.post(PATH, json=an_order(agent)))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not api.engine.swaps.requests:
            await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert len(api.engine.book) == 0

    gate.set()

    assert await api.services.buy_by_hand.drain(5) == 0
    assert api.engine.held(agent).position.token_address == TOKEN
    state = api.engine.ledger.head(agent.wallets[0].address)
    assert state.intents == {}
    assert state.available_raw(SOL_MINT) < 9 * 10**9


async def test_the_other_address_of_closing(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, foreign: Agent
) -> None:
    bought = (await client.post(PATH, json=an_order(agent))).json()
    path = f"/api/v1/agents/{agent.id}/positions/{bought['positionId']}/close"

    elsewhere = await client.post(path.replace(str(agent.id), str(foreign.id)), json={})
    assert elsewhere.status_code == 403
    assert elsewhere.json()["error"].startswith("Forbidden")
    refused = await client.post(path, json={"reason": "boredom"})
    assert refused.status_code == 400

    closed = await client.post(path, json={"reason": "stop_loss"})

    assert closed.status_code == 200, closed.text
    assert closed.json()["positionId"] == bought["positionId"]
    assert [trade.close_reason for trade in api.engine.closed_trades()] == ["stop_loss"]
    gone = await client.post(path, json={})
    assert gone.status_code == 404
    assert "not found" in gone.json()["error"]


async def test_a_preview_of_a_sale(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    await client.post(PATH, json=an_order(agent))
    held = api.engine.held(agent).position
    path = f"/api/v1/agents/{agent.id}/positions/{held.id}"

    whole = await client.post(f"{path}/preview-sale")
    part = await client.post(f"{path}/preview-sale", json={"percent": 25})

    assert (whole.status_code, part.status_code) == (200, 200), whole.text
    age_ms = part.json().pop("ageMs")
    assert age_ms >= 0
    assert part.json() == {
        "amount": 250,
        "remainingAmount": 750,
        "receivedSol": 0.249645,
        "priceSol": 0.001,
        "priceImpactPercent": 0.1,
        "protocolFeeSol": 0.00025,
        "networkFeeSol": 0.000105,
        "rentSol": 0,
        "costSol": 0.25002625,
        "profitLossSol": -0.00038125,
        "profitLossPercent": pytest.approx(-0.152484),
        "source": "jupiter",
        "ageMs": age_ms,
    }
    assert (whole.json()["amount"], whole.json()["remainingAmount"]) == (1000, 0)
    assert api.engine.held(agent).position == held


@pytest.mark.parametrize("percent", [0, -1, "100.000000001", "half", None])
async def test_a_preview_of_more_than_there_is(
    client: httpx.AsyncClient, agent: Agent, percent: object
) -> None:
    path = f"/api/v1/agents/{agent.id}/positions/{uuid4()}/preview-sale"
    refused = await client.post(path, json={"percent": percent})
    assert refused.status_code == 400
    assert "percent" in refused.text


async def test_a_hair_below_everything_is_no_part(client: httpx.AsyncClient, agent: Agent) -> None:
    """It is stored with 18 places, which rounds it to everything."""
    path = f"/api/v1/agents/{agent.id}/positions/{uuid4()}/sell-part"
    refused = await client.post(path, json={"percent": "99.9999999999999999999"})
    assert refused.status_code == 400
    assert "must be less than 100" in refused.text
