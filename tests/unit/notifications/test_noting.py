"""What came through is noted beside the sending: in groups, in order, and never far behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from nexgent.domain.notifications.models import Delivered
from nexgent.domain.notifications.noting import Noting
from nexgent.shared.errors import UnavailableError
from tests.builders import T0
from tests.patience import PATIENCE_SECONDS


class Book:
    """Where notes go, which can be kept waiting, and fail."""

    def __init__(self) -> None:
        self.notes: list[list[int]] = []
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.error: Exception | None = None

    async def write(self, delivered: Sequence[Delivered]) -> None:
        self.begun.set()
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.notes.append([id_ for one in delivered for id_ in one.deliveries])


@pytest.fixture
def book() -> Book:
    return Book()


def through(number: int) -> Delivered:
    return Delivered((number,), T0)


async def test_what_comes_through_during_a_note_is_noted_together(book: Book) -> None:
    async with Noting(book.write, every_seconds=PATIENCE_SECONDS) as noting:
        await noting.add(through(0))
        await book.begun.wait()
        for number in range(1, 50):
            await noting.add(through(number))
        assert book.notes == []
        book.open.set()
    assert book.notes == [[0], list(range(1, 50))], "the end is no reason to wait for more"


async def test_a_single_message_is_noted_at_once(book: Book) -> None:
    book.open.set()
    async with Noting(book.write, every_seconds=PATIENCE_SECONDS) as noting:
        await noting.add(through(1))
        async with asyncio.timeout(PATIENCE_SECONDS / 2):
            while not book.notes:
                await asyncio.sleep(0)
    assert book.notes == [[1]]


async def test_who_sends_waits_when_too_much_is_not_noted(book: Book) -> None:
    async with Noting(book.write, every_seconds=0, most=3) as noting:
        await noting.add(through(1))
        await noting.add(through(2))
        third = asyncio.create_task(noting.add(through(3)))
        await book.begun.wait()
        done, _ = await asyncio.wait({third}, timeout=0.05)
        assert not done
        book.open.set()
        await third
        assert [id_ for note in book.notes for id_ in note] == [1, 2, 3]
        await noting.add(through(4))
    assert [id_ for note in book.notes for id_ in note] == [1, 2, 3, 4]


async def test_nothing_more_is_sent_when_a_note_failed(book: Book) -> None:
    book.error = UnavailableError("away")
    book.open.set()
    added = 0

    async def send(most: int) -> None:
        nonlocal added
        async with Noting(book.write, every_seconds=0) as noting:
            for number in range(most):
                await noting.add(through(number))
                added += 1
                await asyncio.sleep(0)

    with pytest.raises(UnavailableError):
        await send(1_000)
    assert added < 10
    with pytest.raises(UnavailableError):
        await send(1)


async def test_a_note_that_hangs_ends_the_sending(book: Book) -> None:
    noting = Noting(book.write, write_seconds=0.01)
    await noting.add(through(1))
    with pytest.raises(TimeoutError):
        await noting.finish()


async def test_what_came_through_is_noted_when_sending_is_cancelled(book: Book) -> None:
    async def send() -> None:
        async with Noting(book.write, every_seconds=PATIENCE_SECONDS) as noting:
            await noting.add(through(1))
            await book.begun.wait()
            await noting.add(through(2))
            await asyncio.Event().wait()

    sending = asyncio.create_task(send())
    await book.begun.wait()
    await asyncio.sleep(0)
    book.open.set()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert book.notes == [[1], [2]]
