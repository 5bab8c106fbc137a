"""The quick fold lets pass what the thorough one finds nothing wrong with, and comes to the same."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from nexgent.domain.ledger.models import Account, Adjusted, Entry, TradeIntended
from nexgent.domain.ledger.postings import SOL
from nexgent.infrastructure.database.journal import quick_fold
from nexgent.infrastructure.database.journal.checked import Checked, Folded
from nexgent.infrastructure.database.journal.codec import encode_entry, to_json
from nexgent.infrastructure.database.journal.lines import (
    Line,
    Take,
    chained,
    fields_of,
    line_of,
    row_of,
)
from nexgent.infrastructure.database.journal.quick_fold import DoubtfulError, Followed, Mints, QuickFold
from nexgent.infrastructure.database.journal.stream_fold import Lines, StreamFold, fold_lines
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.builders import T0, TOKEN
from tests.integration.database.story import Story

POSTINGS, BODY = 5, 6
OTHER = TokenAddress("B" * 44)


def as_line(entry: Entry) -> Line:
    row = encode_entry(entry)
    return line_of(
        [
            str(row.entry_id),
            str(row.agent_id),
            str(row.seq),
            row.at.isoformat(),
            row.kind,
            row.postings,
            row.body,
        ]
    )


def a_life() -> tuple[Story, list[Line]]:
    """Return a wallet to which everything has happened, and its lines; something is open at the end."""
    earlier = Story()
    entries = [earlier.deposit(), earlier.reset(keep_history=True)]
    story = Story(wallet=earlier.wallet, seq=2)
    entries += [story.deposit(), *story.buy(), *story.buy(token=OTHER)]
    story.wait(minutes=3)
    entries += [*story.sell(), *story.sell(), story.deposit()]
    failed, expired = story.intend(token=OTHER), None
    entries += [failed, story.failed(failed)]
    expired = story.intend(token=OTHER)
    entries += [expired, story.submit(expired), story.expired(expired)]
    entries += [
        story.add(
            Adjusted(SOL_MINT, "counted", "WSOL"),
            (Account.WALLET, SOL_MINT, 5),
            (Account.ADJUSTMENT, SOL_MINT, -5),
        ),
        story.reset(),
        story.deposit(),
        *story.buy(),
    ]
    position = next(iter(story.state.positions.values()))
    entries += [story.intend(position=position)]
    waiting = story.intend(token=OTHER)
    entries += [waiting, story.submit(waiting)]
    return story, [as_line(entry) for entry in entries]


async def thorough(story: Story, lines: Sequence[Line]) -> StreamFold:
    fold = StreamFold(story.wallet, story.agent_id, len(lines))
    await fold_lines(fold, read(lines), None, None)
    fold.compare_sums()
    return fold


def quick(story: Story, lines: Sequence[Line], known: Checked | None = None) -> Followed:
    fold = QuickFold(story.wallet, story.agent_id, known)
    fold.add(lines)
    return fold.followed()


def read(lines: Sequence[Line]) -> Lines:
    async def hand_on(after: int, take: Take) -> None:
        take(lines[after:])

    return hand_on


def checked(story: Story, followed: Followed) -> Checked:
    folded = Folded(followed.state, None, followed.sums, followed.decimals)
    return Checked(story.wallet, story.agent_id, followed.last_seq, followed.last_id, followed.digest, folded)


async def test_both_come_to_what_the_ledger_came_to() -> None:
    story, lines = a_life()

    followed, fold = quick(story, lines), await thorough(story, lines)

    assert followed.state == fold.state == story.state
    assert (followed.sums, followed.decimals) == (fold.sums, fold.decimals)
    assert (followed.last_seq, followed.last_id, followed.digest) == (
        fold.last_seq,
        fold.last_id,
        fold.digest,
    )
    assert fold.differences == []


async def test_a_fold_that_goes_on_comes_to_the_same_from_everywhere() -> None:
    story, lines = a_life()
    whole = quick(story, lines)

    for place in range(3, len(lines)):
        start = checked(story, quick(story, lines[:place]))
        fold = StreamFold(story.wallet, story.agent_id, len(lines))
        count = await fold_lines(fold, read(lines), start, QuickFold(story.wallet, story.agent_id, None))
        assert (count, fold.state, fold.digest) == (len(lines) - place, whole.state, whole.digest)


async def test_what_the_thorough_one_finds_is_not_let_pass() -> None:
    story, lines = a_life()
    known = checked(story, quick(story, lines))
    chance, found = random.Random(7), 0
    for _ in range(600):
        changed = tampered(chance, lines)
        if changed == lines:
            continue
        fold = await thorough(story, changed)
        with pytest.raises(DoubtfulError):
            # What was checked before is known by its digest, to the letter.
            quick(story, changed, known)
        try:
            followed = quick(story, changed)
        except DoubtfulError:
            found += 1
        else:
            assert fold.differences == []
            assert (followed.state, followed.sums, followed.digest) == (fold.state, fold.sums, fold.digest)
    assert found > 100


def tampered(chance: random.Random, lines: Sequence[Line]) -> list[Line]:
    """Return lines of which one is gone, twice there, at another place, or has another character or digit."""
    changed = list(lines)
    at = chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            del changed[at]
        case 1:
            changed.insert(at, changed[at])
        case 2:
            other = chance.randrange(len(lines))
            changed[at], changed[other] = changed[other], changed[at]
        case 3:
            changed[at] = with_field(changed[at], 2, chance.randrange(30))
        case _:
            field = chance.choice((POSTINGS, BODY, BODY))
            text = cast("bytes", changed[at][field]).decode()
            digits = [place for place, letter in enumerate(text) if letter.isdigit()] or [0]
            place = chance.choice((chance.randrange(len(text)), chance.choice(digits)))
            text = text[:place] + chance.choice('0123456789abc"-{}') + text[place + 1 :]
            changed[at] = with_field(changed[at], field, text.encode())
    return changed


def with_field(line: Line, field: int, value: object) -> Line:
    return cast("Line", (*line[:field], value, *line[field + 1 :]))


def newest(lines: Sequence[Line], kind: bytes, words: bytes) -> Line:
    """Return the last line of a kind whose body has these words in it."""
    return next(line for line in reversed(lines) if line[4] == kind and words in line[6])


def another(line: Line, seq: int, kind: bytes, body: object) -> Line:
    """Return a line of the same agent and time."""
    return (str(new_id()).encode(), line[1], seq, line[3], kind, b"[]", json.dumps(body).encode())


def test_a_mint_has_a_number_for_each_of_its_decimals() -> None:
    mints = Mints()
    known = [(TOKEN, 6), (OTHER, 6), (TOKEN, 9), (TOKEN, 6), (OTHER, 6), (TOKEN, 9), (TOKEN, 0)]

    numbers = [mints.number(*one) for one in known]

    assert numbers == [0, 1, 2, 0, 1, 2, 3]
    assert [mints[number] for number in numbers] == known


def test_what_was_left_is_known_however_often_and_with_the_decimals_it_had_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the order in which each was left first, also where what is noted is written anew in between."""
    story, lines = a_life()
    whole = quick(story, lines)
    monkeypatch.setattr(quick_fold, "_NOTED", 1)

    again = quick(story, lines)

    assert (list(again.sums.items()), list(again.decimals.items())) == (
        list(whole.sums.items()),
        list(whole.decimals.items()),
    )
    assert len(again.sums) > 2


