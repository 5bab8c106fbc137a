"""Questions that wait for a yes: each can be answered once, by who asked for it, where it was asked, within a minute.

They are in memory alone. After a restart nobody can say yes to a question of before, and that is meant: a sale must not come out
of a button that was pressed for another moment.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError

OPEN_SECONDS = 60.0
MOST_OPEN = 100
_TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time by both clocks: one of them stands still while the machine sleeps, the other one may be set."""

    monotonic: float
    now: datetime

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        """Return the present."""
        return cls(clock.monotonic(), clock.now())

    def seconds_to(self, later: Moment) -> float:
        """Return how long it has been at most."""
        return max(later.monotonic - self.monotonic, (later.now - self.now).total_seconds())


@dataclass(frozen=True, slots=True)
class Exit:
    """Selling a whole position. `what` is how people call it."""

    agent_id: str
    position_id: str
    what: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Letting agents buy again."""


Wish = Exit | Resume


@dataclass(frozen=True, slots=True)
class Question:
    """What is done on a yes. `token` names it in the button, and in the request that does it."""

    token: str
    chat_id: int
    user_id: int
    wish: Wish
    asked_at: Moment


class QuestionClosedError(NexgentError):
    """It was answered, its time is over, or it is somebody else's."""

    code = "QUESTION_CLOSED"


class Questions:
    """All that are open."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, Question] = {}

    def ask(self, chat_id: int, user_id: int, wish: Wish) -> Question:
        """Open a question. Of too many, the oldest closes."""
        while len(self._open) >= MOST_OPEN:
            del self._open[next(iter(self._open))]
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        question = Question(token, chat_id, user_id, wish, Moment.of(self._clock))
        self._open[token] = question
        return question

    def take(self, token: str, chat_id: int, user_id: int | None) -> Question:
        """Close a question and return it. Raises `QuestionClosedError`; one that is somebody else's stays open."""
        question = self._open.get(token)
        if question is None:
            raise QuestionClosedError(
                "This question is not open any more; this press did nothing. If it was confirmed before, /positions shows "
                "what became of it."
            )
        if (question.chat_id, question.user_id) != (chat_id, user_id):
            raise QuestionClosedError("Only who asked can answer this.")
        del self._open[token]
        if question.asked_at.seconds_to(Moment.of(self._clock)) > OPEN_SECONDS:
            raise QuestionClosedError(
                f"More than {OPEN_SECONDS:.0f} seconds have passed; nothing was done. Ask again."
            )
        return question

    def close_all_to_resume(self) -> None:
        """Close what would let agents buy again, whoever asked for it."""
        for token in [one.token for one in self._open.values() if isinstance(one.wish, Resume)]:
            del self._open[token]

    def expire(self, token: str) -> bool:
        """Close a question that nobody answered; tell whether it was open."""
        return self._open.pop(token, None) is not None
