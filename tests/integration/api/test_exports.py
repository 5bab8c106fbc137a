"""Exports and pages over a real socket and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import csv
import gc
import io
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import psutil
import pytest

from nexgent.api import export
from nexgent.shared.ids import new_id
from tests.builders import T0, USER
from tests.integration.api.conftest import Service
from tests.patience import PATIENCE_SECONDS

MANY = 20_000


async def add_signals(service: Service, rows: int) -> None:
    await service.pool.execute(
        """INSERT INTO trading_signals (updated_at, created_at, token_address, signal_type, signal_strength, activation_reason,
             user_id)
           SELECT $2, $2, 'T' || n, 'Breakout', 3, repeat('because ', 20), $3 FROM generate_series(1, $1) AS n""",
        rows,
        T0,
        USER,
    )


async def add_trades(service: Service, rows: int) -> None:
    await service.pool.execute(
        """INSERT INTO agent_historical_swaps (id, agent_id, wallet_address, token_address, token_symbol, amount, purchase_price,
             sale_price, change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time, created_at, close_reason)
           SELECT gen_random_uuid(), $2, $3, 'T' || n, 'EXM', n, 0.000012345678, 0.00002, 62, 12.345, -0.05, $4, $4, $4, 'manual'
           FROM generate_series(1, $1) AS n""",
        rows,
        service.agent.id,
        service.agent.wallets[0].address,
        T0,
    )


async def exports_running(service: Service) -> int:
    return int(
        await service.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%trading_signals%' "
            "AND pid <> pg_backend_pid()"
        )
    )


@pytest.mark.parametrize("rows", [0, 999, 1000, 2001])
async def test_everything_once_by_id(service: Service, rows: int) -> None:
    await add_signals(service, rows)
    await add_trades(service, rows)

    signals = await service.client.get("/trading-signals/export")
    trades = await service.client.get(
        f"/agent-historical-swaps/export?agentId={service.agent.id}&format=json"
    )
    lines = await service.client.get(f"/agent-historical-swaps/export?agentId={service.agent.id}")

    stored = await service.pool.fetch("SELECT id FROM trading_signals ORDER BY id")
    assert [int(row[0]) for row in list(csv.reader(io.StringIO(signals.text)))[1:]] == [
        r["id"] for r in stored
    ]
    stored = await service.pool.fetch("SELECT id, token_address FROM agent_historical_swaps ORDER BY id")
    assert [row["id"] for row in trades.json()] == [str(r["id"]) for r in stored]
    assert [row[2] for row in list(csv.reader(io.StringIO(lines.text)))[1:]] == [
        r["token_address"] for r in stored
    ]


async def test_memory_does_not_grow_with_the_file(service: Service) -> None:
    path = f"/agent-historical-swaps/export?agentId={service.agent.id}"
    process = psutil.Process()

    async def peak_bytes() -> tuple[int, int]:
        gc.collect()
        size = peak = 0
        async with service.client.stream("GET", path) as response:
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                peak = max(peak, process.memory_info().rss)
        return size, peak

    await add_trades(service, 2 * export.BATCH_ROWS)
    _, small_peak = await peak_bytes()
    await add_trades(service, MANY)
    size, peak = await peak_bytes()

    assert size > MANY * 80
    # Read in one piece, they take 35 million bytes more.
    assert peak - small_peak < 10_000_000


async def test_a_client_that_goes_away_stops_the_reading(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_signals(service, MANY)
    batches = count(1)
    read = 0
    ended = asyncio.Event()
    pieces = export._pieces

    async def watched(*arguments: Any) -> AsyncIterator[Any]:
        nonlocal read
        try:
            async for rows in pieces(*arguments):
                read = next(batches)
                yield rows
        finally:
            ended.set()

    monkeypatch.setattr(export, "_pieces", watched)
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=4096)
    token = service.client.headers["authorization"]
    writer.write(
        f"GET /api/v1/trading-signals/export?format=json HTTP/1.1\r\nhost: test\r\nauthorization: {token}\r\n\r\n".encode()
    )
    assert b"200 OK" in await reader.readline()
    writer.transport.abort()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await ended.wait()

    assert read < MANY / 100, "not everything was read"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while await exports_running(service):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert (await service.client.get("/trading-signals?limit=1")).status_code == 200


async def test_a_database_that_goes_away_before_the_first_byte(service: Service) -> None:
    await service.pool.close()

    response = await service.client.get("/trading-signals/export")

    assert response.status_code == 503
    assert {"error", "message"} <= set(response.json())


async def test_a_database_that_goes_away_in_the_middle_breaks_the_connection(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_signals(service, MANY)
    pieces = export._pieces

    async def cut_off(*arguments: Any) -> AsyncIterator[Any]:
        number = 0
        async for rows in pieces(*arguments):
            yield rows
            number += 1
            if number == 15:
                await service.pool.close()

    monkeypatch.setattr(export, "_pieces", cut_off)

    with pytest.raises(httpx.RemoteProtocolError):
        await service.client.get("/trading-signals/export")


INSERTS = {
    "trading-signals": (
        "INSERT INTO trading_signals (updated_at, created_at, token_address, signal_type, signal_strength, user_id) "
        "VALUES ($1, $1, 'T', 'Breakout', 3, $2) RETURNING id"
    ),
    "agent-transactions": (
        "INSERT INTO agent_transactions (id, agent_id, transaction_type, transaction_value_usd, transaction_time, is_dca, "
        "is_take_profit, created_at, updated_at) VALUES ($3, $2, 'DEPOSIT', 1, $1, false, false, $1, $1) RETURNING id"
    ),
    "agent-historical-swaps": (
        "INSERT INTO agent_historical_swaps (id, agent_id, token_address, token_symbol, amount, purchase_price, sale_price, "
        "change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time, created_at) "
        "VALUES ($3, $2, 'T', 'EXM', 1, 1, 1, 0, 0, 0, $1, $1, $1) RETURNING id"
    ),
}


@pytest.mark.parametrize("resource", list(INSERTS))
async def test_pages_through_equal_times_while_rows_come_in(service: Service, resource: str) -> None:
    async def insert(microseconds: int) -> str:
        at = T0 + timedelta(microseconds=microseconds)
        owner = USER if resource == "trading-signals" else service.agent.id
        more = () if resource == "trading-signals" else (new_id(),)
        return str(await service.pool.fetchval(INSERTS[resource], at, owner, *more))

    there = {await insert(number // 10) for number in range(40)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"agentId": str(service.agent.id), "limit": "7", **({"cursor": cursor} if cursor else {})}
        page = await service.client.get(f"/{resource}", params=query)
        assert page.status_code == 200, page.text
        seen += [str(row["id"]) for row in page.json()]
        cursor = page.headers.get("x-next-cursor")
        if cursor is None:
            break
        assert len(seen) < 400
        # One on top, and one beside the rows of the next page, whose place may be before or behind the cursor.
        await insert(9)
        await insert(0 if len(seen) < 30 else 3)

    assert len(seen) == len(set(seen)), "none twice"
    assert there <= set(seen), "none missing"
