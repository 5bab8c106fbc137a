"""Guessing passwords against the real service: at once, from everywhere, for accounts that are there and that are not."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio
from passlib.hash import bcrypt  # type: ignore[import-untyped]  # It ships no types.

from nexgent.bootstrap.whereabouts import running_service
from nexgent.middleware.client_address import MACHINE_KEY_HEADER
from tests.e2e.cheap_secrets import EIGHTH_COST
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, CheapLogins, Product
from tests.patience import PATIENCE_SECONDS, best_cpu_seconds

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = "nobody@example.com"
HOME = "198.51.100.7"
LOCKED = "Account is locked after too many failed logins; try again later"
_numbers = itertools.count(1)


def a_stranger() -> str:
    """Return an address nobody has come from before."""
    number = next(_numbers)
    return f"203.0.{number >> 8}.{number & 255}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    # One proxy is believed, so that a test can come from anywhere.
    async with CheapLogins(
        tmp_path_factory.mktemp("lockout"), {"TRUSTED_PROXIES": "1"}, makes_admin=True
    ).running() as made:
        yield made


class Door:
    """The login of a running service."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.http = httpx.AsyncClient(
            base_url=f"{product.url}/api/v1",
            timeout=PATIENCE_SECONDS,
            limits=httpx.Limits(max_connections=200),
        )

    async def knock(self, address: str, password: str = "wrong", email: str = ADMIN_EMAIL) -> httpx.Response:
        """Try a password from an address."""
        return await self.http.post(
            "/auth/login",
            json={"email": email, "password": password},
            headers={"x-forwarded-for": address},
        )

    async def enter(self, address: str) -> int:
        """Try the right password; return the status."""
        return (await self.knock(address, ADMIN_PASSWORD)).status_code

    async def command(self, *words: str, typed: str = "") -> tuple[int, str]:
        """Run a command on the machine; return its exit code and what it printed."""
        code, out, err = await self.product.run(*words, typed=typed)
        return code, out + err


@pytest_asyncio.fixture(loop_scope="module")
async def door(product: Product) -> AsyncIterator[Door]:
    made = Door(product)
    try:
        yield made
    finally:
        await made.http.aclose()
        code, printed = await made.command("admin", "unlock", ADMIN_EMAIL)
        assert code == 0, printed


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    found: dict[int, int] = {}
    for answer in answers:
        found[answer.status_code] = found.get(answer.status_code, 0) + 1
    return found


@pytest.mark.parametrize("email", [ADMIN_EMAIL, "made-up@example.com"])
async def test_sixty_logins_at_once_check_five_passwords(door: Door, email: str) -> None:
    address = a_stranger()

    answers = await asyncio.gather(*(door.knock(address, email=email) for _ in range(60)))

    assert statuses(answers) == {401: 5, 423: 55}
    locked = next(answer.json() for answer in answers if answer.status_code == 423)
    assert set(locked) == {"error", "code", "lockedUntil"}
    assert locked["error"] == LOCKED


async def test_no_answer_tells_which_accounts_exist(door: Door) -> None:
    there, not_there = a_stranger(), a_stranger()

    def shape(answer: httpx.Response) -> tuple[int, Any]:
        body = answer.json()
        return answer.status_code, {**body, "lockedUntil": "lockedUntil" in body}

    of_admin = [shape(await door.knock(there)) for _ in range(7)]
    of_nobody = [shape(await door.knock(not_there, email=NOBODY)) for _ in range(7)]

    assert [status for status, _ in of_admin] == [401] * 5 + [423] * 2
    assert of_nobody == of_admin


async def test_the_time_of_an_answer_does_not_tell_it_either(door: Door) -> None:
    taken: dict[str, list[float]] = {ADMIN_EMAIL: [], "timing@example.com": []}
    for _ in range(9):
        for email, times in taken.items():
            began = time.perf_counter()
            assert (await door.knock(a_stranger(), email=email)).status_code == 401
            times.append(time.perf_counter() - began)

    of_admin, of_nobody = (statistics.median(times) for times in taken.values())
    # Without a look at a password an answer comes within milliseconds.
    one_look = best_cpu_seconds(partial(bcrypt.using(rounds=EIGHTH_COST).hash, "guessed"), rounds=5)
    assert 0.2 < of_admin / of_nobody < 5
    assert min(min(times) for times in taken.values()) > one_look / 2


