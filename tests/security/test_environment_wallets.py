"""Nobody but the administrator takes the wallets of `WALLET_n`, whatever way in is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from solders.keypair import Keypair

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, CheapSecrets, Product, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER = "mallory@example.com"
FUNDS_LAMPORTS = 10**10


@pytest.fixture(scope="module")
def key() -> Keypair:
    return Keypair()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory, key: Keypair) -> AsyncIterator[Product]:
    settings = {"WALLET_1": str(key), "ALLOW_REGISTRATION": "true"}
    async with CheapSecrets(tmp_path_factory.mktemp("ownership"), settings).running() as product:
        funds = {"address": str(key.pubkey()), "lamports": FUNDS_LAMPORTS}
        await product.http.post(f"{product.sandbox_url}/control/fund", json=funds)
        await register(product, STRANGER)
        yield product


async def register(product: Product, email: str) -> None:
    answer = await product.http.post(
        f"{product.url}/api/v1/auth/register", json={"email": email, "password": ADMIN_PASSWORD}
    )
    assert answer.status_code == 201, answer.text


def assignment(agent: Mapping[str, Any], address: str) -> dict[str, str]:
    return {"agentId": agent["id"], "walletAddress": address, "walletType": "live"}


async def live_agent(product: Product, user: str) -> dict[str, Any]:
    body = {"name": f"Live of {user}", "tradingMode": "live", "automatedTradingLive": True}
    agent: dict[str, Any] = await product.call("POST", "/agents", body, user=user, expect=201)
    return agent


async def wallets_of(product: Product, agent: Mapping[str, Any], user: str) -> tuple[list[str], list[str]]:
    """Return the addresses of the agent's live wallets, and of those it could have."""
    found = await product.call("GET", f"/wallets/agent/{agent['id']}", user=user)
    own = [one["walletAddress"] for one in found["agentWallets"] if one["walletType"] == "live"]
    return own, [one["walletAddress"] for one in found["availableWallets"]]


async def test_a_registered_stranger_neither_sees_nor_takes_a_wallet_of_the_environment(
    product: Product, key: Keypair
) -> None:
    wallet = str(key.pubkey())
    agent = await live_agent(product, STRANGER)

    assert await wallets_of(product, agent, STRANGER) == ([], [])
    refused = await product.call(
        "POST", "/wallets/assign", assignment(agent, wallet), user=STRANGER, expect=400
    )
    unknown = await product.call(
        "POST", "/wallets/assign", assignment(agent, str(Keypair().pubkey())), user=STRANGER, expect=400
    )
    # A stranger does not even learn that the key is here.
    assert refused["error"] == unknown["error"]
    paper = {**assignment(agent, wallet), "walletType": "simulation"}
    await product.call("POST", "/wallets/assign", paper, user=STRANGER, expect=400)
    deposits = {"agentId": agent["id"]}
    await product.call("POST", f"/wallets/{wallet}/check-deposits", deposits, user=STRANGER, expect=404)
    for action in ("reset", "unassign"):
        await product.call(
            "POST", f"/wallets/{wallet}/{action}", {"confirm": True}, user=STRANGER, expect=404
        )
    assert await wallets_of(product, agent, STRANGER) == ([], [])


async def test_what_the_administrator_assigned_stays_out_of_a_strangers_reach(
    product: Product, key: Keypair
) -> None:
    wallet = str(key.pubkey())
    mine, theirs = await live_agent(product, ADMIN_EMAIL), await live_agent(product, STRANGER)
    assert await wallets_of(product, mine, ADMIN_EMAIL) == ([], [wallet])
    await product.call("POST", "/wallets/assign", assignment(mine, wallet), expect=201)
    await product.call("POST", f"/wallets/{wallet}/check-deposits", {"agentId": mine["id"]})

    await product.call("POST", "/wallets/assign", assignment(theirs, wallet), user=STRANGER, expect=400)
    await product.call(
        "POST", f"/wallets/{wallet}/check-deposits", {"agentId": mine["id"]}, user=STRANGER, expect=403
    )
    for action in ("reset", "unassign"):
        await product.call(
            "POST", f"/wallets/{wallet}/{action}", {"confirm": True}, user=STRANGER, expect=404
        )
    mint = (await product.tokens())[0]["mint"]
    trade = {"agentId": mine["id"], "tokenAddress": mint, "positionSize": 0.1}
    answer = await product.http.post(
        f"{product.url}/api/v1/trades/execute",
        json=trade,
        headers={"Authorization": f"Bearer {product.token(STRANGER)}"},
    )
    assert answer.status_code in (403, 404), answer.text
    changed = await product.http.put(
        f"{product.url}/api/v1/agents/{mine['id']}",
        json={"tradingMode": "live"},
        headers={"Authorization": f"Bearer {product.token(STRANGER)}"},
    )
    assert changed.status_code in (403, 404), changed.text
    assert await wallets_of(product, mine, ADMIN_EMAIL) == ([wallet], [wallet])
    await product.call("POST", f"/wallets/{wallet}/unassign", {"confirm": True})


