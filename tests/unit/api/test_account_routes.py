"""Protections, figures, wallets and API keys over HTTP: shapes, checks in order, ownership."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.positions.models import Position
from nexgent.domain.trading.errors import SwapUnavailableError
from nexgent.domain.users.authenticate import key_hash
from nexgent.shared.ids import new_id
from nexgent.shared.money import lamports
from nexgent.shared.types import UserId
from tests.builders import T0, TOKEN, USER, a_closed_trade_row, a_snapshot, an_agent
from tests.fakes.api import FakeApi
from tests.fakes.wallets import LIVE, LIVE_2
from tests.patience import until

STRANGER = UserId(new_id())
NOBODY = "00000000-0000-4000-8000-000000000000"


class Site:
    """The application, with what stands behind these routers at hand."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.engine = self.api.engine
        self.world = self.api.wallet_world
        self.board = self.api.protection_state
        self.figures = self.api.figures
        self.store = self.api.protection_store
        self.keys = self.api.key_rows

    def client(self, user_id: UserId | None = USER) -> httpx.AsyncClient:
        return self.api.client(user_id)


@pytest.fixture
def site() -> Site:
    return Site()


async def an_agent_of(site: Site, **sections: object) -> Agent:
    agent = an_agent(update_config(TradingConfig(), sections))
    return await site.engine.add_agent(agent)


# --- Access ---

