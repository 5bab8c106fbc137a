"""bcrypt hashes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from nexgent.domain.users.errors import LoginBusyError
from nexgent.infrastructure.security.passwords import COST, BcryptHasher


@pytest.fixture
def quick() -> Iterator[BcryptHasher]:
    hasher = BcryptHasher(cost=4)
    yield hasher
    hasher.close()


async def test_hashes_have_cost_12_and_verify() -> None:
    hasher = BcryptHasher()
    try:
        hashed = await hasher.hash("secret")
        assert hashed.startswith(f"$2b${COST}$")
        assert await hasher.verify("secret", hashed)
        assert not await hasher.verify("Secret", hashed)
    finally:
        hasher.close()


async def test_looking_for_who_is_not_there_is_as_much_work_as_for_who_is() -> None:
    hasher = BcryptHasher()
    try:
        work: dict[str | None, list[float]] = {await hasher.hash("secret"): [], None: []}
        for _ in range(2):
            for stored, seconds in work.items():
                began = time.process_time()
                assert not await hasher.verify("guessed", stored)
                seconds.append(time.process_time() - began)
    finally:
        hasher.close()
    of_somebody, of_nobody = (min(seconds) for seconds in work.values())
    # One step of the cost is twice the work.
    assert 0.5 < of_somebody / of_nobody < 2


async def test_hashes_of_other_libraries_verify(quick: BcryptHasher) -> None:
    assert await quick.verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")


@pytest.mark.parametrize("stored", [None, "", "junk", "$2b$12$short"])
async def test_without_a_usable_hash_nothing_fits(quick: BcryptHasher, stored: str | None) -> None:
    assert not await quick.verify("nobody", stored)


@pytest.mark.parametrize("password", ["a\0b", "\ud800", "ä" * 100, "x" * 100_000])
async def test_odd_passwords_are_no_errors(quick: BcryptHasher, password: str) -> None:
    assert not await quick.verify(password, await quick.hash("other"))


async def test_only_the_first_72_bytes_count_as_ever(quick: BcryptHasher) -> None:
    assert await quick.verify("x" * 72, await quick.hash("x" * 100))


async def test_more_than_can_wait_are_sent_away() -> None:
    hasher = BcryptHasher(cost=4, threads=1, max_waiting=2)
    try:
        hashed = await hasher.hash("x")
        results = await asyncio.gather(
            *(hasher.verify("x", hashed) for _ in range(4)), return_exceptions=True
        )
    finally:
        hasher.close()

    assert results[:2] == [True, True]
    assert all(isinstance(result, LoginBusyError) for result in results[2:])


async def test_who_is_known_does_not_wait_behind_strangers() -> None:
    hasher = BcryptHasher(cost=4, threads=1, max_waiting=2)
    try:
        hashed = await hasher.hash("x")
        strangers = [asyncio.ensure_future(hasher.verify("x", hashed)) for _ in range(4)]
        known = await hasher.verify("x", hashed, known=True)
        answers = await asyncio.gather(*strangers, return_exceptions=True)
    finally:
        hasher.close()

    assert known
    assert [type(answer) for answer in answers].count(LoginBusyError) == 2


@pytest.mark.parametrize("known", [True, False])
async def test_a_line_of_ones_own_checks_the_same_password(quick: BcryptHasher, known: bool) -> None:
    hashed = await quick.hash("right")

    assert await quick.verify("right", hashed, known=known)
    assert not await quick.verify("wrong", hashed, known=known)
    assert not await quick.verify("right", None, known=known)