async def test_the_administrator_gives_a_wallet_to_somebody_and_takes_it_back(
    product: Product, key: Keypair
) -> None:
    wallet = str(key.pubkey())
    theirs = await live_agent(product, STRANGER)

    await product.call("POST", "/wallets/assign", assignment(theirs, wallet), expect=201)
    own, others = await wallets_of(product, theirs, STRANGER)
    assert (own, others) == ([wallet], [])
    deposits = {"agentId": theirs["id"]}
    booked = await product.call("POST", f"/wallets/{wallet}/check-deposits", deposits, user=STRANGER)
    assert booked["depositDetected"] is True

    await product.call("POST", f"/wallets/{wallet}/unassign", {"confirm": True})
    assert await wallets_of(product, theirs, STRANGER) == ([], [])
    await product.call("POST", "/wallets/assign", assignment(theirs, wallet), user=STRANGER, expect=400)


async def test_open_registration_with_keys_of_nobody_does_not_start(product: Product, key: Keypair) -> None:
    environment = {**product.environment, "ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}

    code, out, err = await product.run("serve", env=environment)

    assert code == 2, err
    for way_out in ("ADMIN_EMAIL", "ALLOW_REGISTRATION=false", "WALLETS_SHARED=true"):
        assert way_out in err
    assert str(key) not in out + err


async def test_an_installation_of_one_user_without_an_administrator_keeps_working(
    tmp_path: Path, key: Keypair
) -> None:
    wallet = str(key.pubkey())
    only = {"ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}
    async with CheapSecrets(tmp_path, {**only, "ALLOW_REGISTRATION": "true"}).running() as product:
        await register(product, "owner@example.com")
        product.kill_service()

        product.settings = {**only, "WALLET_1": str(key)}
        await product.start_service()
        agent = await live_agent(product, "owner@example.com")
        await product.call(
            "POST", "/wallets/assign", assignment(agent, wallet), user="owner@example.com", expect=201
        )
        await product.call("POST", f"/wallets/{wallet}/unassign", {"confirm": True}, user="owner@example.com")
        product.kill_service()

        # Of two, which one should it be? Nobody, until the settings say so; or everybody, if they say that.
        product.settings = {
            **only,
            "ALLOW_REGISTRATION": "true",
            "WALLET_1": str(key),
            "WALLETS_SHARED": "true",
        }
        await product.start_service()
        await register(product, STRANGER)
        await product.call(
            "POST", "/wallets/assign", assignment(agent, wallet), user="owner@example.com", expect=201
        )
        product.kill_service()
        product.settings = {**only, "WALLET_1": str(key)}
        await product.start_service()
        # What is assigned stays assigned, and the log tells whose it is.
        own, others = await wallets_of(product, agent, "owner@example.com")
        assert (own, others) == ([wallet], [])

        async def told() -> bool:
            return "wallet.held_by_another_user" in product.log("service")

        await until(told, "the log names the wallet")
        await product.call("POST", f"/wallets/{wallet}/unassign", {"confirm": True}, user="owner@example.com")
        refused = await product.call(
            "POST", "/wallets/assign", assignment(agent, wallet), user="owner@example.com", expect=400
        )
        assert "ADMIN_EMAIL" in refused["error"]
