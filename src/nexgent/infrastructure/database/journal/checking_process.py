"""A process of its own that checks wallets for whoever started it: questions come in on its standard input, answers go out on its
standard output.

It imports this module and what it needs, and nothing of what projects or serves: it is ready in a third of a second. A question
or an answer is its length in eight bytes and then so many bytes, a pickle. Whoever writes it goes on until all of it has left: a
signal, a stop, or what an event loop that was closed leaves to the kernel, ends a write halfway without a word, and whoever reads
would wait for the rest for ever.

It ends with whoever started it, however that ended: a thread reads standard input all the time, and its end is the end of the
process, whatever is being checked or waited for.
"""

from __future__ import annotations

import gc
import os
import pickle  # nosec B403
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, BinaryIO, NoReturn

import asyncpg

from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import normalise_url
from nexgent.infrastructure.database.journal.wallet_check import Found, check_streams
from nexgent.shared.event_loop import run_in_loop
from nexgent.shared.money import install_decimal_context
from nexgent.shared.types import WalletAddress

LENGTH_BYTES = 8
_YOUNG_OBJECTS = 100_000
_NICENESS = 10
"""Whoever trades on the same machine comes first."""


@dataclass(frozen=True, slots=True)
class Question:
    """Wallets to check in the snapshot of whoever asks."""

    database_url: str
    snapshot: str
    wallets: Sequence[WalletAddress]
    everything: bool
    with_holdings: bool


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Yield a connection on which a statement may take as long as it likes."""
    kwargs = {**normalise_url(database_url).connect_kwargs, "command_timeout": None}
    connection = await asyncpg.connect(**kwargs)
    try:
        yield connection
    finally:
        await connection.close()


def framed(value: object) -> bytes:
    """Return a value in the form in which it is sent."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(LENGTH_BYTES) + data


def unframed(data: bytes) -> Any:
    """Return what was sent, without its length."""
    return pickle.loads(data)  # noqa: S301 -- what a process of our own has said  # nosec B301


def read_questions(questions: BinaryIO, asked: SimpleQueue[Question]) -> NoReturn:
    """Hand questions on as they come. Once nobody can ask any more, nobody reads an answer either: the process ends.

    Also where a question ends halfway, as whoever asked did.
    """
    try:
        while len(length := questions.read(LENGTH_BYTES)) == LENGTH_BYTES:
            asked.put(unframed(questions.read(int.from_bytes(length))))
    finally:
        os._exit(0)


def serve(asked: SimpleQueue[Question], answers: BinaryIO) -> NoReturn:
    """Answer one question after the other: with what was found, a part of it after the other, and then with nothing or with
    what was raised.
    """
    while True:
        question = asked.get()
        end: Exception | None = None
        try:
            run_in_loop(_check(question, answers))
        except Exception as error:
            end = error
        _say(end, answers)


def _say(answer: Found | Exception | None, answers: BinaryIO) -> None:
    answers.write(framed(answer))
    answers.flush()


async def _check(question: Question, answers: BinaryIO) -> None:
    with translated_errors("verify the books"):
        async with (
            connected(question.database_url) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{question.snapshot}'")
            found = check_streams(
                connection,
                question.wallets,
                everything=question.everything,
                with_holdings=question.with_holdings,
            )
            async for part in found:
                _say(part, answers)


def main() -> None:
    """Have whoever trades on the same machine come first, look for garbage seldom, as lines leave none, and answer.

    A terminal interrupts every process of a command. Whoever asked ends this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
    install_decimal_context()
    # Not those of `sys`: an environment can ask that its output is not buffered, and then nobody writes what a write has left.
    with open(0, "rb", closefd=False) as questions, open(1, "wb", closefd=False) as answers:
        asked: SimpleQueue[Question] = SimpleQueue()
        threading.Thread(target=read_questions, args=(questions, asked), daemon=True).start()
        serve(asked, answers)


if __name__ == "__main__":
    main()
