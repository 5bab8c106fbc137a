"""How much is logged is changed while the process runs: at once, for everything or for a part, and at no cost where it is not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from nexgent.infrastructure.logging.setup import configure_logging, log_levels

PRICES, POLLER, TRADING = "nexgent.domain.prices", "nexgent.domain.prices.poller", "nexgent.domain.trading"


class Lines:
    """What was logged, by loggers as modules have them."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        configure_logging(level="info", json_lines=True, environment="test", stream=self.stream)
        self.loggers = {name: structlog.get_logger(name) for name in (PRICES, POLLER, TRADING)}
        for logger in self.loggers.values():
            # Each has spoken once, and is kept as it is from then on.
            logger.info("begun")
        self.said()

    def said(self) -> list[str]:
        """Return the events since the last time."""
        events = [json.loads(line)["msg"] for line in self.stream.getvalue().splitlines()]
        self.stream.seek(0)
        self.stream.truncate()
        return events

    def speak(self) -> list[str]:
        """Let every logger speak at every level; return what is logged of it."""
        for name, logger in self.loggers.items():
            for level in ("debug", "info", "warning"):
                getattr(logger, level)(f"{name}:{level}")
        return self.said()


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Lines()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_everything_is_logged_from_another_level_on_at_once_and_back(lines: Lines) -> None:
    usual = lines.speak()
    assert not any(event.endswith(":debug") for event in usual)

    assert log_levels().change("debug").level == "debug"
    assert sum(event.endswith(":debug") for event in lines.speak()) == 3
    log_levels().change("error")
    assert lines.speak() == []
    standing = log_levels().change(None)

    assert (standing.level, standing.configured, standing.loggers) == ("info", "info", {})
    assert lines.speak() == usual


def test_a_part_has_a_level_of_its_own_and_what_is_named_more_exactly_counts(lines: Lines) -> None:
    log_levels().change("debug", PRICES)
    log_levels().change("warn", POLLER)
    said = lines.speak()

    assert f"{PRICES}:debug" in said
    assert [event for event in said if event.startswith(f"{POLLER}:")] == [f"{POLLER}:warning"]
    assert f"{TRADING}:debug" not in said
    assert log_levels().standing().loggers == {PRICES: "debug", POLLER: "warn"}
    log_levels().change(None, POLLER)
    assert f"{POLLER}:debug" in lines.speak()


def test_everything_back_takes_back_the_levels_of_parts_as_well(lines: Lines) -> None:
    usual = lines.speak()
    log_levels().change("error")
    log_levels().change("debug", POLLER)
    log_levels().change("warn", TRADING)

    assert log_levels().change(None).loggers == {}
    assert lines.speak() == usual


def test_a_name_that_only_begins_alike_is_another_one(lines: Lines) -> None:
    log_levels().change("debug", "nexgent.domain.trad")

    assert f"{TRADING}:debug" not in lines.speak()


def test_loggers_that_speak_for_the_first_time_and_those_that_are_bound_go_by_it_too(lines: Lines) -> None:
    log_levels().change("debug", TRADING)
    structlog.get_logger(f"{TRADING}.orders").debug("new")
    lines.loggers[TRADING].bind(agent="A").debug("bound")

    assert lines.said() == ["new", "bound"]


def test_libraries_speak_from_the_level_on_and_those_that_tell_of_requests_stay_quiet(lines: Lines) -> None:
    log_levels().change("debug")
    logging.getLogger("some.library").debug("library")
    logging.getLogger("httpx").info("GET https://example.com/?key=secret")

    assert lines.said() == ["library"]
    log_levels().change(None)
    logging.getLogger("some.library").debug("library")
    assert lines.said() == []


def test_what_is_below_the_level_costs_no_more_than_a_method_that_does_nothing(lines: Lines) -> None:
    """The very method structlog has for a level that is filtered at start, also after changing back and forth."""
    nothing = structlog.make_filtering_bound_logger(logging.INFO).debug
    log_levels().change("debug")
    log_levels().change(None)

    assert type(lines.loggers[PRICES].bind()).debug is nothing