@pytest.mark.parametrize("spelled", [str.upper, lambda text: text.replace("-", "")])
@pytest.mark.parametrize("changes", [("id",), ("position_id",)])
async def test_an_id_that_is_written_in_another_way_is_the_same(
    spelled: Callable[[str], str], changes: Sequence[str]
) -> None:
    """Of an intent that is open already, and of a position with an operation under way."""
    story, lines = a_life()
    selling = newest(lines, b"intended", b'"kind":"sale"')
    body = json.loads(selling[6])
    known = {name: body["intent"][name] for name in ("id", "position_id")}
    body["intent"].update({"id": str(new_id()), "position_id": None, "reserved_raw": 0})
    body["intent"].update({name: spelled(known[name]) for name in changes})
    again = another(selling, len(lines) + 1, b"intended", body)

    assert (await thorough(story, [*lines, again])).differences
    with pytest.raises(DoubtfulError):
        quick(story, [*lines, again])


async def test_a_position_is_closed_however_its_id_is_written() -> None:
    story, lines = a_life()
    selling = newest(lines, b"intended", b'"kind":"sale"')
    sold = newest(lines, b"settled", b'"position":null')
    intent, body = json.loads(selling[6])["intent"], json.loads(sold[6])
    body.update({"intent_id": intent["id"], "position_id": intent["position_id"].upper()})
    closed = another(selling, len(lines) + 1, b"settled", body)
    lines = [*lines, closed]
    fold = StreamFold(story.wallet, story.agent_id, len(lines))

    await fold_lines(fold, read(lines), None, QuickFold(story.wallet, story.agent_id, None))

    assert fold.state == (await thorough(story, lines)).state
    assert fold.state is not None
    assert not fold.state.positions


