"""Log lines: their form, and that no secret is in them."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from nexgent.infrastructure.logging.redaction import HIDDEN, is_secret_name, redacted_text
from nexgent.infrastructure.logging.setup import configure_logging
from nexgent.infrastructure.logging.sink import LineSink


@pytest.fixture
def lines() -> Iterator[io.BytesIO]:
    stream = io.BytesIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(level="info", json_lines=True, environment="test", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_has_the_usual_fields(lines: io.BytesIO) -> None:
    structlog.get_logger().warning("trade.refused", code="X", amount_sol="1.5")
    structlog.get_logger().debug("not.shown")

    (line,) = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert (line["level"], line["msg"], line["env"], line["code"]) == (40, "trade.refused", "test", "X")
    assert line["time"] > 1_700_000_000_000


def test_lines_of_libraries_come_along(lines: io.BytesIO) -> None:
    logging.getLogger("somebody").error("broken at %s", "redis://:pa55@host/0")

    line = json.loads(lines.getvalue())
    assert line["msg"] == f"broken at redis://{HIDDEN}@host/0" or line["logger"] == "somebody"
    assert b"pa55" not in lines.getvalue()


def test_secrets_stay_out(lines: io.BytesIO) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJlLXBhNTU"
    try:
        raise ValueError("postgresql://u:pa55@h/d refused Bearer pa55pa55")
    except ValueError:
        structlog.get_logger().exception(
            "request.failed",
            password="pa55",
            api_key="pa55",
            headers={"Authorization": "Bearer pa55", "x-api-key": "pa55"},
            url="https://rpc.example/?api-key=pa55&x=1",
            note=f"token {token}",
            jwt=token,
            key=[55] * 64,
            wallet="5" * 88,
        )

    text = lines.getvalue()
    assert b"pa55" not in text
    assert b"eyJ" not in text
    assert b"5" * 88 not in text
    assert b"55,55" not in text
    assert b"55, 55" not in text


def test_the_token_of_a_bot_is_part_of_addresses_and_stays_out() -> None:
    token = "123456789:AAF-some_thing_that_BotFather_gave_0"

    for text in (
        f"POST https://api.telegram.org/bot{token}/getMe",
        f"/bot{token.replace(':', '%3A')}/x",
        f"bot {token}",
    ):
        assert "BotFather" not in redacted_text(text)
        assert HIDDEN in redacted_text(text)
    assert redacted_text("2026-11-30T12:00:00+00:00 12:34:56 and 1234567:short") == (
        "2026-11-30T12:00:00+00:00 12:34:56 and 1234567:short"
    )


@pytest.mark.parametrize(
    "login",
    ["me:pa55word", ":pa55word", "me:pa/55word", "me:/pa55word", "me:p@55word", "me:p@/@55word", "pa55word"],
)
def test_a_login_in_an_address_stays_out_whatever_is_in_it(login: str) -> None:
    text = redacted_text(f"cannot reach postgresql://{login}@db.example:5432/nexgent, trying again")

    assert "55word" not in text
    assert text == f"cannot reach postgresql://{HIDDEN}@db.example:5432/nexgent, trying again"


def test_addresses_without_a_login_stay_readable() -> None:
    for text in (
        "https://api.example/v1/users/@me",
        "http://127.0.0.1:4000/api/v1/health",
        "see https://api.example, or write to me@example.com",
        '{"url":"https://api.example/v1","by":"me@example.com"}',
    ):
        assert redacted_text(text) == text


def test_what_is_public_stays_readable() -> None:
    address = "So11111111111111111111111111111111111111112"

    assert redacted_text(address) == address
    assert redacted_text("4" * 88, signature=True) == "4" * 88
    for name in ("token_address", "tokenSymbol", "signal_id", "tokens", "wallet_address"):
        assert not is_secret_name(name)


def test_values_no_encoder_likes_are_written_all_the_same(lines: io.BytesIO) -> None:
    structlog.get_logger().info("odd", text="half \ud800", number=10**30, thing=object())

    assert json.loads(lines.getvalue())["number"] == 10**30


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    class Disk(io.BytesIO):
        full = False

        def flush(self) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")

    disk = Disk()
    sink = LineSink(disk)
    sink.info(b"one")
    disk.full = True
    sink.warning(b"two")
    sink.error(b"three")
    disk.full = False
    sink.info(b"four")

    assert b"--- 2 lines could not be written ---\nfour\n" in disk.getvalue()
    disk.close()
    sink.info(b"nobody")


def test_a_reader_that_is_gone_is_no_error() -> None:
    receiving, sending = os.pipe()
    os.close(receiving)
    with os.fdopen(sending, "wb", buffering=0) as stream:
        LineSink(stream).info(b"nobody hears this")
