"""`/overview`: figures of all agents, and every kind of trouble there is to tell of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from nexgent.api.deps import EngineState
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.performance.models import EquityPoint
from nexgent.domain.protections.events import KillSwitchChanged
from nexgent.domain.reconciliation.reconciliation import WalletStanding
from nexgent.domain.trading.errors import SwapUnavailableError
from tests.builders import TOKEN, a_config, a_kill_switch, a_live_agent, an_agent
from tests.fakes.api import FakeApi


async def notices(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/overview/attention")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


class TestAttention:
    async def test_when_all_is_well_there_is_nothing(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        await api.engine.buy([agent])
        api.engine.price(Decimal("0.001"))

        assert await notices(client) == []

    async def test_an_exit_that_does_not_come_through(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        await api.engine.buy([agent])
        api.engine.swaps.unsellable = SwapUnavailableError("429", retry_after_seconds=3600)
        api.engine.move_to(Decimal("0.0001"))
        await api.engine.settle()

        [notice] = await notices(client)

        held = api.engine.held(agent)
        assert (notice["kind"], notice["severity"]) == ("exit_delayed", "danger")
        assert (notice["positionId"], notice["agentId"]) == (str(held.position.id), str(agent.id))
        assert (notice["tokenAddress"], notice["tokenSymbol"]) == (TOKEN, "EXM")
        assert notice["text"].startswith("Selling EXM has not come through after ")
        assert notice["code"] == SwapUnavailableError.code
        await api.engine.exits.abandon()

    async def test_a_price_that_has_stopped(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        await api.engine.buy([agent])
        api.engine.price(Decimal("0.001"))
        since = api.clock.now()
        api.clock.advance(30)
        assert await notices(client) == [], "as old as a price may be"
        api.clock.advance(1)

        [notice] = await notices(client)

        assert (notice["kind"], notice["severity"]) == ("price_stale", "danger")
        assert datetime.fromisoformat(notice["since"]) == since.replace(
            microsecond=since.microsecond // 1000 * 1000
        )
        assert "31 seconds" in notice["text"]

    async def test_a_wallet_without_its_key(self, api: FakeApi, client: httpx.AsyncClient) -> None:
        live = await api.engine.add_agent(a_live_agent(name="Real"))
        api.engine.keys.loaded.add(live.wallets[0].address)
        assert await notices(client) == []
        await api.engine.buy([live])
        api.engine.price(Decimal("0.001"))
        api.engine.keys.loaded.clear()

        [notice] = await notices(client)

        assert (notice["kind"], notice["severity"]) == ("wallet_locked", "danger")
        assert (notice["agentName"], notice["walletAddress"]) == ("Real", live.wallets[0].address)

    async def test_a_key_nobody_needs_is_not_missed(self, api: FakeApi, client: httpx.AsyncClient) -> None:
        await api.engine.add_agent(replace(a_live_agent(), automated_trading_live=False))

        assert await notices(client) == []

    async def test_wallets_that_differ_from_the_chain(self, api: FakeApi, client: httpx.AsyncClient) -> None:
        live = await api.engine.add_agent(a_live_agent())
        api.engine.keys.loaded.add(live.wallets[0].address)
        standing = WalletStanding(due=0, good_at=0, orphans=2)
        api.reconciliation.use_cases.loop.standings[live.wallets[0].address] = standing

        [orphans] = await notices(client)
        standing.orphans, standing.code = 0, "RPC_UNAVAILABLE"
        [unreconciled] = await notices(client)

        assert (orphans["kind"], orphans["severity"]) == ("orphan_token", "warning")
        assert "2 tokens" in orphans["text"]
        assert (unreconciled["kind"], unreconciled["code"]) == ("wallet_unreconciled", "RPC_UNAVAILABLE")

    async def test_protections_that_let_nothing_in(self, api: FakeApi, client: httpx.AsyncClient) -> None:
        config = a_config({"protections": {"maxTradesPerHour": 1}})
        agent = await api.engine.add_agent(an_agent(config, name="Careful"))
        assert await notices(client) == []
        await api.engine.buy([agent])
        api.engine.price(Decimal("0.001"))

        [notice] = await notices(client)

        assert (notice["kind"], notice["code"]) == ("protection", "MAX_TRADES_PER_HOUR")
        assert notice["text"].startswith("Careful buys nothing: ")
        api.engine.bus.publish(KillSwitchChanged(a_kill_switch(reason="lunch")))
        [switch] = await notices(client)
        assert (switch["kind"], switch["text"]) == (
            "kill_switch",
            "The kill switch of your agents is on: lunch",
        )

    async def test_what_the_process_says_of_itself(
        self, api: FakeApi, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api.health.lateness, api.health.reason = "late", "no price was accepted for 31 s"
        monkeypatch.setattr(api.health, "engine", lambda: EngineState("replica", "other:7"))
        api.engine.sol_price.price_usd = None

        found = await notices(client)

        assert [(one["kind"], one["severity"]) for one in found] == [
            ("engine_not_ready", "danger"),
            ("engine_late", "warning"),
            ("sol_price_stale", "warning"),
            ("engine_elsewhere", "info"),
        ]
        assert found[-1]["text"] == "Another process trades (other:7); this one shows what it does"

    async def test_others_have_their_own(
        self, api: FakeApi, client: httpx.AsyncClient, foreign: Agent
    ) -> None:
        await api.engine.buy([foreign])
        api.clock.advance(60)

        assert await notices(client) == []


class TestFigures:
    async def test_all_agents_are_added_up(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        other = await api.engine.add_agent(an_agent(name="Second"))
        live = await api.engine.add_agent(a_live_agent())
        await api.engine.buy([agent])
        api.engine.price(Decimal("0.002"))

        body = (await client.get("/api/v1/overview")).json()
        real = (await client.get("/api/v1/overview?mode=live")).json()

        assert (body["mode"], body["agents"], body["openPositions"]) == ("simulation", 3, 1)
        held = api.engine.held(agent).position
        sol = sum(Decimal(api.engine.balance_raw(one)).scaleb(-9) for one in (agent, other))
        assert Decimal(body["solBalance"]) == sol
        assert Decimal(body["positionsValueSol"]) == held.quantity * Decimal("0.002")
        assert Decimal(body["portfolioBalanceSol"]) == sol + held.quantity * Decimal("0.002")
        assert (
            Decimal(body["unrealizedProfitLossSol"]) == held.quantity * Decimal("0.002") - held.invested_sol
        )
        assert (real["openPositions"], Decimal(real["solBalance"])) == (
            0,
            api.engine.balance_raw(live) / Decimal(10**9),
        )
        assert [one["period"] for one in body["periods"]] == ["today", "7d", "30d", "all"]
        assert body["periods"][0] | {"since": ""} == {
            "period": "today",
            "since": "",
            "closedTrades": 3,
            "wins": 1,
            "winRate": pytest.approx(100 / 3),
            "profitLossSol": "0.5",
            "profitLossUsd": "75",
        }
        assert body["periods"][-1]["since"] is None

    async def test_today_begins_where_one_lives(self, api: FakeApi, client: httpx.AsyncClient) -> None:
        api.clock.advance(-(api.clock.now() - datetime.fromisoformat("2026-03-10T23:30:00Z")).total_seconds())
        starts = []
        for zone in ("UTC", "Europe/Berlin"):
            assert (await client.get(f"/api/v1/overview?timezone={zone}")).status_code == 200
            starts.append(api.all_figures.starts["today"])

        assert starts == [
            datetime.fromisoformat("2026-03-10T00:00:00Z"),
            datetime.fromisoformat("2026-03-11T00:00:00+01:00"),
        ]

    @pytest.mark.parametrize("query", ["mode=paper", "timezone=Mars/Olympus", "timezone=../etc"])
    async def test_bad_questions(self, client: httpx.AsyncClient, query: str) -> None:
        assert (await client.get(f"/api/v1/overview?{query}")).status_code == 400

    @pytest.mark.parametrize(("timeframe", "hours"), [("24h", 24), ("7d", 168), ("30d", 720), ("", 168)])
    async def test_a_curve_is_hourly(
        self, api: FakeApi, client: httpx.AsyncClient, timeframe: str, hours: int
    ) -> None:
        now = api.clock.now()
        api.all_figures.points = [EquityPoint(time=now, portfolio_balance_sol=Decimal("1.50"), wallets=2)]

        answer = await client.get(f"/api/v1/overview/equity?timeframe={timeframe}&mode=live")

        assert [(one["portfolioBalanceSol"], one["wallets"]) for one in answer.json()["points"]] == [
            ("1.5", 2)
        ]
        [(mode, start, end, step)] = api.all_figures.asked
        assert (mode, end - start, step) == (TradingMode.LIVE, timedelta(hours=hours), timedelta(hours=1))
        assert (end.minute, end.second, now - end < timedelta(hours=1)) == (0, 0, True)

    async def test_the_whole_curve_is_daily_once_there_are_days(
        self, api: FakeApi, client: httpx.AsyncClient
    ) -> None:
        async def asked() -> list[tuple[TradingMode, datetime, datetime, timedelta]]:
            api.all_figures.asked.clear()
            answer = await client.get("/api/v1/overview/equity?timeframe=all")
            assert answer.status_code == 200
            return api.all_figures.asked

        assert await asked() == [], "there is nothing yet"
        api.all_figures.first = api.clock.now().replace(minute=0, second=0, microsecond=0)
        [(_, start, _, step)] = await asked()
        assert (start, step) == (api.all_figures.first, timedelta(hours=1))
        api.all_figures.first -= timedelta(days=10)
        [(_, start, end, step)] = await asked()
        assert (start.hour, end.hour, step) == (0, 0, timedelta(days=1))
        assert api.all_figures.first < start < end <= api.clock.now()
