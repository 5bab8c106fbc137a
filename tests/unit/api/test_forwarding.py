"""Requests that the engine of an agent carries out in the place of this process."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from nexgent.api.app import ENDPOINTS
from nexgent.api.audit import AuditMiddleware
from nexgent.api.deps import MOST_ASKED
from nexgent.api.dispatch import Dispatcher
from nexgent.api.forwarding import ForwardedRequests
from nexgent.domain.agents.models import Agent
from nexgent.domain.audit.models import Outcome
from nexgent.domain.forwarding.errors import EngineBusyError, EngineUnreachableError, OutcomeUnknownError
from nexgent.domain.forwarding.models import Answer, Command, NotBegun
from nexgent.shared.errors import UnavailableError
from tests.builders import TOKEN, a_live_agent
from tests.fakes.api import FakeApi
from tests.fakes.encrypted_wallets import GOOD
from tests.fakes.wallets import LIVE
from tests.patience import until

PATH = "/api/v1/trades/execute"


def an_order(agent: Agent, **changes: object) -> dict[str, object]:
    return {"agentId": str(agent.id), "tokenAddress": TOKEN, "positionSize": 1, **changes}


@pytest.fixture
def elsewhere(api: FakeApi) -> FakeApi:
    """A process that does not trade, and the engine behind it."""
    audited = AuditMiddleware(
        Dispatcher(api.app, ENDPOINTS),
        endpoints=ENDPOINTS,
        trail=api.services.audit_trail,
        directory=api.services.directory,
        clock=api.clock,
    )
    api.forwarding.engine = ForwardedRequests(audited).carry_out
    api.forwarding.trades = False
    return api


async def test_the_engine_answers_as_it_does_itself(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    response = await client.post(
        PATH,
        json=an_order(agent),
        headers={"x-request-id": "of-the-client", "cookie": "a=b", "x-forwarded-for": "198.51.100.7"},
    )

    assert response.status_code == 200, response.text
    assert response.json()["positionId"] == str(elsewhere.engine.held(agent).position.id)
    assert response.headers["x-request-id"] == "of-the-client"
    assert response.headers["content-length"] == str(len(response.content))
    ((command, agent_id),) = elsewhere.forwarding.commands
    assert agent_id == agent.id
    assert (command.method, command.path, command.request_id) == ("POST", PATH, "of-the-client")
    assert command.address == "198.51.100.7"
    names = {name for name, _ in command.headers}
    assert names == {b"authorization", b"content-type", b"idempotency-key"}


async def test_a_refusal_of_the_engine_is_the_answer(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    path = f"/api/v1/agents/{agent.id}/positions/{uuid4()}/close"
    here = await client.post(path, json={})
    elsewhere.forwarding.trades = True
    there = await client.post(path, json={})

    assert (here.status_code, here.content) == (there.status_code, there.content)
    assert here.status_code == 404
    assert len(elsewhere.forwarding.commands) == 1


async def test_whatever_takes_turns_with_trades_is_done_by_the_engine(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    live = elsewhere.wallet_world.keys.loaded[0]
    paper = agent.wallets[0].address
    assigned = {"agentId": str(agent.id), "walletAddress": live, "walletType": "live"}
    asked = [
        ("POST", "/api/v1/wallets/assign", assigned, 201),
        ("POST", f"/api/v1/wallets/{live}/unassign", {"confirm": True}, 200),
        ("POST", f"/api/v1/wallets/{paper}/reset", {"confirm": True}, 200),
        ("DELETE", f"/api/v1/agents/{agent.id}?confirm=true", None, 200),
    ]
    for method, path, body, status in asked:
        response = await client.request(method, path, json=body)
        assert response.status_code == status, response.text

    commands = elsewhere.forwarding.commands
    assert [(one.method, one.path) for one, _ in commands] == [
        (method, path.partition("?")[0]) for method, path, _, _ in asked
    ]
    assert {agent_id for _, agent_id in commands} == {agent.id}
    assert elsewhere.services.directory.find(agent.id) is None
    entries = [row.entry for row in elsewhere.audit_log.rows]
    assert len(entries) == len(asked), "written down once"


async def test_who_may_not_is_told_so_here(elsewhere: FakeApi, agent: Agent) -> None:
    async with elsewhere.client(None) as stranger:
        assert (await stranger.post(PATH, json=an_order(agent))).status_code == 401
    assert elsewhere.forwarding.commands == []


async def test_a_key_is_the_same_here_and_there(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    headers = {"idempotency-key": "once"}
    first = await client.post(PATH, json=an_order(agent), headers=headers)
    again = await client.post(PATH, json=an_order(agent), headers=headers)
    elsewhere.forwarding.trades = True
    there = await client.post(PATH, json=an_order(agent), headers=headers)

    assert first.status_code == 200
    assert "idempotency-replayed" not in first.headers
    for repeated in (again, there):
        assert (repeated.content, repeated.headers["idempotency-replayed"]) == (first.content, "true")
    assert len(elsewhere.forwarding.commands) == 1


async def test_a_command_that_comes_twice_on_its_way_is_carried_out_once(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    engine = elsewhere.forwarding.engine
    assert engine is not None

    async def twice(command: Command) -> Answer | NotBegun:
        await engine(command)
        return await engine(command)

    elsewhere.forwarding.engine = twice
    response = await client.post(PATH, json=an_order(agent))

    assert response.status_code == 200, response.text
    assert len(elsewhere.engine.swaps.requests) == 1


@pytest.mark.parametrize("code", ["IDEMPOTENCY_IN_PROGRESS", "IDEMPOTENCY_OUTCOME_UNKNOWN"])
async def test_a_key_of_the_way_is_none_of_the_clients(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent, code: str
) -> None:
    async def conflict(_command: Command) -> Answer:
        return Answer(409, (), b'{"code":"%s"}' % code.encode())

    elsewhere.forwarding.engine = conflict
    response = await client.post(PATH, json=an_order(agent))
    assert (response.status_code, response.json()["code"]) == (504, "OUTCOME_UNKNOWN")

    # Whose key it is, hears of it.
    response = await client.post(PATH, json=an_order(agent), headers={"idempotency-key": "once"})
    assert (response.status_code, response.json()["code"]) == (409, code)


async def test_what_was_forwarded_is_forwarded_no_further(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    engine = elsewhere.forwarding.engine
    assert engine is not None
    said: list[Answer | NotBegun] = []

    async def no_engine_either(command: Command) -> Answer | NotBegun:
        elsewhere.forwarding.trades = False
        said.append(await engine(command))
        return said[-1]

    elsewhere.forwarding.engine = no_engine_either
    response = await client.post(PATH, json=an_order(agent), headers={"idempotency-key": "once"})

    assert said == [NotBegun.ELSEWHERE]
    assert (response.status_code, response.json()["code"]) == (503, "NOT_THE_ENGINE")
    assert len(elsewhere.forwarding.commands) == 1
    assert not elsewhere.engine.swaps.requests
    # Nothing was begun, so the key is free.
    elsewhere.forwarding.engine = engine
    response = await client.post(PATH, json=an_order(agent), headers={"idempotency-key": "once"})
    assert response.status_code == 200


async def test_it_is_written_down_once_however_many_were_asked(
    elsewhere: FakeApi, client: httpx.AsyncClient
) -> None:
    wallet = await elsewhere.encrypted.a_wallet()
    engine = elsewhere.forwarding.engine
    assert engine is not None

    async def moving(command: Command) -> Answer | NotBegun:
        for _ in range(3):
            assert await engine(command) is NotBegun.ELSEWHERE
        elsewhere.encrypted.is_engine = True
        return await engine(command)

    elsewhere.encrypted.is_engine = False
    elsewhere.forwarding.engine = moving
    response = await client.post(f"/api/v1/wallets/{wallet.address}/unlock", json={"passphrase": GOOD})

    assert response.status_code == 200, response.text
    entries = [row.entry for row in elsewhere.audit_log.rows]
    assert [(entry.action, entry.outcome) for entry in entries] == [("wallet.unlock", Outcome.OK)]


async def test_lists_of_wallets_leave_room_for_orders(elsewhere: FakeApi, client: httpx.AsyncClient) -> None:
    await elsewhere.encrypted.a_wallet()
    elsewhere.encrypted.is_engine = False
    asked, gate = 0, asyncio.Event()

    async def waiting(_command: Command) -> Answer:
        nonlocal asked
        asked += 1
        await gate.wait()
        return Answer(200, (), b'{"wallets":[]}')

    elsewhere.forwarding.engine = waiting
    lists = [asyncio.ensure_future(client.get("/api/v1/wallets")) for _ in range(MOST_ASKED + 4)]
    await until(lambda: asked >= MOST_ASKED, "some are asked about")
    for _ in range(200):
        await asyncio.sleep(0)
    assert asked == MOST_ASKED

    gate.set()
    assert {response.status_code for response in await asyncio.gather(*lists)} == {200}
    assert asked == MOST_ASKED + 4


async def test_an_engine_is_asked_once_about_all_its_wallets(
    elsewhere: FakeApi, client: httpx.AsyncClient
) -> None:
    wallets = [await elsewhere.encrypted.a_wallet() for _ in range(3)]
    engine = elsewhere.forwarding.engine
    assert engine is not None
    answers: list[Answer] = []

    async def where_they_trade(command: Command) -> Answer | NotBegun:
        elsewhere.encrypted.is_engine = True
        for wallet in wallets[:2]:
            await elsewhere.encrypted.unlock(wallet)
        answer = await engine(command)
        assert isinstance(answer, Answer)
        answers.append(answer)
        for wallet in wallets:
            elsewhere.encrypted.vault.lock(wallet.address, "request")
        elsewhere.encrypted.is_engine = False
        return answer

    elsewhere.encrypted.is_engine = False
    elsewhere.forwarding.engine = where_they_trade

    async def unlocked() -> list[bool]:
        rows = (await client.get("/api/v1/wallets")).json()["wallets"]
        assert len(rows) > len(wallets), "those of paper are there as well"
        by_address = {row["walletAddress"]: row for row in rows}
        return [by_address[wallet.address]["isUnlocked"] for wallet in wallets]

    assert await unlocked() == [True, True, False]
    (answer,) = answers
    assert {row["walletAddress"] for row in json.loads(answer.body)["wallets"]} == {
        wallet.address for wallet in wallets
    }
    elsewhere.forwarding.failure = EngineUnreachableError()
    assert await unlocked() == [False] * 3
    elsewhere.forwarding.failure, elsewhere.forwarding.unreadable = None, UnavailableError("away")
    assert await unlocked() == [False] * 3
    assert len(answers) == 1


async def test_wallets_are_locked_where_their_engine_says_what_nobody_understands(
    elsewhere: FakeApi, client: httpx.AsyncClient
) -> None:
    """While a version replaces another."""
    await elsewhere.encrypted.a_wallet()
    elsewhere.encrypted.is_engine, said = False, b""

    async def of_another_version(_command: Command) -> Answer | NotBegun:
        return Answer(200, (), said)

    elsewhere.forwarding.engine = of_another_version
    for body in (b'{"wallets": [{"source": "elsewhere"}]}', b"{", b"[]"):
        said, asked = body, len(elsewhere.forwarding.commands)
        rows = (await client.get("/api/v1/wallets")).json()["wallets"]
        assert not any(row["isUnlocked"] for row in rows if row["source"] == "encrypted")
        assert len(elsewhere.forwarding.commands) > asked


async def test_which_keys_an_agent_has_is_said_by_its_engine(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    live = await elsewhere.wallet_world.an_agent(live=LIVE)
    keys, engine, path = (
        elsewhere.wallet_world.keys,
        elsewhere.forwarding.engine,
        f"/api/v1/wallets/agent/{live.id}",
    )
    assert engine is not None
    loaded, keys.loaded = keys.loaded, []

    async def with_keys(command: Command) -> Answer | NotBegun:
        keys.loaded = loaded
        answer = await engine(command)
        keys.loaded = []
        return answer

    elsewhere.forwarding.engine = with_keys
    there = await client.get(path)
    elsewhere.forwarding.failure = EngineUnreachableError()
    alone = await client.get(path)
    keys.loaded, elsewhere.forwarding.trades = loaded, True
    here = await client.get(path)

    assert (there.status_code, there.content) == (here.status_code, here.content)
    assert there.headers["content-type"] == here.headers["content-type"]
    assert (alone.status_code, len(alone.json()["agentWallets"])) == (200, len(here.json()["agentWallets"]))
    assert alone.content != here.content
    assert len(elsewhere.forwarding.commands) == 2
    assert (await client.get(f"/api/v1/wallets/agent/{uuid4()}")).status_code == 404


async def test_what_needs_attention_is_said_by_the_engine_of_each_agent(
    elsewhere: FakeApi, client: httpx.AsyncClient
) -> None:
    agent = await elsewhere.engine.add_agent(replace(a_live_agent(), automated_trading_live=True))
    wallet, locked = agent.wallets[0].address, elsewhere.engine.keys

    async def notices() -> list[tuple[str, str | None]]:
        items = (await client.get("/api/v1/overview/attention")).json()["items"]
        return [(one["kind"], one["agentId"]) for one in items]

    # The engine has the key, or has not, and this process has nothing to say about it.
    engine = elsewhere.forwarding.engine
    assert engine is not None
    assert ("wallet_locked", str(agent.id)) in await notices()
    asked = len(elsewhere.forwarding.commands)
    assert asked == 1

    async def with_the_key(command: Command) -> Answer | NotBegun:
        locked.loaded.add(wallet)
        answer = await engine(command)
        locked.loaded.discard(wallet)
        return answer

    elsewhere.forwarding.engine = with_the_key
    assert ("wallet_locked", str(agent.id)) not in await notices()

    said = b""

    async def of_another_version(_command: Command) -> Answer | NotBegun:
        return Answer(200, (), said)

    # While a version replaces another, an engine may say something else, or say it in another way.
    elsewhere.forwarding.engine = of_another_version
    for body in (b'{"items": [{"kind": "something_new", "agentId": null}]}', b'{"items": [{}]}', b"{", b"[]"):
        said = body
        assert ("wallet_locked", str(agent.id)) not in await notices()
    elsewhere.forwarding.failure = EngineUnreachableError()
    assert ("wallet_locked", str(agent.id)) not in await notices()
    elsewhere.forwarding.trades, elsewhere.forwarding.failure = True, None
    asked = len(elsewhere.forwarding.commands)
    assert ("wallet_locked", str(agent.id)) in await notices()
    assert len(elsewhere.forwarding.commands) == asked, "who trades asks nobody"


@pytest.mark.parametrize(
    ("failure", "status", "again"),
    [
        (EngineUnreachableError(), 503, True),
        (EngineBusyError(), 503, True),
        (OutcomeUnknownError(), 504, False),
    ],
)
async def test_what_happens_on_the_way_is_told(
    elsewhere: FakeApi,
    client: httpx.AsyncClient,
    agent: Agent,
    failure: UnavailableError,
    status: int,
    again: bool,
) -> None:
    elsewhere.forwarding.failure = failure
    response = await client.post(PATH, json=an_order(agent))

    assert (response.status_code, response.json()["code"]) == (status, failure.code)
    assert ("retry-after" in response.headers) is again


async def test_a_request_is_counted_once(elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    elsewhere.rate_limits.enabled = True
    path = f"/api/v1/agents/{agent.id}/positions/{uuid4()}/close"
    left = []
    for _ in range(2):
        response = await client.post(path, json={})
        assert response.headers.get_list("ratelimit-remaining") == [response.headers["ratelimit-remaining"]]
        left.append(int(response.headers["ratelimit-remaining"]))

    assert left[0] - left[1] == 1
    assert len(elsewhere.forwarding.commands) == 2


async def test_a_preview_is_made_anywhere(
    elsewhere: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    response = await client.post("/api/v1/trades/preview", json=an_order(agent))

    assert response.status_code == 200, response.text
    assert elsewhere.forwarding.commands == []
