"""`/price-history`: whose charts somebody sees, and how they look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.price_history.models import (
    CandleRow,
    LinePoint,
    Marker,
    MarkerKind,
    PositionLines,
    RefusalRow,
    Resolution,
    SourceLine,
    SourcePoint,
)
from nexgent.domain.prices.models import RefusalReason
from nexgent.shared.ids import new_id
from nexgent.shared.types import PositionId, SignalId, TokenAddress
from tests.builders import USER
from tests.fakes.api import FakeApi
from tests.unit.api.conftest import STRANGER

MINT = TokenAddress("6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def recorded(api: FakeApi) -> None:
    api.prices.known.add((USER, MINT))
    api.prices.rows = [
        CandleRow(NOON + timedelta(minutes=n), "1", "3", "0.000000001", "2", "jupiter") for n in range(5)
    ]


async def ask(client: httpx.AsyncClient, **query: Any) -> httpx.Response:
    return await client.get(f"/api/v1/price-history/{MINT}", params=query)


async def test_a_chart_has_candles_and_what_happened(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    api.prices.happened = [
        Marker(time=NOON, kind=MarkerKind.SIGNAL, signal_id=SignalId(7), reason="TEST"),
        Marker(
            time=NOON,
            kind=MarkerKind.EXIT,
            agent_id=agent.id,
            price_sol=Decimal("1e-9"),
            amount_sol=Decimal("0.50"),
            profit_loss_sol=Decimal("-0.1"),
            reason="stop_loss",
        ),
    ]

    answer = await ask(client, **{"from": NOON.isoformat(), "to": (NOON + timedelta(minutes=1)).isoformat()})

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["mint"], body["resolution"]) == (MINT, "1m")
    prices = {"open": "1", "high": "3", "low": "0.000000001", "close": "2", "source": "jupiter"}
    assert body["candles"] == [{"time": f"2026-01-01T12:0{n}:00.000Z", **prices} for n in (0, 1)]
    nothing = dict.fromkeys(("agentId", "transactionId", "price", "amountSol", "profitLossSol"))
    assert body["markers"] == [
        {"time": "2026-01-01T12:00:00.000Z", "kind": "signal", "signalId": 7, "reason": "TEST", **nothing},
        {
            "time": "2026-01-01T12:00:00.000Z",
            "kind": "exit",
            "agentId": str(agent.id),
            "signalId": None,
            "transactionId": None,
            "price": "0.000000001",
            "amountSol": "0.5",
            "profitLossSol": "-0.1",
            "reason": "stop_loss",
        },
    ]


async def test_a_chart_has_how_stop_and_peak_moved(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, foreign: Agent
) -> None:
    position = PositionId(new_id())
    points = [
        LinePoint(NOON, None, Decimal("1e-9")),
        LinePoint(NOON + timedelta(minutes=1), Decimal("0.5"), Decimal(2), Decimal(3)),
    ]
    api.prices.moved = [
        PositionLines(position, agent.id, points),
        PositionLines(PositionId(new_id()), foreign.id, points),
    ]

    answer = await ask(client)

    assert answer.json()["lines"] == [
        {
            "positionId": str(position),
            "agentId": str(agent.id),
            "points": [
                {
                    "time": "2026-01-01T12:00:00.000Z",
                    "stopPrice": None,
                    "peakPrice": "0.000000001",
                    "targetPrice": None,
                },
                {
                    "time": "2026-01-01T12:01:00.000Z",
                    "stopPrice": "0.5",
                    "peakPrice": "2",
                    "targetPrice": "3",
                },
            ],
        }
    ]


async def test_a_chart_has_what_the_sources_said_for_who_asks(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    now = api.clock.now()
    api.prices.said = [SourceLine("jupiter", [SourcePoint(NOON, "0.000000001")])]
    api.prices.refused = [
        RefusalRow("jupiter", RefusalReason.FROZEN, NOON, NOON + timedelta(seconds=7)),
        RefusalRow("dexscreener", RefusalReason.CONTRADICTED, now - timedelta(minutes=1), now),
        RefusalRow("jupiter", RefusalReason.STALE, now - timedelta(minutes=1), now, is_over=True),
    ]

    assert (await ask(client)).json()["sources"] == (await ask(client, sources="no")).json()["refusals"] == []
    body = (await ask(client, sources="true")).json()

    assert body["sources"] == [
        {"source": "jupiter", "points": [{"time": "2026-01-01T12:00:00.000Z", "price": "0.000000001"}]}
    ]
    frozen, lasting, over = body["refusals"]
    assert frozen == {
        "source": "jupiter",
        "reason": "frozen",
        "inDoubt": False,
        "since": "2026-01-01T12:00:00.000Z",
        "until": "2026-01-01T12:00:07.000Z",
    }
    assert (lasting["reason"], lasting["inDoubt"], lasting["until"]) == ("contradicted", True, None)
    assert over["until"] is not None, "what has ended is not said to go on"


@pytest.mark.parametrize(("resolution", "seconds"), [("1s", 1), ("1m", 60), ("1h", 3600), ("", 60)])
async def test_without_a_period_it_is_the_newest(
    api: FakeApi, client: httpx.AsyncClient, resolution: str, seconds: int
) -> None:
    before = api.clock.now()
    assert (await ask(client, resolution=resolution, limit=100_000)).status_code == 200

    [(wanted, start, end, limit)] = api.prices.asked
    assert (wanted.seconds, limit) == (seconds, 2000)
    assert before <= end <= api.clock.now()
    assert end - start == timedelta(seconds=seconds * 2000)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"resolution": "5m"}, "1s, 1m or 1h"),
        ({"limit": "0"}, "limit"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "must not be after"),
    ],
)
async def test_bad_questions(client: httpx.AsyncClient, query: dict[str, str], text: str) -> None:
    answer = await ask(client, **query)

    assert answer.status_code == 400
    assert text in answer.json()["error"]


async def test_no_mint_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/price-history/sol")).status_code == 400


async def test_what_others_deal_with_looks_like_what_nobody_recorded(api: FakeApi) -> None:
    async with api.client(STRANGER) as other:
        answer = await ask(other, **{"from": NOON.isoformat()})

    assert answer.json() == {
        "mint": MINT,
        "resolution": Resolution.MINUTE.value,
        "candles": [],
        "markers": [],
        "lines": [],
        "sources": [],
        "refusals": [],
    }
    assert api.prices.asked == []


async def test_a_database_that_is_away_is_503(api: FakeApi, client: httpx.AsyncClient) -> None:
    api.prices.away = True

    assert (await ask(client)).status_code == 503
