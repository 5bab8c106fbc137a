"""Pyth's stream and updates, byte for byte."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.infrastructure.external.json_values import BadJsonError
from nexgent.infrastructure.external.pyth.sse import (
    MAX_EVENT_BYTES,
    EventParser,
    EventTooLargeError,
    ServerEvent,
)
from nexgent.infrastructure.external.pyth.updates import SOL_USD_FEED_ID, sol_price_of

NOW = datetime(2026, 11, 23, 2, 40, 5, tzinfo=UTC)
PUBLISHED = int(NOW.timestamp()) - 2


def _update(**changes: object) -> bytes:
    price = {"price": "14748213377", "conf": "7020011", "expo": -8, "publish_time": PUBLISHED} | changes
    return json.dumps({"parsed": [{"id": SOL_USD_FEED_ID, "price": price, "metadata": None}]}).encode()


def test_a_price_is_exact() -> None:
    price = sol_price_of(_update(), feed_id="0x" + SOL_USD_FEED_ID.upper(), now=NOW)

    assert price is not None
    assert price.price_usd == Decimal("147.48213377")
    assert price.published_at == NOW - timedelta(seconds=2)


def test_an_exponent_of_zero_is_zero() -> None:
    price = sol_price_of(_update(price="147", conf="1", expo=0), feed_id=SOL_USD_FEED_ID, now=NOW)

    assert price is not None
    assert price.price_usd == 147


@pytest.mark.parametrize(
    "changes",
    [
        {"conf": "147482134"},
        {"conf": None},
        {"conf": "-1"},
        {"price": "0"},
        {"price": "-5"},
        {"price": "abc"},
        {"expo": None},
        {"expo": 10**9},
        {"publish_time": None},
        {"publish_time": PUBLISHED + 3600},
        {"publish_time": 10**18},
    ],
)
def test_what_cannot_be_trusted_is_unusable(changes: dict[str, object]) -> None:
    assert sol_price_of(_update(**changes), feed_id=SOL_USD_FEED_ID, now=NOW) is None


def test_a_confidence_of_exactly_one_percent_is_still_usable() -> None:
    assert sol_price_of(_update(price="10000", conf="100"), feed_id=SOL_USD_FEED_ID, now=NOW) is not None


def test_another_feed_is_not_ours() -> None:
    assert sol_price_of(_update(), feed_id="ab" * 32, now=NOW) is None


def test_an_update_without_prices_is_none_and_nonsense_an_error() -> None:
    assert sol_price_of(b'{"binary":{}}', feed_id=SOL_USD_FEED_ID, now=NOW) is None
    with pytest.raises(BadJsonError):
        sol_price_of(b"[1", feed_id=SOL_USD_FEED_ID, now=NOW)


STREAM = (
    b'data:{"a":1}\n\n:\n\nevent:error\ndata: Connection timeout reached (24h)\n\ndata: x\r\ndata:y\r\n\r\n'
)
EVENTS = [
    ServerEvent("message", b'{"a":1}'),
    ServerEvent("error", b"Connection timeout reached (24h)"),
    ServerEvent("message", b"x\ny"),
]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_do_not_depend_on_where_the_stream_is_cut(cuts: list[int]) -> None:
    parser = EventParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [event for start, end in itertools.pairwise(edges) for event in parser.feed(STREAM[start:end])]

    assert found == EVENTS


def test_an_event_that_never_ends_is_refused() -> None:
    parser = EventParser()

    list(parser.feed(b"data:" + b"x" * (MAX_EVENT_BYTES - 10) + b"\n"))

    with pytest.raises(EventTooLargeError):
        list(parser.feed(b"data:" + b"x" * 20))
