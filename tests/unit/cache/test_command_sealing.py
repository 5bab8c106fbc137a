"""Commands and answers as they lie in Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from nexgent.domain.forwarding.models import Answer, Command, EngineAddress, NotBegun
from nexgent.infrastructure.cache.command_queue import (
    PURPOSE,
    Place,
    open_command,
    open_outcome,
    seal_command,
    seal_outcome,
)
from nexgent.infrastructure.security.sealing import Sealer

ENGINE = EngineAddress(row=2, epoch=41)
PLACE = Place(ENGINE, bytes(range(16)), bytes(16))
SEALER = Sealer(SecretStr("a-secret-of-this-installation"), PURPOSE)
COMMAND = Command(
    method="POST",
    path="/api/v1/wallets/abc/unlock",
    query=b"a=%00",
    headers=((b"authorization", b"Bearer of-good-tidings"), (b"content-type", b"application/json")),
    body=b'{"passphrase":"open sesame"}',
    address="2001:db8::1",
    request_id="7f",
)
ANSWER = Answer(200, ((b"content-type", b"application/json"),), b'{"isUnlocked":true}')


def test_a_command_arrives_as_it_was_sent() -> None:
    assert open_command(SEALER, ENGINE, seal_command(SEALER, PLACE, COMMAND, 12.5)) == (PLACE, COMMAND, 12.5)


def test_nothing_of_it_can_be_read() -> None:
    sealed = seal_command(SEALER, PLACE, COMMAND, 12.5) + seal_outcome(SEALER, PLACE, ANSWER)

    for text in (b"sesame", b"tidings", b"unlock", b"wallets", b"2001:db8", b"isUnlocked"):
        assert text not in sealed


@pytest.mark.parametrize("engine", [replace(ENGINE, row=3), replace(ENGINE, epoch=42)])
def test_it_opens_for_the_engine_it_is_for_and_no_other(engine: EngineAddress) -> None:
    assert open_command(SEALER, engine, seal_command(SEALER, PLACE, COMMAND, 12.5)) is None


def test_it_opens_with_the_secret_of_the_installation_alone() -> None:
    other = Sealer(SecretStr("a-secret-of-another-one"), PURPOSE)

    assert open_command(other, ENGINE, seal_command(SEALER, PLACE, COMMAND, 12.5)) is None
    assert open_outcome(other, PLACE, seal_outcome(SEALER, PLACE, ANSWER)) is None


def test_what_was_changed_does_not_open() -> None:
    sealed = seal_command(SEALER, PLACE, COMMAND, 12.5)

    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        assert open_command(SEALER, ENGINE, changed) is None, at
    for length in range(len(sealed)):
        assert open_command(SEALER, ENGINE, sealed[:length]) is None, length


@pytest.mark.parametrize("outcome", [ANSWER, Answer(500, (), b""), *NotBegun])
def test_an_outcome_arrives_as_it_was_sent(outcome: Answer | NotBegun) -> None:
    assert open_outcome(SEALER, PLACE, seal_outcome(SEALER, PLACE, outcome)) == outcome


def test_an_outcome_belongs_to_one_command() -> None:
    sealed = seal_outcome(SEALER, PLACE, ANSWER)

    for place in (
        replace(PLACE, id=bytes(16)),
        replace(PLACE, sender=bytes(range(16))),
        replace(PLACE, engine=replace(ENGINE, epoch=42)),
    ):
        assert open_outcome(SEALER, place, sealed) is None
    # Nor is a command an answer.
    assert open_outcome(SEALER, PLACE, seal_command(SEALER, PLACE, COMMAND, 12.5)[32:]) is None
    assert open_command(SEALER, ENGINE, PLACE.head + sealed) is None