async def test_an_intent_is_not_covered_by_its_own_postings() -> None:
    story, lines = a_life()
    story.wait(minutes=1)
    intended = story.intend(token=OTHER)
    body, more = cast("TradeIntended", intended.body), 10**12
    greedy = replace(intended, body=TradeIntended(replace(body.intent, amount_raw=more, reserved_raw=more)))
    line = with_field(as_line(greedy), POSTINGS, to_json(SOL.moved(more, Account.EXTERNAL)).encode())

    assert (await thorough(story, [*lines, line])).differences
    with pytest.raises(DoubtfulError):
        quick(story, [*lines, line])


async def test_a_stream_that_ends_before_what_was_checked_is_not_let_pass() -> None:
    story, lines = a_life()
    known = checked(story, quick(story, lines))

    with pytest.raises(DoubtfulError):
        quick(story, lines[:-1], known)


def test_unknown_kinds_and_foreign_starts_are_left_to_the_thorough_one() -> None:
    story, lines = a_life()

    with pytest.raises(DoubtfulError):
        quick(story, [with_field(lines[0], 4, b"blessed")])
    fold = QuickFold(story.wallet, story.agent_id, None)
    with pytest.raises(DoubtfulError):
        fold.go_on_from(replace(checked(story, quick(story, lines)), agent_id=None))


@pytest.mark.parametrize(
    "at",
    [
        T0,
        T0 + timedelta(microseconds=120_000),
        T0 + timedelta(microseconds=123_456),
        datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_a_line_of_a_file_has_the_digest_that_it_had_in_the_table(at: datetime) -> None:
    """Digests that are kept were made of what Python writes."""
    text = f"{at:%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".") + "+00"
    (entry_id, agent_id), rest = (new_id(), new_id()), ("kind", "[]", "{}")

    line = line_of([str(entry_id), str(agent_id), "1", f"{at.year:04d}-{text}", *rest])
    digest = hashlib.blake2b(
        f"before{entry_id}|{agent_id}|1|{at.isoformat()}|kind|[]|{{}}".encode(), digest_size=32
    ).digest()
    assert chained(b"before", line) == digest
    row = row_of(line, WalletAddress("w"))
    assert (row["entry_id"], row["agent_id"], row["seq"], row["at"]) == (entry_id, agent_id, 1, at)


@pytest.mark.parametrize(
    "values",
    [
        ("plain", "two words"),
        ('{"a":"\\"quoted\\""}', "x"),
        ("back\\slash \\\\ twice", "tab\tnew\nline\rend"),
        ("\b\f\v", "\\n is no new line"),
    ],
)
def test_fields_are_read_as_copy_writes_them(values: tuple[str, ...]) -> None:
    letters = {
        "\\": "\\\\",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
    }
    row = "\t".join("".join(letters.get(letter, letter) for letter in value) for value in values)

    assert fields_of(row) == list(values)
