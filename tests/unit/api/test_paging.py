"""Cursors of lists, and `from` and `to`."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from nexgent.api.paging import MAX_PAGE_BYTES
from nexgent.domain.agents.models import Agent
from nexgent.shared.ids import new_id
from nexgent.shared.types import ClosedTradeId, SignalId, TransactionId
from tests.builders import TOKEN, a_closed_trade_row, a_signal_row
from tests.fakes.api import FakeApi, FakeClosedTrades, FakeTransactions
from tests.fakes.signals import FakeSignals
from tests.unit.api.test_money import a_row

NOW = datetime(2026, 2, 3, 4, 5, 6, 789_123, UTC)
ROWS = 10


def add_transaction(api: FakeApi, agent: Agent, number: int) -> str:
    row = replace(a_row(agent), id=TransactionId(new_id()), time=NOW - timedelta(minutes=number // 5))
    api.transactions.rows.append(row)
    return str(row.id)


def add_trade(api: FakeApi, agent: Agent, number: int) -> str:
    row = a_closed_trade_row(
        agent, id=ClosedTradeId(new_id()), sale_time=NOW - timedelta(minutes=number // 5)
    )
    api.closed_trades.rows.append(row)
    return str(row.id)


def add_signal(api: FakeApi, agent: Agent, number: int) -> str:
    row = a_signal_row(len(api.signals.rows) + 1, created_at=NOW - timedelta(minutes=number // 5))
    api.signals.rows[row.id] = row
    return str(row.id)


Add = Callable[[FakeApi, Agent, int], str]
LISTS: list[tuple[str, Add]] = [
    ("agent-transactions", add_transaction),
    ("agent-historical-swaps", add_trade),
    ("trading-signals", add_signal),
]
BOUNDS = [
    ("agent-transactions", "startTime", "endTime"),
    ("agent-historical-swaps", "startSaleTime", "endSaleTime"),
    ("trading-signals", "startDate", "endDate"),
]


def path_of(resource: str, agent: Agent) -> str:
    return f"/api/v1/{resource}?agentId={agent.id}"


@pytest.mark.parametrize(("resource", "add"), LISTS)
async def test_pages_hold_every_row_once(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, resource: str, add: Add
) -> None:
    there = {add(api, agent, number) for number in range(ROWS)}
    seen: list[str] = []
    cursor = ""
    for _ in range(ROWS):
        page = await client.get(f"{path_of(resource, agent)}&limit=3&cursor={cursor}")
        assert page.status_code == 200
        seen += [str(row["id"]) for row in page.json()]
        add(api, agent, 0)  # At the top, at a time that others have.
        if "x-next-cursor" not in page.headers:
            break
        assert len(page.json()) == 3
        cursor = page.headers["x-next-cursor"]

    assert len(seen) == len(set(seen))
    assert there <= set(seen)


@pytest.mark.parametrize(("resource", "add"), LISTS)
async def test_the_contract_is_as_it_was(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, resource: str, add: Add
) -> None:
    for number in range(ROWS):
        add(api, agent, number)

    whole = await client.get(path_of(resource, agent))
    exact = await client.get(f"{path_of(resource, agent)}&limit={ROWS}")
    part = await client.get(f"{path_of(resource, agent)}&limit=2&offset=3")

    assert whole.json() == exact.json()
    assert len(whole.json()) == ROWS
    assert "x-next-cursor" not in whole.headers
    assert "x-next-cursor" not in exact.headers, "there is no more"
    assert part.json() == whole.json()[3:5]


@pytest.mark.parametrize(("resource", "add"), LISTS)
async def test_cursors_of_nowhere_are_refused(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, resource: str, add: Add
) -> None:
    for number in range(3):
        add(api, agent, number)
    good = (await client.get(f"{path_of(resource, agent)}&limit=1")).headers["x-next-cursor"]
    elsewhere = [name for name, _ in LISTS if name != resource]
    for _, other in LISTS:
        for _ in range(2):
            other(api, agent, 0)
    foreign = [
        (await client.get(f"{path_of(name, agent)}&limit=1")).headers["x-next-cursor"] for name in elsewhere
    ]
    name = resource.removeprefix("agent-").removeprefix("trading-")
    made_up = [
        urlsafe_b64encode(text.encode()).decode().rstrip("=")
        for text in (
            f"{name}|1|1|1",
            f"{name}|x|1",
            f"{name}|{10**30}|{new_id()}",
            f"{name}|1|99999999999",
            f"{name}| 1|7",
            f"{name}|1|",
            "||",
            "",
        )
        if text
    ]

    for bad in [*foreign, *made_up, "x", "%00", "ä", f"{good}%3D", good[:-1], good + "A", "a" * 255]:
        response = await client.get(f"{path_of(resource, agent)}&cursor={bad}")
        assert response.status_code == 400, (bad, response.text)
        assert response.json()["error"].startswith("Invalid cursor: ")
    too_much = await client.get(f"{path_of(resource, agent)}&cursor={good}&offset=0")
    assert (too_much.status_code, too_much.json()["error"]) == (
        400,
        "Invalid offset: it cannot be given together with cursor",
    )


@pytest.mark.parametrize(("resource", "start", "end"), BOUNDS)
async def test_from_and_to_are_other_names(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, resource: str, start: str, end: str
) -> None:
    fakes: dict[str, FakeTransactions | FakeClosedTrades | FakeSignals] = {
        "agent-transactions": api.transactions,
        "agent-historical-swaps": api.closed_trades,
        "trading-signals": api.signals,
    }
    fake = fakes[resource]

    by_alias = await client.get(f"{path_of(resource, agent)}&from=2026-01-01&to=2026-01-02")
    alias_wanted = fake.wanted
    by_name = await client.get(f"{path_of(resource, agent)}&{start}=2026-01-01&{end}=2026-01-02")

    assert (by_alias.status_code, by_name.status_code) == (200, 200)
    assert alias_wanted is not None
    assert alias_wanted == fake.wanted
    assert {datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)} <= set(astuple(alias_wanted))
    for query in (
        "from=soon",
        "to=x",
        f"from=2026-01-01&{start}=2026-01-01",
        f"to=2026-01-01&{end}=2026-01-01",
    ):
        refused = await client.get(f"{path_of(resource, agent)}&{query}")
        assert refused.status_code == 400, query
        assert refused.json()["error"].startswith(("Invalid from: ", "Invalid to: "))


async def test_the_tag_of_a_page_tells_whether_there_is_more(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    newest = add_signal(api, agent, 0)
    first = await client.get("/api/v1/trading-signals?limit=1")
    api.signals.rows[SignalId(99)] = a_signal_row(99, created_at=NOW - timedelta(days=1))

    again = await client.get(
        "/api/v1/trading-signals?limit=1", headers={"if-none-match": first.headers["etag"]}
    )

    assert again.status_code == 200, "the rows are the same, but now there is a next page"
    assert [str(row["id"]) for row in again.json()] == [newest]
    assert "x-next-cursor" in again.headers


async def test_browsers_may_read_the_cursor(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/trading-signals", headers={"origin": "http://localhost:3000"})

    shown = response.headers["access-control-expose-headers"].split(",")
    assert {"X-Next-Cursor", "Content-Disposition"} <= set(shown)


async def test_a_page_that_grows_too_large_ends_early_and_nothing_is_lost(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    # As they were stored before reasons had a limit.
    for number in range(1, 13):
        api.signals.rows[SignalId(number)] = a_signal_row(
            number, activation_reason="x" * 1_000_000, created_at=NOW - timedelta(minutes=number)
        )
    api.signals.rows[SignalId(13)] = a_signal_row(13, activation_reason="y" * 6_000_000, created_at=NOW)
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await client.get(f"/api/v1/trading-signals?limit=1000&cursor={cursor}")
        assert len(page.content) < MAX_PAGE_BYTES + 2_000_000
        seen += [row["id"] for row in page.json()]
        cursor = page.headers.get("x-next-cursor")
    assert seen == [13, *range(1, 13)]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_reasons_have_a_length(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, method: str
) -> None:
    body = {"tokenAddress": TOKEN, "signalType": "T", "signalStrength": 3}
    created = (await client.post("/api/v1/trading-signals", json={**body, "signalType": "U"})).json()
    path = "/api/v1/trading-signals" + ("" if method == "POST" else f"/{created['id']}")
    for length, status in ((5_000, {200, 201}), (5_001, {400})):
        answer = await client.request(method, path, json={**body, "activationReason": "x" * length})
        assert answer.status_code in status, answer.text
        assert ("activationReason" in answer.json().get("error", "")) == (length > 5_000)
