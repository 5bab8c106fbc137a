"""What people read, and what no text may hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from nexgent.domain.notifications.models import EventKind
from nexgent.domain.notifications.ports import Result
from nexgent.domain.notifications.reports import report, report_days
from nexgent.domain.notifications.trades import amount
from nexgent.infrastructure.notifications.apprise_child import without_secrets
from nexgent.shared.addresses import is_public
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId

USER = UserId(new_id())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("1.000000001", "+1"),
        ("-0.25", "-0.25"),
        ("0.000000012345", "+0.000000012"),
        ("12.34567", "+12.3457"),
    ],
)
def test_amounts_are_short(value: str, text: str) -> None:
    assert amount(Decimal(value), signed=True) == text


@pytest.mark.parametrize(
    ("now", "day", "week"),
    [
        ("2026-11-30T00:04", (date(2026, 11, 28),) * 2, (date(2026, 11, 16), date(2026, 11, 22))),
        ("2026-11-30T00:05", (date(2026, 11, 29),) * 2, (date(2026, 11, 23), date(2026, 11, 29))),
        ("2026-12-06T23:59", (date(2026, 12, 5),) * 2, (date(2026, 11, 23), date(2026, 11, 29))),
    ],
)
def test_a_day_is_over_five_minutes_after_midnight(
    now: str, day: tuple[date, date], week: tuple[date, date]
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert report_days(EventKind.DAILY_REPORT, moment) == day
    assert report_days(EventKind.WEEKLY_REPORT, moment) == week
    assert report_days(EventKind.TEST, moment) is None


def test_a_report_never_adds_paper_to_real_money() -> None:
    paper = Result(USER, False, 3, 1, Decimal("-0.5"), Decimal(-75), Decimal("0.1"), Decimal("-0.4"))
    live = Result(USER, True, 1, 1, Decimal("0.25"), Decimal("37.5"), Decimal("0.25"), Decimal("0.25"))
    day = date(2026, 11, 29)
    told = report(EventKind.DAILY_REPORT, day, day, [paper, live], USER, datetime(2026, 11, 30, tzinfo=UTC))
    assert told.title == "Day 2026-11-29: +0.25 SOL; -0.5 SOL on paper"
    assert told.text.splitlines() == [
        "Real money: 1 closed trade, 100 % won, +37.50 USD; best +0.25, worst +0.25 SOL",
        "On paper: 3 closed trades, 33 % won, -75.00 USD; best +0.1, worst -0.4 SOL",
    ]
    assert told.facts["live.profitLossSol"] == "0.25"
    nothing = report(
        EventKind.WEEKLY_REPORT, day, date(2026, 12, 5), [], USER, datetime(2026, 12, 6, tzinfo=UTC)
    )
    assert nothing.title == "Week 2026-11-29 to 2026-12-05: no trade was closed"


def test_an_error_has_nothing_of_the_address_in_it() -> None:
    url = "json://user:passw0rd@internal.example:8080/t0ken/room?key=abcd1234"
    text = without_secrets(f"POST to {url} failed: internal.example said t0ken is bad\nabcd1234", url)
    for secret in ("passw0rd", "t0ken", "abcd1234", "internal.example"):
        assert secret not in text
    assert text.startswith("POST to json://… failed")
    assert len(without_secrets("x" * 1_000, url)) == 200


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:0a00:0001::",
        "2001:0:1::1",
        "::ffff:0:127.0.0.1",
        "fec0::1",
        "localhost",
        "",
    ],
)
def test_addresses_that_are_not_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)
