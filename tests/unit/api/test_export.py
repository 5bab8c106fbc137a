"""Exports: columns, formats, batches, and what happens when the database or the client goes away."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import MutableMapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from nexgent.api import export, streaming
from nexgent.domain.agents.models import Agent
from nexgent.domain.signals.models import SignalAction
from nexgent.domain.signals.queries import SignalRow
from nexgent.domain.transactions.models import TransactionType
from nexgent.domain.transactions.queries import TransactionRow
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.types import SignalId, TokenAddress, TransactionId, UserId
from tests.builders import TOKEN, a_closed_trade_row, a_signal_row
from tests.fakes.api import FakeApi

SOLD = datetime(2024, 1, 15, 20, 45, 12, 345_678, UTC)
SWAPS = "/api/v1/agent-historical-swaps/export"
SIGNALS = "/api/v1/trading-signals/export"


def add_signals(api: FakeApi, count: int, **changes: Any) -> None:
    for number in range(1, count + 1):
        row = a_signal_row(number, **{"created_at": SOLD, "updated_at": SOLD, **changes})
        api.signals.rows[row.id] = row


def table(text: str) -> list[list[str]]:
    assert text.endswith("\n")
    return list(csv.reader(io.StringIO(text, newline="")))


async def test_a_trade_in_usd(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    add_signals(api, 7, signal_type='A, "B"', activation_reason="=HYPERLINK(1)")
    api.closed_trades.rows += [a_closed_trade_row(agent, SOLD, signal_id=SignalId(7))]

    response = await client.get(f"{SWAPS}?agentId={agent.id}&timezone=America/New_York&format=CSV")

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    today = api.clock.now().date().isoformat()
    assert response.headers["content-disposition"] == f'attachment; filename="agent-trades-{today}.csv"'
    assert response.text == (
        "Time,Token Symbol,Token Address,Amount,Average Purchase Price (USD),Sale Price (USD),Profit / Loss (USD),Change (%),"
        "Signal ID,Signal Type,Activation Reason\n"
        f'"Jan 15, 2024 03:45:12 PM",EXM,{TOKEN},1250.51,0.00123457,0.00200000,+12.35,62.00%,7,"A, ""B""",\'=HYPERLINK(1)\n'
    )
    assert api.projections.waited == 1


