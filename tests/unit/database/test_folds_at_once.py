"""Many streams that come mixed come to what each comes to by itself, or are left."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from nexgent.infrastructure.database.journal import folds_at_once
from nexgent.infrastructure.database.journal.folds_at_once import FoldsAtOnce
from nexgent.infrastructure.database.journal.lines import Line
from nexgent.infrastructure.database.journal.quick_fold import Followed, Mints, QuickFold
from tests.integration.database.story import Story
from tests.unit.database.test_quick_fold import a_life, checked, quick, with_field

LIVES = [a_life() for _ in range(3)]
SEQ, BODY = 2, 6


def taken(lines: Iterable[tuple[Story, Line]], after: int = 0) -> list[Followed | None]:
    """Return what each stream comes to, None for one that is left."""
    folds, mints = FoldsAtOnce(), Mints()
    for story, life in LIVES:
        fold = QuickFold(story.wallet, story.agent_id, None, mints)
        if after:
            fold.go_on_from(checked(story, quick(story, life[:after])))
        folds.add(story.wallet, fold, after)
    for story, line in lines:
        folds.take(story.wallet.encode(), line)
    folds.take(b"nobody", LIVES[0][1][0])
    found = [folds.pop(story.wallet, len(life)) for story, life in LIVES]
    assert all(folds.pop(story.wallet, len(life)) is None for story, life in LIVES)
    return [fold.followed() if fold is not None else None for fold in found]


def mixed(chance: random.Random, most: int) -> list[tuple[Story, Line]]:
    """Return the lines of all, each up to so many places from where it should be."""
    lines = [(story, life[at]) for at in range(len(LIVES[0][1])) for story, life in LIVES]
    places = sorted(range(len(lines)), key=lambda place: place + chance.randrange(most + 1))
    return [lines[place] for place in places]


ALONE = [quick(story, life) for story, life in LIVES]


def test_each_comes_to_what_it_comes_to_by_itself() -> None:
    assert taken(mixed(random.Random(1), 0)) == ALONE


@pytest.mark.parametrize("seed", range(10))
def test_lines_that_come_early_wait(seed: int) -> None:
    assert taken(mixed(random.Random(seed), 30)) == ALONE


def test_lines_from_before_the_start_are_passed_over() -> None:
    followed = taken(mixed(random.Random(1), 5), after=4)

    # Of what it had left before, and what is nothing, a fold that goes on knows nothing.
    assert [one and (one.state, one.digest) for one in followed] == [(one.state, one.digest) for one in ALONE]


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_one_that_lacks_a_line_has_it_twice_or_another_is_left_and_no_other(place: int) -> None:
    lines = mixed(random.Random(1), 3)
    (story, line), rest = lines[place], lines[:place] + lines[place + 1 :]
    others = [one if life[0] is not story else None for one, life in zip(ALONE, LIVES, strict=True)]

    for changed in (
        rest,
        [*lines, (story, line)],
        [(story, line), *lines],
        [*lines, (story, with_field(line, SEQ, 999))],
        [*rest, (story, with_field(line, BODY, b"{}"))],
    ):
        assert taken(changed) == others


def test_too_many_that_wait_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds_at_once, "_MOST_WAITING", 5)
    first, *others = LIVES
    backwards = [(first[0], line) for line in reversed(first[1])]
    rest = [(story, line) for story, life in others for line in [life[1], life[0], *life[2:]]]

    assert taken([*backwards, *rest]) == [None, *ALONE[1:]]
