"""The driver sends our containers as arrays, and asks nothing else whether it is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg.protocol import protocol

from nexgent.infrastructure.database.driver_arrays import ARRAYS, install_array_types


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is installed is gone with the test.
    monkeypatch.setattr(protocol, "IterableABC", vars(protocol)["IterableABC"])
    install_array_types()


class Several(int):
    """A number that can be gone through as well."""

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


async def test_what_is_in_an_array_is_not_asked_whether_it_is_one(
    connection: asyncpg.Connection[asyncpg.Record], installed: None
) -> None:
    assert await connection.fetchval("SELECT $1::int[]", [Several(3), Several(4)]) == [3, 4]


@pytest.mark.parametrize("kind", [*ARRAYS])
async def test_arrays_are_what_they_were(
    connection: asyncpg.Connection[asyncpg.Record], installed: None, kind: type[Any]
) -> None:
    ids, texts = [uuid4() for _ in range(3)], ["a", 'b"{},', "NULL", ""]

    assert set(await connection.fetchval("SELECT $1::uuid[]", kind(ids))) == {
        UUID(bytes=one.bytes) for one in ids
    }
    assert set(await connection.fetchval("SELECT $1::text[]", kind(texts))) == set(texts)
    assert set(await connection.fetchval("SELECT $1::bigint[]", kind([1, None, 2**62]))) == {1, None, 2**62}
    assert await connection.fetchval("SELECT $1::int[]", kind([])) == []


async def test_arrays_of_arrays_and_of_rows_are_what_they_were(
    connection: asyncpg.Connection[asyncpg.Record], installed: None
) -> None:
    assert await connection.fetchval("SELECT $1::int[]", [[1, 2], [3, 4]]) == [[1, 2], [3, 4]]
    assert await connection.fetchval("SELECT count(*) FROM unnest($1::bytea[])", [b"ab", b""]) == 2


@pytest.mark.parametrize("wrong", ["text", {"a": 1}, 7])
async def test_what_is_no_array_is_refused_as_before(
    connection: asyncpg.Connection[asyncpg.Record], installed: None, wrong: object
) -> None:
    with pytest.raises(asyncpg.DataError, match="a sized iterable container expected"):
        await connection.fetchval("SELECT $1::text[]", wrong)
