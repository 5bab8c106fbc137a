"""What is let pass as readable can be read, every single value of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from nexgent.domain.ledger.models import TradeIntended, TradeSettled
from nexgent.infrastructure.database.journal.codec import decode_body, to_json
from nexgent.infrastructure.database.journal.readable import are_ids, are_numbers, read_step
from tests.integration.database.story import Story

AN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHERS: Sequence[Any] = (
    *("", "x", "1,2", "1.2.3", "-", ".", "1-2", "--1", "1,", ",1", "NaN", "1e5", " 1", "\u0661", "5 "),
    *(AN_ID[:-1] + "g", AN_ID.replace("-", "+"), AN_ID[1:] + "-", AN_ID.upper(), AN_ID.replace("-", "")),
    *("\u0661" * 36, "2026-02-30T00:00:00Z", None, 1, True, {}, [], [AN_ID[:-1] + "g"]),
)


def bodies() -> dict[str, Any]:
    """Return a body of each kind in which nothing is missing that could be there."""
    story = Story()
    story.deposit()
    bought = [one.body for one in story.buy()]
    sold = [one.body for one in story.sell()]
    (intended,) = (one for one in sold if isinstance(one, TradeIntended))
    (opened,) = (one for one in bought if isinstance(one, TradeSettled))
    (closed,) = (one for one in sold if isinstance(one, TradeSettled))
    found = {kind: json.loads(to_json(one)) for kind, one in (("intended", intended), ("settled", closed))}
    position = json.loads(to_json(opened))["position"]
    position["dca_transaction_ids"] = [str(uuid4()), str(uuid4())]
    position["take_profit_transaction_ids"] = [str(uuid4())]
    position["base_trail"]["stop_loss_pct"] = "-12.5"
    for body in found.values():
        body["position"] = position
    found["intended"]["intent"]["evidence"] = {"price_sol": "0.1", "source": "dexscreener", "age_ms": 3}
    for name, value in found["settled"]["transaction"].items():
        if value is None and name not in ("signal_id", "destination_address", "transaction_hash"):
            found["settled"]["transaction"][name] = "1.25"
    assert found["settled"]["closed"] is not None
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*path, name))
    else:
        yield path


def changed(body: Any, path: tuple[Any, ...], value: Any) -> bytes:
    copy = json.loads(json.dumps(body))
    at = copy
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return json.dumps(copy).encode()


def can_be_read(kind: str, body: bytes) -> bool:
    try:
        decode_body(kind, body)
    except msgspec.MsgspecError:
        return False
    return True


def is_let_pass(kind: str, body: bytes) -> bool:
    try:
        return read_step(kind.encode(), body) is not None
    except msgspec.MsgspecError:
        return False


@pytest.mark.parametrize("kind", ["intended", "settled"])
def test_every_value_is_looked_at(kind: str) -> None:
    body = bodies()[kind]
    assert is_let_pass(kind, json.dumps(body).encode())
    found = 0
    for path in places(body):
        for value in OTHERS:
            again = changed(body, path, value)
            if not can_be_read(kind, again):
                assert not is_let_pass(kind, again), (path, value)
                found += 1
    assert found > 500


@pytest.mark.parametrize("kind", ["intended", "settled"])
def test_whatever_letter_is_another_one(kind: str) -> None:
    chance, body, found = random.Random(11), json.dumps(bodies()[kind]), 0
    for _ in range(4_000):
        at = chance.randrange(len(body))
        again = (body[:at] + chance.choice('0123456789abcdefgE-+.,"{}[]: \\u') + body[at + 1 :]).encode()
        if is_let_pass(kind, again):
            assert can_be_read(kind, again), again
            found += 1
    assert found > 500


@pytest.mark.parametrize(
    "numbers", [["1"], ["-1", "0.5"], ["0E-9", "1E+20", "-1.5E-7"], ["7", "-0.000", "10.25"]]
)
def test_numbers_as_ours_are_written_are_some(numbers: list[str]) -> None:
    assert are_numbers(f",{','.join(numbers)},", len(numbers))


def test_what_are_numbers_can_be_made_into_decimals() -> None:
    chance, found = random.Random(3), 0
    for _ in range(20_000):
        numbers = ["".join(chance.choices("0159.-E+,", k=chance.randrange(1, 5))) for _ in range(2)]
        if are_numbers(f",{','.join(numbers)},", 2):
            found += 1
            try:
                assert [Decimal(one) for one in numbers]
            except InvalidOperation:
                pytest.fail(f"{numbers} are no numbers")
    assert found > 500


def test_what_are_ids_can_be_made_into_ids_and_is_written_as_ours_are() -> None:
    chance, found = random.Random(5), 0
    for _ in range(20_000):
        text = f"{uuid4()}{uuid4()}"
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice("0123456789abcdefABCDEF-gG \u0661") + text[at + 1 :]
        if are_ids(text):
            assert [str(UUID(text[:36])), str(UUID(text[36:]))] == [text[:36], text[36:]]
            found += 1
    assert found > 500
    assert not are_ids(AN_ID + "0")
