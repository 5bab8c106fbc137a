"""`Idempotency-Key` over HTTP: what is repeated, what is refused, what costs nothing."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import StaleWalletError
from nexgent.domain.trading.errors import QuoteFailedError, SwapInDoubtError, SwapUnavailableError
from nexgent.domain.wallets.close_by_hand import ClosedTradeResult
from nexgent.shared.errors import ConflictError, NexgentError, RejectedError, UnavailableError
from nexgent.shared.types import WalletAddress
from tests.builders import USER
from tests.fakes.api import FakeApi

URL = "/api/v1/agents"
KEY = {"Idempotency-Key": "b2c1-first"}


async def test_a_repeated_request_has_the_first_answer_and_is_done_once(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    first = await client.post(URL, json={"name": "Once"}, headers=KEY)
    again = await client.post(URL, json={"name": "Once"}, headers=KEY)

    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["content-length"] == str(len(first.content))
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (
        None,
        "true",
    )
    assert len(api.agents.stored) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [(URL, {"name": "Other"}), (f"{URL}?a=1", {"name": "Once"}), ("/api/v1/api-keys", {"name": "Once"})],
)
async def test_another_request_with_the_key_is_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, str]
) -> None:
    await client.post(URL, json={"name": "Once"}, headers=KEY)

    other = await client.post(path, json=body, headers=KEY)

    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


async def test_what_was_refused_may_be_tried_again_under_the_key(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    refused = await client.post(URL, json={"name": "x"}, headers=KEY)
    done = await client.post(URL, json={"name": "Longer"}, headers=KEY)

    assert (refused.status_code, done.status_code) == (400, 201)
    assert len(api.agents.stored) == 1


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "\x01"])
async def test_a_bad_key_is_refused(api: FakeApi, client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post(URL, json={"name": "Once"}, headers={"Idempotency-Key": key})

    assert answer.status_code == 400
    assert "visible ASCII" in answer.json()["error"]
    assert not api.agents.stored


async def test_a_running_request_is_not_started_again(api: FakeApi, client: httpx.AsyncClient) -> None:
    go, add = asyncio.Event(), api.agents.add

    async def slow(agent: object) -> None:
        await go.wait()
        await add(agent)  # type: ignore[arg-type]

    api.agents.add = slow  # type: ignore[method-assign]
    running = asyncio.create_task(client.post(URL, json={"name": "Once"}, headers=KEY))
    while not api.answers.rows:
        await asyncio.sleep(0)

    second = await client.post(URL, json={"name": "Once"}, headers=KEY)
    go.set()

    assert (second.status_code, second.json()["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert second.headers["retry-after"] == "1"
    assert (await running).status_code == 201
    assert len(api.agents.stored) == 1


async def test_what_was_interrupted_is_never_done_again(api: FakeApi, client: httpx.AsyncClient) -> None:
    await client.post(URL, json={"name": "Once"}, headers=KEY)
    (name,) = api.answers.rows
    api.answers.rows[name] = (api.answers.rows[name][0], None)
    api.answers.lost.add(name)

    answer = await client.post(URL, json={"name": "Once"}, headers=KEY)

    assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_OUTCOME_UNKNOWN")
    assert "new key" in answer.json()["error"]
    assert len(api.agents.stored) == 1
    assert name[0] == USER


async def test_without_the_store_nothing_with_a_key_is_done(api: FakeApi, client: httpx.AsyncClient) -> None:
    api.answers.failure = UnavailableError("The database is not available at present")

    with_key = await client.post(URL, json={"name": "Once"}, headers=KEY)
    without = await client.post(URL, json={"name": "Twice"})

    assert (with_key.status_code, without.status_code) == (503, 201)
    assert [agent.name for agent in api.agents.stored.values()] == ["Twice"]


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    add = api.agents.add

    async def fail_afterwards(agent: object) -> None:
        await add(agent)  # type: ignore[arg-type]
        api.answers.failure = UnavailableError("away")

    api.agents.add = fail_afterwards  # type: ignore[method-assign]

    assert (await client.post(URL, json={"name": "Once"}, headers=KEY)).status_code == 201


async def test_keys_mean_nothing_where_nobody_has_logged_in_and_for_reading(
    api: FakeApi, anonymous: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    login = await anonymous.post("/api/v1/auth/login", json={"email": "a@b.co", "password": "x"}, headers=KEY)
    listed = await client.get(URL, headers=KEY)

    assert (login.status_code, listed.status_code) == (401, 200)
    assert not api.answers.rows


async def test_keys_are_shown_to_nobody_through_a_repeated_request(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    for path in ("/wallets/sim_x/export", "/wallets/sim_x/unlock", "/wallets/sim_x/lock", "/ws/ticket"):
        await client.post(f"/api/v1{path}", json={}, headers=KEY)
        assert not api.answers.rows, path


async def test_a_failure_nobody_expected_leaves_the_outcome_open(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    add = api.agents.add

    async def fail(agent: object) -> None:
        await add(agent)  # type: ignore[arg-type]
        raise RuntimeError("after the agent was stored")

    api.agents.add = fail  # type: ignore[method-assign]
    first = await client.post(URL, json={"name": "Once"}, headers=KEY)
    api.agents.add = add  # type: ignore[method-assign]

    again = await client.post(URL, json={"name": "Once"}, headers=KEY)

    assert (first.status_code, again.status_code) == (500, 409)
    assert again.json()["code"] == "IDEMPOTENCY_OUTCOME_UNKNOWN"
    assert len(api.agents.stored) == 1


@pytest.mark.parametrize(
    ("error", "status", "then"),
    [
        # The commit may have gone through: nobody may do it again.
        (UnavailableError("lost while writing"), 503, 409),
        (SwapInDoubtError(), 504, 409),
        # Nothing was sent.
        (SwapUnavailableError("no quote at present"), 503, 201),
        (QuoteFailedError("no route"), 502, 201),
        (StaleWalletError(WalletAddress("sim_x")), 409, 201),
        # An outcome: it is the answer from now on.
        (ConflictError("there is one already"), 409, 409),
        (RejectedError("not allowed"), 422, 422),
    ],
)
async def test_only_failures_that_did_nothing_free_the_key(
    api: FakeApi, client: httpx.AsyncClient, error: NexgentError, status: int, then: int
) -> None:
    add, tries = api.agents.add, 0

    async def fail_once(agent: object) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise error
        await add(agent)  # type: ignore[arg-type]

    api.agents.add = fail_once  # type: ignore[method-assign]

    first = await client.post(URL, json={"name": "Once"}, headers=KEY)
    again = await client.post(URL, json={"name": "Once"}, headers=KEY)

    assert (first.status_code, again.status_code) == (status, then)
    assert tries == (2 if then == 201 else 1)
    if status < 500 and then != 201:
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"


async def test_a_sale_that_failed_may_be_asked_for_again(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    attempts: list[object] = []

    class FailingSale:
        async def execute(self, *arguments: object) -> ClosedTradeResult:
            attempts.append(arguments)
            raise UnavailableError("away")

    object.__setattr__(api.services, "close_position", FailingSale())
    path = f"/api/v1/agent-positions/{agent.id}/{uuid4()}/close"

    answers = [await client.post(path, json={}, headers=KEY) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert len(attempts) == 2
    assert not api.answers.rows