async def test_strangers_lock_out_each_other_and_not_the_owner(door: Door) -> None:
    assert await door.enter(HOME) == 200

    answers = await asyncio.gather(*(door.knock(a_stranger()) for _ in range(40)))
    refused = statuses(answers)
    assert refused[423] >= 20
    assert refused.get(401, 0) <= 20

    # Not from anywhere else, until somebody at the machine says so.
    assert await door.enter(a_stranger()) == 423
    assert await door.enter(HOME) == 200
    code, printed = await door.command("admin", "unlock", ADMIN_EMAIL.upper(), "--json")
    assert code == 0, printed
    assert json.loads(printed) == {"email": ADMIN_EMAIL, "wasLocked": True, "passwordSet": False}
    assert await door.enter(a_stranger()) == 200


async def test_commands_on_the_machine_get_in_while_the_account_is_locked(door: Door) -> None:
    # Five wrong ones from this very address, as behind a proxy that is not listed, and strangers until all are locked out.
    assert [(await door.knock("127.0.0.1")).status_code for _ in range(6)] == [401] * 5 + [423]
    await asyncio.gather(*(door.knock(a_stranger()) for _ in range(25)))
    assert await door.enter(a_stranger()) == 423
    assert await door.enter("127.0.0.1") == 423

    code, printed = await door.command("wallets", "--json")

    assert code == 0, printed
    assert json.loads(printed) is not None
    # It proves by the data folder that it is on the machine, not by its address or by something anybody may send.
    running = running_service(door.product.folder / "data")
    assert running is not None

    async def with_key(key: str, password: str) -> int:
        answer = await door.http.post(
            "/auth/login",
            json={"email": ADMIN_EMAIL, "password": password},
            headers={MACHINE_KEY_HEADER: key},
        )
        return answer.status_code

    assert [await with_key(key, ADMIN_PASSWORD) for key in ("", "guessed")] == [423, 423]
    # The password is needed all the same, and what a command gets wrong locks nobody out.
    assert [await with_key(running.machine_key, "wrong") for _ in range(6)] == [401] * 6
    assert await with_key(running.machine_key, ADMIN_PASSWORD) == 200
    code, printed = await door.command("wallets", "--password", "wrong")
    assert (code, "Invalid email or password" in printed) == (3, True), printed


async def test_a_flood_of_logins_leaves_the_owner_a_way_in(door: Door) -> None:
    assert await door.enter(HOME) == 200
    flood = [
        asyncio.ensure_future(door.knock(a_stranger(), email=f"flood-{number}@example.com"))
        for number in range(120)
    ]
    # The line is full when the first of them is sent away.
    while not any(one.done() and one.result().status_code == 503 for one in flood):
        done, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_SECONDS)
        flood = [one for one in flood if one not in done] + [
            one for one in done if one.result().status_code == 503
        ]
        assert flood, "nobody was sent away"

    assert await door.enter(HOME) == 200

    answers = await asyncio.gather(*flood)
    assert set(statuses(answers)) <= {401, 503}


async def test_a_lock_survives_a_restart_and_not_the_owners_network(door: Door) -> None:
    assert await door.enter(HOME) == 200
    stranger = a_stranger()
    assert [(await door.knock(stranger)).status_code for _ in range(6)] == [401] * 5 + [423]

    door.product.kill_service()
    await door.product.start_service()

    assert (await door.knock(stranger)).status_code == 423
    assert await door.enter(HOME) == 200


async def test_a_password_can_be_set_at_the_machine(door: Door) -> None:
    code, printed = await door.command(
        "admin", "reset-password", "nobody@example.com", typed="Correct-horse-1\n"
    )
    assert (code, printed) == (1, "There is no account nobody@example.com\n")
    code, printed = await door.command("admin", "reset-password", ADMIN_EMAIL, typed="weak\n")
    assert code == 2
    assert "too weak" in printed

    code, printed = await door.command("admin", "reset-password", ADMIN_EMAIL, typed="Another-horse-2\n")
    assert code == 0, printed
    try:
        assert await door.enter(HOME) == 401
        assert (await door.knock(HOME, "Another-horse-2")).status_code == 200
    finally:
        code, printed = await door.command(
            "admin", "reset-password", ADMIN_EMAIL, typed=ADMIN_PASSWORD + "\n"
        )
        assert code == 0, printed
    assert await door.enter(HOME) == 200
