"""What goes over the wire: shapes, statuses, codes, and that nobody keeps a copy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from solders.keypair import Keypair

from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import USER
from tests.fakes.encrypted_wallets import GOOD, WRONG, World, address_of
from tests.unit.wallets_encrypted.http_api import WalletApi

NOW = "2026-01-01T12:00:00.000Z"
PASSPHRASE = {"passphrase": GOOD}
STRANGER = UserId(new_id())


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with WalletApi(world).client() as made:
        yield made


async def test_a_wallets_life(world: World, client: httpx.AsyncClient) -> None:
    keypair = Keypair()
    agent = await world.an_agent()
    body = {"agentId": str(agent.id), **PASSPHRASE, "privateKey": str(keypair)}
    path = f"/wallets/{keypair.pubkey()}"

    made = await client.post("/wallets", json=body)
    assert made.status_code == 201
    assert made.json() == {
        "success": True,
        "walletAddress": address_of(keypair),
        "walletType": "live",
        "network": "mainnet",
        "source": "encrypted",
        "isUnlocked": False,
        "createdAt": NOW,
        "message": "Wallet created; unlock it to trade",
    }

    status = await client.get(f"{path}/status")
    assert status.status_code == 200
    view = {
        "walletAddress": address_of(keypair),
        "agentId": str(agent.id),
        "walletType": "live",
        "source": "encrypted",
        "isAvailable": False,
        "isUnlocked": False,
        "unlockedUntil": None,
        "createdAt": NOW,
        "updatedAt": NOW,
    }
    assert status.json() == view

    opened = await client.post(f"{path}/unlock", json={**PASSPHRASE, "ttlSeconds": 60})
    assert opened.status_code == 200
    until = "2026-01-01T12:01:00.000Z"
    assert opened.json() == {
        "success": True,
        "walletAddress": address_of(keypair),
        "isUnlocked": True,
        "unlockedUntil": until,
    }
    listed = (await client.get("/wallets")).json()["wallets"]
    assert {**view, "isAvailable": True, "isUnlocked": True, "unlockedUntil": until} in listed
    assert [one["source"] for one in listed if one["walletType"] == "simulation"] == ["simulation"]

    exported = await client.post(f"{path}/export", json={**PASSPHRASE, "confirm": True})
    assert exported.status_code == 200
    assert exported.json() == {
        "walletAddress": address_of(keypair),
        "privateKey": str(keypair),
        "format": "base58",
    }

    locked = await client.post(f"{path}/lock")
    assert locked.json() == {"success": True, "walletAddress": address_of(keypair), "isUnlocked": False}

    deleted = await client.request("DELETE", path, json={**PASSPHRASE, "confirm": True})
    assert deleted.status_code == 200
    rows = {"positions": 0, "historicalSwaps": 3, "balances": 0, "transactions": 7, "balanceSnapshots": 2}
    assert deleted.json()["deleted"] == rows
    assert set(deleted.json()) == {"success", "message", "walletAddress", "deleted", "duration"}
    assert (await client.get(f"{path}/status")).status_code == 404

    for answer in (made, status, opened, exported, locked, deleted):
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"agentId": None}, "agentId"),
        ({"agentId": "x"}, "agentId"),
        ({"passphrase": None}, "passphrase"),
        ({"passphrase": "eleven char"}, "passphrase"),
        ({"passphrase": "x" * 257}, "passphrase"),
        ({"passphrase": 123456789012}, "passphrase"),
        ({"walletType": "paper"}, "walletType"),
        ({"privateKey": 5}, "privateKey"),
        ({"privateKey": {}}, "privateKey"),
    ],
)
async def test_a_body_that_is_not_as_it_should_be(
    world: World, client: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    agent = await world.an_agent()

    answer = await client.post("/wallets", json={"agentId": str(agent.id), **PASSPHRASE, **change})

    assert answer.status_code == 400
    assert answer.json()["code"] == "VALIDATION_ERROR"
    assert [one["field"] for one in answer.json()["details"]["errors"]] == [field]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"passphrase": "aaaaaaaaaaaaa"}, 400, "WEAK_PASSPHRASE"),
        ({"privateKey": "no key"}, 400, "INVALID_PRIVATE_KEY"),
        ({"privateKey": [1, 2]}, 400, "INVALID_PRIVATE_KEY"),
        ({"agentId": str(new_id())}, 404, "AGENT_NOT_FOUND"),
        ({"walletType": "simulation"}, 409, "WALLET_EXISTS"),
    ],
)
async def test_refused_creations(
    world: World, client: httpx.AsyncClient, change: dict[str, Any], status: int, code: str
) -> None:
    agent = await world.an_agent()

    answer = await client.post("/wallets", json={"agentId": str(agent.id), **PASSPHRASE, **change})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["cache-control"] == "no-store"


async def test_wrong_passphrases_are_forbidden_and_then_locked_out(
    world: World, client: httpx.AsyncClient
) -> None:
    wallet = await world.a_wallet()
    path = f"/wallets/{wallet.address}/unlock"

    answers = [await client.post(path, json={"passphrase": WRONG}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [403] * 5 + [423]
    assert answers[0].json() == {"error": "Forbidden: the passphrase is wrong", "code": "INVALID_PASSPHRASE"}
    assert answers[5].json() == {
        "error": "The wallet refuses passphrases after too many wrong ones; try again later",
        "code": "WALLET_LOCKED_OUT",
        "lockedUntil": "2026-01-01T12:15:00.000Z",
    }


@pytest.mark.parametrize("ttl", [59, 86_401, 60.5, "60", True, [60]])
async def test_times_that_cannot_be(world: World, client: httpx.AsyncClient, ttl: object) -> None:
    wallet = await world.a_wallet()

    answer = await client.post(f"/wallets/{wallet.address}/unlock", json={**PASSPHRASE, "ttlSeconds": ttl})

    assert answer.status_code == 400
    assert answer.json()["details"]["errors"][0]["field"] == "ttlSeconds"


async def test_what_cannot_be_undone_is_confirmed(world: World, client: httpx.AsyncClient) -> None:
    wallet = await world.a_wallet()
    path = f"/wallets/{wallet.address}"

    for confirm in ({}, {"confirm": False}, {"confirm": "true"}, {"confirm": 1}):
        for answer in (
            await client.post(f"{path}/export", json={**PASSPHRASE, **confirm}),
            await client.request("DELETE", path, json={**PASSPHRASE, **confirm}),
        ):
            assert answer.status_code == 400
            assert answer.json()["error"] == "Confirmation required"
    assert wallet.address in world.rows.rows


async def test_positions_block_a_deletion(world: World, client: httpx.AsyncClient) -> None:
    wallet = await world.a_wallet()
    await world.open_position(wallet)
    body = {**PASSPHRASE, "confirm": True}

    refused = await client.request("DELETE", f"/wallets/{wallet.address}", json=body)
    done = await client.request("DELETE", f"/wallets/{wallet.address}", json={**body, "force": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "OPEN_POSITIONS")
    assert (done.status_code, done.json()["deleted"]["positions"]) == (200, 1)


async def test_wallets_of_the_environment() -> None:
    given = Keypair()
    world = World(environment={"WALLET_1": str(given)})
    await world.rules.an_agent(live=address_of(given))
    path = f"/wallets/{given.pubkey()}"

    async with WalletApi(world).client() as client:
        status = (await client.get(f"{path}/status")).json()
        unlocked = await client.post(f"{path}/unlock", json={})
        locked = await client.post(f"{path}/lock")
        exported = await client.post(f"{path}/export", json={**PASSPHRASE, "confirm": True})

    assert (status["source"], status["isAvailable"], status["isUnlocked"]) == ("environment", True, True)
    assert unlocked.status_code == 200
    assert (locked.status_code, locked.json()["code"]) == (409, "WALLET_MANAGED_BY_ENVIRONMENT")
    assert (exported.status_code, exported.json()["code"]) == (409, "WALLET_NOT_EXPORTABLE")


async def test_only_the_owner_with_a_session_gets_anywhere(world: World) -> None:
    wallet = await world.a_wallet()
    body = {**PASSPHRASE, "confirm": True}
    path = f"/wallets/{wallet.address}"
    calls = [
        ("POST", f"{path}/unlock"),
        ("POST", f"{path}/lock"),
        ("GET", f"{path}/status"),
        ("POST", f"{path}/export"),
        ("DELETE", path),
    ]
    api = WalletApi(world)

    async with api.client(None) as anonymous, api.client(STRANGER) as stranger:
        for method, target in [*calls, ("POST", "/wallets"), ("GET", "/wallets")]:
            assert (await anonymous.request(method, target, json=body)).status_code == 401
        for method, target in calls:
            answer = await stranger.request(method, target, json=body)
            assert (answer.status_code, answer.json()["error"]) == (404, "Wallet not found")
        assert (await stranger.get("/wallets")).json() == {"wallets": []}
    assert world.rows.failed.get(wallet.address, []) == []


async def test_literal_paths_win(world: World, client: httpx.AsyncClient) -> None:
    agent = await world.an_agent()

    wallets = await client.get(f"/wallets/agent/{agent.id}")
    not_an_id = await client.get("/wallets/agent/status")

    assert "agentWallets" in wallets.json()
    assert not_an_id.status_code == 400
    assert agent.user_id == USER