async def test_a_trade_in_sol(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    api.closed_trades.rows += [
        a_closed_trade_row(agent, SOLD, token_symbol="@X", token_address=TokenAddress("+T"))
    ]

    response = await client.get(f"{SWAPS}?agentId={agent.id}&currency=SOL&timezone=Mars/Olympus&solPrice=7")

    header, row = table(response.text)
    assert header[4:7] == ["Average Purchase Price (SOL)", "Sale Price (SOL)", "Profit / Loss (SOL)"]
    assert row == [
        "Jan 15, 2024 08:45:12 PM", "'@X", "'+T", "1250.51", "0.0000123457", "0.0000200000", "-0.0001", "62.00%",
        "N/A", "N/A", "N/A",
    ]  # fmt: skip


async def test_the_sol_price_converts_prices_only(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    api.closed_trades.rows += [a_closed_trade_row(agent, SOLD)]

    response = await client.get(f"{SWAPS}?agentId={agent.id}&solPrice=150.5&currency=eur")

    assert table(response.text)[1][4:7] == ["0.00185802", "0.00301000", "+12.35"]


async def test_transactions(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    none = dict.fromkeys(field.name for field in fields(TransactionRow))
    known: dict[str, Any] = {**none, "agent_id": agent.id, "wallet_address": agent.wallets[0].address}
    known |= {"type": "SWAP", "value_usd": Decimal("12.50"), "is_dca": False, "is_take_profit": False}
    known |= {"input_symbol": "=SOL", "input_amount": Decimal("1e-9"), "created_at": SOLD, "updated_at": SOLD}
    rows = [
        TransactionRow(
            **{**known, "id": TransactionId(UUID(int=number)), "time": SOLD + timedelta(seconds=number // 2)}
        )
        for number in range(2 * export.BATCH_ROWS + 1)
    ]
    api.transactions.rows += rows
    path = f"/api/v1/agent-transactions/export?agentId={agent.id}&transactionType=SWAP&isDca=false&from=2024-01-01T00:00:00Z"

    lines = table((await client.get(f"{path}&timezone=America/New_York")).text)
    wanted = api.transactions.wanted
    objects = (await client.get(f"{path}&format=json")).json()
    listed = (await client.get(f"/api/v1/agent-transactions?agentId={agent.id}&limit=3")).json()

    newest_first = [str(row.id) for row in reversed(rows)]
    assert [line[-1] for line in lines[1:]] == newest_first
    assert [one["id"] for one in objects] == newest_first
    assert objects[:3] == listed
    assert dict(zip(lines[0], lines[-1], strict=True)) == {
        "Time": "Jan 15, 2024 03:45:12 PM",
        "Type": "SWAP",
        "Value (USD)": "12.5",
        "Input Symbol": "'=SOL",
        "Input Amount": "0.000000001",
        "DCA": "No",
        "Take Profit": "No",
        "Wallet": agent.wallets[0].address,
        "ID": str(rows[0].id),
        **dict.fromkeys(
            (
                "Input Address",
                "Output Symbol",
                "Output Address",
                "Output Amount",
                "Fees (SOL)",
                "Slippage (%)",
            ),
            "N/A",
        ),
        **dict.fromkeys(("Price Impact (%)", "Signal ID", "Transaction Hash"), "N/A"),
    }
    assert wanted is not None
    assert (wanted.type, wanted.is_dca, wanted.start_time) == (
        TransactionType.SWAP,
        False,
        datetime(2024, 1, 1, tzinfo=UTC),
    )


async def test_signals(api: FakeApi, client: httpx.AsyncClient) -> None:
    add_signals(api, 1, source="-1", activation_reason="line\nbreak")
    reduce = {"action": SignalAction.REDUCE, "percent": Decimal("12.50")}
    api.signals.rows[SignalId(2)] = a_signal_row(2, created_at=SOLD, updated_at=SOLD, **reduce)

    response = await client.get(f"{SIGNALS}?timezone=Asia/Tokyo")

    today = api.clock.now().date().isoformat()
    assert response.headers["content-disposition"] == f'attachment; filename="trading-signals-{today}.csv"'
    assert table(response.text) == [
        ["Signal ID", "Created At", "Signal Strength", "Token Symbol", "Token Address", "Trading Strategy",
         "Activation Reason", "Source", "Updated At", "Action", "Percent"],
        ["1", "Jan 16, 2024 05:45:12 AM", "3", "N/A", TOKEN, "Breakout", "line\nbreak", "'-1", "Jan 16, 2024 05:45:12 AM",
         "buy", "N/A"],
        ["2", "Jan 16, 2024 05:45:12 AM", "3", "N/A", TOKEN, "Breakout", "N/A", "N/A", "Jan 16, 2024 05:45:12 AM",
         "reduce", "12.5"],
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 99, 100, 999, 1000, 1001, 2000, 2345])
@pytest.mark.parametrize("form", ["csv", "json"])
async def test_every_row_once_in_order(
    api: FakeApi, client: httpx.AsyncClient, count: int, form: str
) -> None:
    add_signals(api, count)

    response = await client.get(f"{SIGNALS}?format={form}")

    if form == "json":
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        ids = [row["id"] for row in response.json()]
    else:
        ids = [int(row[0]) for row in table(response.text)[1:]]
    assert ids == list(range(1, count + 1))
    assert api.signals.exports == count // export.BATCH_ROWS + 1


async def test_json_is_what_lists_show(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    add_signals(api, 7, activation_reason="=1")
    api.closed_trades.rows += [
        a_closed_trade_row(agent, SOLD, signal_id=SignalId(7)),
        a_closed_trade_row(agent, SOLD),
    ]
    listed = (await client.get(f"/api/v1/agent-historical-swaps?agentId={agent.id}")).json()

    response = await client.get(f"{SWAPS}?agentId={agent.id}&format=JSON")

    rows = {row["id"]: row for row in response.json()}
    assert response.headers["content-disposition"].endswith('.json"')
    assert list(rows) == sorted(rows)
    for one in listed:
        reason = "=1" if one["signalId"] == "7" else None
        kind = "Breakout" if one["signalId"] == "7" else None
        assert rows[one["id"]] == {**one, "signalType": kind, "activationReason": reason}


async def test_somebody_elses_signals_are_not_in_it(api: FakeApi, client: httpx.AsyncClient) -> None:
    add_signals(api, 2, user_id=UserId(new_id()))

    assert len(table((await client.get(SIGNALS)).text)) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("agentId={id}&solPrice=lots", 400),
        ("agentId={id}&solPrice=0", 400),
        ("agentId={id}&solPrice=-1", 400),
        ("agentId={id}&solPrice=1e400", 400),
        ("agentId={id}&startSaleTime=x", 400),
        ("agentId={id}&signalId=x", 400),
        ("agentId={id}&to=x", 400),
        ("agentId=7b0f8a3e-0000-4000-8000-000000000000", 404),
        ("agentId={foreign}", 403),
    ],
)
async def test_refusals(
    client: httpx.AsyncClient, agent: Agent, foreign: Agent, query: str, status: int
) -> None:
    response = await client.get(
        f"{SWAPS}?{query.replace('{id}', str(agent.id)).replace('{foreign}', str(foreign.id))}"
    )

    assert response.status_code == status
    assert response.json()["error"]


@pytest.mark.parametrize(
    "zone", ["../../etc/passwd", "/etc/passwd", "America", "x" * 200, "posixrules/..", "Ä"]
)
async def test_zones_that_are_none_are_utc(api: FakeApi, client: httpx.AsyncClient, zone: str) -> None:
    add_signals(api, 1)

    response = await client.get(SIGNALS, params={"timezone": zone})

    assert table(response.text)[1][1] == "Jan 15, 2024 08:45:12 PM"


async def test_no_database_before_the_first_byte(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    api.signals.failure = api.closed_trades.failure = UnavailableError("The database is not available")

    for path in (SIGNALS, f"{SWAPS}?agentId={agent.id}&format=json"):
        response = await client.get(path)

        assert response.status_code == 503
        assert response.json()["error"] == "The database is not available"
        assert response.json()["message"]
        assert response.headers["retry-after"] == "1"
        assert "content-disposition" not in response.headers


async def test_a_beginning_that_takes_too_long(
    api: FakeApi, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> list[SignalRow]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(export, "FIRST_BATCH_SECONDS", 0.01)
    monkeypatch.setattr(api.signals, "export", never)

    response = await client.get(SIGNALS)

    assert response.status_code == 408
    assert set(response.json()) == {"error", "message"}


async def test_head_reads_no_more_than_the_beginning(api: FakeApi, client: httpx.AsyncClient) -> None:
    add_signals(api, 2500)

    response = await client.head(SIGNALS)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.content == b""
    assert api.signals.exports == 1


class Connection:
    """A client that reads so many chunks and then does as it likes."""

    def __init__(self, api: FakeApi, chunks: int | None, *, hangs: bool = False) -> None:
        self.body = b""
        self.finished = False
        self.status = 0
        self._api = api
        self._left = chunks
        self._hangs = hangs
        self._gone = asyncio.Event()

    async def get(self, path: str) -> None:
        token = self._api.token()
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
            "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http", "query_string": b"",
            "headers": [(b"authorization", f"Bearer {token}".encode())], "client": ("127.0.0.1", 1),
            "server": ("test", 80),
        }  # fmt: skip
        await self._api.app(scope, self._receive, self._send)

    async def _receive(self) -> MutableMapping[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        if self._left == 0:
            if self._hangs:
                await asyncio.Event().wait()
            self._gone.set()
            return
        self._left = None if self._left is None else self._left - 1
        self.body += message["body"]
        self.finished = not message.get("more_body", False)


async def test_nothing_is_read_for_a_client_that_has_gone(api: FakeApi) -> None:
    add_signals(api, 9_000)
    client = Connection(api, chunks=3)

    await client.get(SIGNALS)

    assert not client.finished
    assert api.signals.exports == 1, "rows are read while somebody wants them"


async def test_a_client_that_takes_nothing_is_given_up(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SEND_SECONDS", 0.01)
    add_signals(api, 3_000)
    client = Connection(api, chunks=3, hangs=True)

    await client.get(SIGNALS)

    assert not client.finished
    assert api.signals.exports == 1


async def test_a_file_that_cannot_be_finished_does_not_look_finished(api: FakeApi) -> None:
    add_signals(api, 3_000)
    api.signals.failure, api.signals.fails_after = UnavailableError("gone"), 2
    client = Connection(api, chunks=None)

    await client.get(SIGNALS)

    assert client.status == 200
    assert client.body.count(b"\n") == 1 + 2 * export.BATCH_ROWS
    assert not client.finished
