"""The tables of docs/prices.md, each cell against the real validator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from nexgent.domain.prices.models import PriceSource
from tests.unit.prices.polls import BOTH, Polls

TEXT = (Path(__file__).parents[3] / "docs" / "prices.md").read_text(encoding="utf-8")
BOUGHT, STOP = Decimal(100), Decimal(90)
STATES = ("tells", "denies", "silent", "away", "frozen")
POLLS = 8


def tables(heading: str) -> Iterator[list[list[str]]]:
    """Return the tables of a section, rows of cells with the head first."""
    section = TEXT.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
        yield [rows[0], *rows[2:]]


def cells(heading: str) -> list[tuple[str, str, str, str]]:
    """Return price, state of one source, state of the other, and what the cell says."""
    return [
        (head[0].removeprefix("to "), row[0], other, cell)
        for head, *rows in tables(heading)
        for row in rows
        for other, cell in zip(head[1:], row[1:], strict=True)
    ]


FALLS = cells("A fall, by what the sources are")
ENTRIES = cells("An entry, by what the sources are")
FIRST = [row for _, *rows in tables("The first price, after a purchase and after a start") for row in rows]


def before_the_fall(states: dict[PriceSource, str]) -> Polls:
    """Return polls at which a price of 100 was accepted, with the sources in their states."""
    polls = Polls.at("100")
    wiggle = ("101", "99.5", "100.5", "99", "101", "100")
    for number in range(18):
        said: dict[PriceSource, str | None] = {}
        for source, state in states.items():
            said[source] = None if state == "away" else "100" if state == "frozen" else wiggle[number % 6]
        polls.poll(said)
        for source, state in states.items():
            if state not in ("away", "frozen"):
                polls.news(source, number)
    calm = dict.fromkeys(states, "100")
    polls.poll({source: None if states[source] == "away" else price for source, price in calm.items()})
    return polls


def fall(polls: Polls, states: dict[PriceSource, str], price: str, number: int) -> None:
    said = {"tells": price, "denies": "100", "silent": None, "away": None, "frozen": "100"}
    polls.poll({source: said[state] for source, state in states.items()})
    for source, state in states.items():
        if state in ("tells", "denies"):
            polls.news(source, number)


def arrangements(one: str, other: str) -> Iterator[dict[PriceSource, str]]:
    """Return who is in which state, either source being either, in either order of answering."""
    for sources in permutations(BOTH):
        for order in permutations(BOTH):
            states = dict(zip(sources, (one, other), strict=True))
            yield {source: states[source] for source in order}


def test_the_tables_are_complete() -> None:
    pairs = {(price, one, other) for price in ("82", "50") for one in STATES for other in STATES}

    assert {cell[:3] for cell in FALLS} == pairs
    assert {cell[:3] for cell in ENTRIES} == {pair for pair in pairs if pair[1] in ("tells", "denies")}
    assert len(FIRST) == 7


@pytest.mark.parametrize(("price", "one", "other", "cell"), FALLS)
def test_the_poll_at_which_a_stop_fires(price: str, one: str, other: str, cell: str) -> None:
    for states in arrangements(one, other):
        polls = before_the_fall(states)
        fired = None
        for number in range(1, POLLS + 1):
            fall(polls, states, price, number)
            if fired is None and polls.accepted is not None and polls.accepted <= STOP:
                fired = number
        assert str(fired or "never") == cell, states


@pytest.mark.parametrize(("price", "one", "other", "cell"), ENTRIES)
def test_whether_somebody_may_buy(price: str, one: str, other: str, cell: str) -> None:
    for states in arrangements(one, other):
        polls, found = before_the_fall(states), []
        for number in (1, 2):
            fall(polls, states, price, number)
            found.append("no" if polls.doubtful else "yes")
        assert ", ".join(found) == cell, states


@pytest.mark.parametrize(("one", "other", "just_bought", "long_ago"), FIRST)
@pytest.mark.parametrize("order", list(permutations(BOTH)))
def test_the_first_price(
    order: tuple[PriceSource, ...], one: str, other: str, just_bought: str, long_ago: str
) -> None:
    for cell, paid_ago in ((just_bought, 1.0), (long_ago, 86_400.0)):
        for answers in permutations(zip(order, (one, other), strict=True)):
            if answers[1][1] == "away":
                continue
            polls, found = Polls(sources=BOTH, paid="100", paid_ago=paid_ago), []
            for number in range(1, 66):
                polls.poll({source: None if said == "away" else said for source, said in answers})
                for source, said in answers:
                    if said != "away":
                        polls.news(source, number)
                if number in (1, 3, 65):
                    found.append(polls.accepted)
            texts = ["none" if price is None else format(price.normalize(), "f") for price in found]
            assert ", ".join(texts) == cell, answers
