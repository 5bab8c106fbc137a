"""What the bot asks of the service: a stop is tried again, and a lost answer is not forgotten over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from nexgent.cli.address import Address
from nexgent.cli.api_client import KeyClient, NoAnswerError, RefusalError, ServiceUnreachableError
from nexgent.cli.telegram_bot import service as service_module
from nexgent.cli.telegram_bot.service import ATTEMPTS, Service
from nexgent.shared.errors import NexgentError

AWAY, LOST = ServiceUnreachableError("away"), NoAnswerError("lost")


class FakeClient(KeyClient):
    """Answers one call after the other, or raises instead."""

    def __init__(self, answers: Sequence[object]) -> None:
        super().__init__(Address("http://127.0.0.1:1", "in a test"), SecretStr("nex_key"))
        self.answers = list(answers)
        self.bodies: list[Any] = []

    async def call(self, method: str, path: str, body: object = None, **_: object) -> Any:
        self.bodies.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "PAUSE_SECONDS", 0)


@pytest.mark.parametrize("first", [[], [AWAY], [LOST, AWAY]])
async def test_a_stop_is_tried_until_it_is_answered(first: list[NexgentError]) -> None:
    client = FakeClient([*first, {"user": {"engaged": True}}])

    assert await Service(client).set_switch(engaged=True, reason="r") == {"user": {"engaged": True}}
    assert client.answers == []


@pytest.mark.parametrize(
    ("answers", "raised"),
    [
        ([AWAY, AWAY, AWAY], AWAY),
        ([LOST, AWAY, AWAY], LOST),
        ([AWAY, LOST, AWAY], LOST),
        ([AWAY, AWAY, LOST], LOST),
        # It was done, or it was not: nobody has said so, whatever is refused now.
        ([LOST, RefusalError("Too many requests", 429)], LOST),
        ([AWAY, RefusalError("Not allowed", 403)], RefusalError),
    ],
)
async def test_an_attempt_that_was_not_answered_is_remembered(
    answers: list[NexgentError], raised: NexgentError | type[NexgentError]
) -> None:
    client = FakeClient(answers)

    with pytest.raises(NexgentError) as caught:
        await Service(client).set_switch(engaged=True, reason="r")

    assert caught.value is raised or (isinstance(caught.value, RefusalError) and raised is RefusalError)
    assert client.answers == []


async def test_a_resume_is_tried_once() -> None:
    client = FakeClient([LOST, {"user": {"engaged": False}}])

    with pytest.raises(NoAnswerError):
        await Service(client).set_switch(engaged=False, reason="r")
    assert len(client.bodies) == 1
    assert ATTEMPTS > 1