ROUTES = [
    ("GET", "/agents/{agent}/performance"),
    ("GET", "/agents/{agent}/balance-history?walletAddress={wallet}"),
    ("GET", "/agent-positions/{agent}/take-profit-summary"),
    ("GET", "/agents/{agent}/protections"),
    ("POST", "/agents/{agent}/protections/reset"),
    ("GET", "/wallets/agent/{agent}"),
    ("POST", "/wallets/{wallet}/reset"),
    ("POST", "/wallets/{live}/unassign"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_strangers_find_nothing_and_nobody_gets_in(site: Site, method: str, path: str) -> None:
    agent = await site.world.an_agent(live=LIVE)
    url = "/api/v1" + path.format(agent=agent.id, wallet=agent.wallets[0].address, live=LIVE)
    body = {"confirm": True} if method == "POST" else None

    async with site.client(STRANGER) as stranger, site.client(None) as nobody, site.client() as owner:
        foreign = await stranger.request(method, url, json=body)
        refused = await nobody.request(method, url, json=body)
        own = await owner.request(method, url, json=body)

    assert (foreign.status_code, refused.status_code, own.status_code) == (404, 401, 200)
    assert "not found" in foreign.json()["error"].lower()


# --- Performance ---


async def test_performance_has_eight_numbers(site: Site) -> None:
    agent = await an_agent_of(site)
    await site.engine.buy([agent], size_sol=Decimal(1))
    site.engine.price(Decimal("0.0015"))
    site.figures.trades = [
        a_closed_trade_row(agent, profit_loss_sol=Decimal(profit), change_percent=Decimal(change))
        for profit, change in (("0.1", "10"), ("-0.2", "-20"), ("0.5", "50"), ("0", "0"))
    ]

    async with site.client() as client:
        response = await client.get(f"/api/v1/agents/{agent.id}/performance")

    assert response.json() == {
        "portfolioBalanceSol": 10.499895,
        "totalProfitLossSol": 0.899895,
        "realizedProfitLossSol": 0.4,
        "unrealizedProfitLossSol": 0.499895,
        "averageReturn": 10,
        "winRate": 50,
        "totalClosedTrades": 4,
        "totalOpenPositions": 1,
    }
    assert site.api.projections.waited == 1


async def test_performance_of_a_day_and_of_a_wallet(site: Site) -> None:
    agent = await an_agent_of(site)
    address = agent.wallets[0].address
    url = f"/api/v1/agents/{agent.id}/performance"
    async with site.client() as client:
        day = await client.get(url, params={"timeframe": "24h", "walletAddress": address})
        unknown = await client.get(url, params={"walletAddress": "somebody-elses"})

    assert day.json()["portfolioBalanceSol"] == 10
    assert site.figures.asked == [(address, site.engine.clock.now() - timedelta(hours=24))]
    assert unknown.status_code == 200
    assert set(unknown.json().values()) == {0}


@pytest.mark.parametrize(
    ("agent_id", "query", "status", "says"),
    [
        ("bad", {"timeframe": "7d"}, 400, "timeframe"),
        ("bad", {}, 400, "Invalid agent ID format"),
        (NOBODY, {}, 404, "Agent not found"),
    ],
)
async def test_performance_checks_in_order(
    site: Site, agent_id: str, query: dict[str, str], status: int, says: str
) -> None:
    async with site.client() as client:
        response = await client.get(f"/api/v1/agents/{agent_id}/performance", params=query)
    assert (response.status_code, says in response.json()["error"]) == (status, True)


async def test_balance_history_is_text(site: Site) -> None:
    agent = await an_agent_of(site)
    hour = site.engine.clock.now().replace(minute=0, second=0, microsecond=0)
    snapshot = a_snapshot(
        agent.id,
        agent.wallets[0].address,
        hour,
        portfolio_balance_sol=Decimal("12.500000000000000000"),
        sol_balance=Decimal("0E-18"),
        positions_value_sol=Decimal("2.5E-12"),
        unrealized_pnl_sol=Decimal("-1.10"),
    )
    await site.figures.save([snapshot])
    params = {"walletAddress": agent.wallets[0].address, "days": "3"}
    url = f"/api/v1/agents/{agent.id}/balance-history"

    async with site.client() as client:
        day = await client.get(url, params={**params, "timeframe": "24h"})
        everything = await client.get(url, params=params)

    assert day.json() == {
        "agentId": str(agent.id),
        "timeframe": "24h",
        "snapshots": [
            {
                "timestamp": f"{hour:%Y-%m-%dT%H}:00:00.000Z",
                "portfolioBalanceSol": "12.5",
                "solBalance": "0",
                "positionsValueSol": "0.0000000000025",
                "unrealizedPnLSol": "-1.1",
            }
        ],
    }
    assert site.figures.since == site.engine.clock.now() - timedelta(hours=25)
    # Before the first midnight there are only the hours.
    assert everything.json() == {**day.json(), "timeframe": "all"}


@pytest.mark.parametrize(
    ("agent_id", "query", "status", "says"),
    [
        ("bad", {"timeframe": "x"}, 400, "walletAddress query parameter is required"),
        ("bad", {"walletAddress": "w", "timeframe": "x"}, 400, "timeframe"),
        ("bad", {"walletAddress": "w"}, 400, "Invalid agent ID format"),
        (NOBODY, {"walletAddress": "w"}, 404, "Agent not found"),
        ("mine", {"walletAddress": "w"}, 404, "Wallet not found or access denied"),
    ],
)
async def test_balance_history_checks_in_order(
    site: Site, agent_id: str, query: dict[str, str], status: int, says: str
) -> None:
    agent = await an_agent_of(site)
    wanted = str(agent.id) if agent_id == "mine" else agent_id
    async with site.client() as client:
        response = await client.get(f"/api/v1/agents/{wanted}/balance-history", params=query)
    assert (response.status_code, says in response.json()["error"]) == (status, True)


async def test_take_profit_summary(site: Site) -> None:
    agent = await an_agent_of(site)
    (untouched,) = await site.engine.buy([agent], size_sol=Decimal(1))
    other = type(TOKEN)("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
    (second,) = await site.engine.buy([agent], other, size_sol=Decimal(1))
    assert second.position is not None
    assert untouched.position is not None
    _hit(site, second.position, levels=2, held_part=3, at=T0 + timedelta(minutes=1))
    url = f"/api/v1/agent-positions/{agent.id}/take-profit-summary"

    async with site.client() as client:
        plain = await client.get(url, params={"includePositions": "1"})
        detailed = await client.get(url, params={"includePositions": "true"})

    figures = {
        "totalPositions": 2,
        "positionsWithTakeProfitHit": 1,
        "activeMoonBags": 1,
        "totalLevelsHit": 2,
    }
    assert plain.json() == figures
    assert detailed.json() == {
        **figures,
        "positions": [
            {
                "id": str(second.position.id),
                "tokenSymbol": "EXM",
                "levelsHit": 2,
                "remainingPercent": 75,
                "moonBagActivated": True,
                "lastTakeProfitTime": "2026-01-01T12:01:00.000Z",
            }
        ],
    }


def _hit(site: Site, position: Position, *, levels: int, held_part: int, at: datetime) -> None:
    held = site.engine.book.get(position.id)
    assert held is not None
    held.position = dataclasses.replace(
        position,
        take_profit_levels_hit=levels,
        moon_bag_activated=True,
        last_take_profit_at=at,
        quantity_raw=position.purchased_raw * held_part // 4,
    )


# --- Protections ---


async def test_an_agent_that_lost_is_blocked_until_it_is_reset(site: Site) -> None:
    agent = await an_agent_of(site, protections={"maxTradesPerHour": 1, "maxExposureSol": 5})
    await site.engine.buy([agent], size_sol=Decimal(1))
    url = f"/api/v1/agents/{agent.id}/protections"

    async with site.client() as client:
        before = (await client.get(url)).json()
        reset = await client.post(f"{url}/reset")
        after = (await client.get(url)).json()

    (wallet,) = before["wallets"]
    assert (wallet["walletAddress"], wallet["walletType"]) == (agent.wallets[0].address, "simulation")
    assert (wallet["blocked"], wallet["code"]) == (True, "MAX_TRADES_PER_HOUR")
    assert wallet["gates"][0] == {"name": "max_trades_per_hour", "value": "1", "limit": "1", "passed": False}
    assert before["config"] == {"lossStreakPauseMinutes": 60, "maxTradesPerHour": 1, "maxExposureSol": 5}
    assert before["resetAt"] is None
    assert reset.json() == {"success": True, "agentId": str(agent.id), "resetAt": after["resetAt"]}
    assert after["wallets"][0]["blocked"] is False


async def test_the_kill_switch(site: Site) -> None:
    url = "/api/v1/protections/kill-switch"
    released = {"engaged": False, "reason": None, "changedAt": None, "flatten": False}
    async with site.client() as client, site.client(STRANGER) as stranger:
        assert (await client.get(url)).json() == {"user": released, "system": released}
        engaged = await client.put(url, json={"engaged": True, "reason": " news "})
        assert (await stranger.get(url)).json()["user"] == released
        forbidden = await client.put(url, json={"engaged": True, "scope": "system"})
        for body in (
            {},
            {"engaged": "yes"},
            {"engaged": True, "scope": "all"},
            {"engaged": True, "reason": "x" * 501},
        ):
            assert (await client.put(url, json=body)).status_code == 400

    user = engaged.json()["user"]
    assert (user["engaged"], user["reason"]) == (True, "news")
    assert user["changedAt"].endswith("Z")
    assert forbidden.status_code == 403
    assert forbidden.json()["error"].startswith("Forbidden")
    assert list(site.store.switches) == [USER]


async def test_panic(site: Site) -> None:
    url = "/api/v1/protections/panic"
    agent = await an_agent_of(site)
    await site.engine.buy([agent], size_sol=Decimal(1))
    (held,) = site.engine.positions(agent)
    async with site.client() as client, site.client(STRANGER) as stranger:
        before = (await client.get(url)).json()
        stopped = (await client.post(url, json={"reason": "news"})).json()
        site.engine.swaps.unsellable = SwapUnavailableError("busy")
        leaving = (await client.post(url, json={"flatten": True, "reason": "news"})).json()
        assert (await stranger.get(url)).json() == {
            **before,
            "flat": True,
            "remainingCount": 0,
            "remaining": [],
        }
        for answer in (
            await client.get(url, params={"scope": "system"}),
            await client.post(url, json={"flatten": True, "scope": "system"}),
        ):
            assert (answer.status_code, answer.json()["error"][:9]) == (403, "Forbidden")
        wrong: list[object] = [{"flatten": "yes"}, {"scope": "all"}, {"reason": "x" * 501}, []]
        for body in wrong:
            assert (await client.post(url, json=body)).status_code == 400
        site.engine.swaps.unsellable = None
        await until(lambda: not site.engine.positions(agent))
        flat = (await client.get(url)).json()

    assert before["remaining"] == [
        {
            "agentId": str(agent.id),
            "agentName": agent.name,
            "positionId": str(held.id),
            "tokenAddress": held.token_address,
            "tokenSymbol": held.token_symbol,
            "walletAddress": held.wallet_address,
            "walletType": "simulation",
            "exitReason": None,
            "attempts": 0,
            "code": None,
        }
    ]
    assert {**before, "remaining": []} == {
        "scope": "user",
        "engaged": False,
        "flatten": False,
        "reason": None,
        "changedAt": None,
        "recorded": True,
        "engine": True,
        "flat": False,
        "entriesUnderWay": 0,
        "remainingCount": 1,
        "remaining": [],
        "resume": 'PUT /api/v1/protections/kill-switch {"engaged": false, "scope": "user"}',
    }
    assert (stopped["engaged"], stopped["flatten"], stopped["remaining"]) == (
        True,
        False,
        before["remaining"],
    )
    assert (leaving["flatten"], leaving["remaining"][0]["exitReason"]) == (True, "panic")
    assert (flat["engaged"], flat["flat"], flat["remaining"]) == (True, True, [])
    assert list(site.store.switches) == [USER]


# --- Wallets ---


async def test_wallets_are_listed(site: Site) -> None:
    agent = await site.world.an_agent(live=LIVE)
    async with site.client() as client:
        response = await client.get(f"/api/v1/wallets/agent/{agent.id}")
        assert (await client.get("/api/v1/wallets/agent/bad")).status_code == 400

    assert response.json() == {
        "agentWallets": [
            {
                "walletAddress": LIVE,
                "walletType": "live",
                "isAvailable": True,
                "source": "environment",
                "isUnlocked": True,
                "createdAt": "2026-01-01T12:00:01.000Z",
                "updatedAt": "2026-01-01T12:00:00.000Z",
            },
            {
                "walletAddress": agent.wallets[0].address,
                "walletType": "simulation",
                "isAvailable": True,
                "source": "simulation",
                "isUnlocked": True,
                "createdAt": "2026-01-01T12:00:00.000Z",
                "updatedAt": "2026-01-01T12:00:00.000Z",
            },
        ],
        "availableWallets": [
            {"walletAddress": LIVE, "isAssigned": True},
            {"walletAddress": LIVE_2, "isAssigned": False},
        ],
    }


async def test_assigning_answers_201_and_then_200(site: Site) -> None:
    agent = await an_agent_of(site)
    body = {"agentId": str(agent.id), "walletAddress": LIVE, "walletType": "live"}
    async with site.client() as client:
        new = await client.post("/api/v1/wallets/assign", json=body)
        again = await client.post("/api/v1/wallets/assign", json={**body, "walletAddress": LIVE_2})
        paper = await client.post(
            "/api/v1/wallets/assign",
            json={**body, "walletAddress": "sim_new", "walletType": "simulation"},
        )

    assert new.status_code == 201
    assert new.json() == {
        "success": True,
        "walletAddress": LIVE,
        "walletType": "live",
        "network": "mainnet",
        "message": "Wallet assigned successfully",
    }
    assert (again.status_code, again.json()["walletAddress"]) == (200, LIVE_2)
    assert (paper.status_code, paper.json()["network"]) == (200, "testnet")


async def test_what_is_wrong_with_an_assignment(site: Site) -> None:
    mine = await an_agent_of(site)
    other = await site.world.an_agent(live=LIVE, user_id=STRANGER)
    body: dict[str, Any] = {"agentId": str(mine.id), "walletAddress": LIVE, "walletType": "live"}
    url = "/api/v1/wallets/assign"
    async with site.client() as client:
        nothing = await client.post(url, json={})
        wrong = await client.post(url, json={"agentId": "x", "walletAddress": "", "walletType": 1})
        statuses = [
            (await client.post(url, json={**body, **change})).status_code
            for change in (
                {"walletAddress": "sim_x"},
                {"walletAddress": "unknown"},
                {"agentId": str(other.id), "walletAddress": "sim_x", "walletType": "simulation"},
                {"agentId": NOBODY},
                {},
            )
        ]

    assert nothing.json()["details"]["errors"] == [
        {"field": name, "message": "Required"} for name in ("agentId", "walletAddress", "walletType")
    ]
    assert nothing.json()["code"] == "VALIDATION_ERROR"
    assert [error["field"] for error in wrong.json()["details"]["errors"]] == [
        "agentId",
        "walletAddress",
        "walletType",
    ]
    assert statuses == [400, 400, 404, 404, 409]


@pytest.mark.parametrize("action", ["reset", "unassign"])
async def test_what_deletes_wants_a_confirmation(site: Site, action: str) -> None:
    agent = await site.world.an_agent(live=LIVE)
    url = f"/api/v1/wallets/{LIVE}/{action}"
    async with site.client() as client:
        for body in ({}, {"confirm": "true"}, {"confirm": False}):
            refused = await client.post(url, json=body)
            assert refused.status_code == 400
            assert refused.json()["error"] == "Confirmation required"
            assert "confirm" in refused.json()["message"]
        assert site.engine.ledger.head(LIVE).seq == 1
        done = await client.post(url, json={"confirm": True})

    assert done.status_code == 200
    view = done.json()
    assert (view["success"], view["walletAddress"]) == (True, LIVE)
    assert isinstance(view["duration"], int)
    assert view["deleted"] == {
        "positions": 0,
        "historicalSwaps": 3,
        "balances": 1,
        "transactions": 7,
        "balanceSnapshots": 2,
    }
    has_live = site.world.now_of(agent).wallet_for(TradingMode.LIVE) is not None
    assert has_live is (action == "reset")


async def test_a_reset_during_a_trade_fails_by_name(site: Site) -> None:
    agent = await site.world.an_agent()
    await site.world.hang(agent)
    async with site.client() as client:
        response = await client.post(
            f"/api/v1/wallets/{agent.wallets[0].address}/reset", json={"confirm": True}
        )
        paper = await client.post(
            f"/api/v1/wallets/{agent.wallets[0].address}/unassign", json={"confirm": True}
        )
    assert (response.status_code, response.json()["code"]) == (400, "RESET_FAILED")
    assert paper.status_code == 400


async def test_deposits_are_numbers(site: Site) -> None:
    agent = await site.world.an_agent(live=LIVE)
    site.world.chain.balances[LIVE] = lamports(Decimal("10.25"))
    site.engine.clock.advance(60)
    url = f"/api/v1/wallets/{LIVE}/check-deposits"
    async with site.client() as client:
        missing = await client.post(url, json={})
        malformed = await client.post(url, json={"agentId": "x"})
        found = await client.post(url, json={"agentId": str(agent.id)})
        nothing = await client.post(url, json={"agentId": str(agent.id)})

    assert (missing.status_code, malformed.status_code) == (400, 400)
    view = found.json()
    UUID(view.pop("transactionId"))
    assert view == {
        "success": True,
        "depositDetected": True,
        "previousBalance": 10,
        "onChainBalance": 10.25,
        "depositAmount": 0.25,
        "message": "Deposit of 0.25 SOL detected and recorded",
    }
    assert nothing.json() == {
        "success": True,
        "depositDetected": False,
        "previousBalance": 10.25,
        "onChainBalance": 10.25,
        "depositAmount": None,
        "transactionId": None,
        "message": "No new deposits detected",
    }


async def test_a_foreign_wallet_with_its_agent_named_is_forbidden(site: Site) -> None:
    other = await site.world.an_agent(live=LIVE, user_id=STRANGER)
    async with site.client() as client:
        response = await client.post(
            f"/api/v1/wallets/{LIVE}/check-deposits", json={"agentId": str(other.id)}
        )
    assert response.status_code == 403


# --- API keys ---


async def test_a_key_from_creation_to_the_end(site: Site) -> None:
    agent = await an_agent_of(site)
    async with site.client() as client, site.client(None) as bot, site.client(STRANGER) as stranger:
        created = await client.post(
            "/api/v1/api-keys", json={"name": " Bot ", "scopes": ["agents", "agents"], "extra": 1}
        )
        view = created.json()
        key, url = view.pop("key"), f"/api/v1/api-keys/{view['id']}"
        headers = {"X-API-Key": key}
        performance_url = f"/api/v1/agents/{agent.id}/performance"
        with_key = await bot.get(performance_url, headers=headers)
        without_scope = await bot.get(
            f"/api/v1/agent-positions/{agent.id}/take-profit-summary", headers=headers
        )
        keys_with_key = await bot.get("/api/v1/api-keys", headers={"Authorization": f"Bearer {key}"})
        listed, one = await client.get("/api/v1/api-keys"), await client.get(url)
        foreign = [(await stranger.get(url)).status_code, (await stranger.delete(url)).status_code]
        nobody_elses = await stranger.get("/api/v1/api-keys")
        deleted = await client.delete(url)
        after = await bot.get(performance_url, headers=headers)
        again = await client.delete(url)

    assert created.status_code == 201
    assert set(view) == {"id", "name", "prefix", "scopes", "createdAt", "expiresAt"}
    assert view["expiresAt"] is None
    assert created.headers["cache-control"] == "no-store"
    assert (view["name"], view["prefix"], view["scopes"]) == ("Bot", key[:8], ["agents"])
    assert (with_key.status_code, without_scope.status_code, keys_with_key.status_code) == (200, 403, 401)
    assert (listed.json(), one.json()) == ({"items": [view]}, view)
    assert (foreign, nobody_elses.json()) == ([404, 404], {"items": []})
    assert deleted.json() == {"success": True, "message": "API key deleted successfully"}
    assert (after.status_code, again.status_code) == (401, 404)
    assert again.json()["error"] == "API key not found"
    assert key_hash(key) not in site.api.keys.by_hash


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name", "scopes"]),
        ({"name": "   ", "scopes": []}, ["name", "scopes"]),
        ({"name": "x" * 101, "scopes": "agents"}, ["name", "scopes"]),
        ({"name": "x", "scopes": ["agents", "root", 1]}, ["scopes.1", "scopes.2"]),
    ],
)
async def test_a_bad_key_is_explained(site: Site, body: dict[str, object], fields: list[str]) -> None:
    async with site.client() as client:
        response = await client.post("/api/v1/api-keys", json=body)
        assert (await client.get("/api/v1/api-keys/x")).status_code == 400
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["details"]["errors"]] == fields
    assert site.keys.rows == {}
